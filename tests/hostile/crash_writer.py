"""A small, fast writer for the crash tests: `python crash_writer.py TARGET NAME` publishes a whole bundle over what stands there."""

from __future__ import annotations

import sys
from pathlib import Path

from builders.bundles import fill_bundle
from torchferry.bundle.writer import staging_folder
from torchferry.errors import FerryError


def main(target: str, name: str) -> int:
    """Write one bundle of this name. Return the exit code; another writer at work is the code of I/O."""
    try:
        with staging_folder(Path(target), force=True) as folder:
            fill_bundle(folder, name=name)
    except FerryError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.code)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
