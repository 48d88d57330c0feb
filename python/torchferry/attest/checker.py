"""The program that checked: its version, and a digest of its own files, so that a changed checker cannot pass for this one."""

from __future__ import annotations

import functools
import hashlib

from torchferry.bundle.digest import sha256_of_stream
from torchferry.installed import FOLDER


@functools.cache
def checker_digest() -> str:
    """Return the SHA-256 of the lines that `sha256sum` prints for the package's files, sorted by path; without compiled Python files.

    In a shell, inside the package's folder: `find * -type f ! -name '*.pyc' | LC_ALL=C sort | xargs sha256sum | sha256sum`.
    """
    digest = hashlib.sha256()
    files = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.is_file()}
    for name in sorted(files):
        if not name.endswith(".pyc"):
            with files[name].open("rb") as stream:
                digest.update(f"{sha256_of_stream(stream)}  {name}\n".encode())
    return digest.hexdigest()
