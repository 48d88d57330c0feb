"""What an export on the command line was asked for, in words; exporter/factory.py and course/export.py make objects of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torchferry.errors import ExitCode, FerryError

EXPORTED = Path("exported")


@dataclass(frozen=True)
class Target:
    """What is written and where; `out` None: a folder of `exported/` with the bundle's name. `formats` may be `all`."""

    formats: Sequence[str]
    quantize: str | None = None
    out: Path | None = None
    force: bool = False
    max_bytes: int | None = None
    max_ram: int | None = None
    separate_weights: bool = False
    allow_ops: Sequence[str] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    stress: bool = True
    io: str = "float"

    def folder(self, name: str) -> Path:
        """Return the folder of a bundle of that name."""
        return EXPORTED / name if self.out is None else self.out


@dataclass(frozen=True)
class Factory:
    """A module as `package.module:factory`, and its interface: inputs, symbols and typed outputs as `NAME: words`."""

    reference: str
    weights: Path | None
    inputs: Mapping[str, str]
    outputs: Mapping[str, str | None]  # None: dtype and shape are what the module gives
    golden: Sequence[Path]  # one a case, the first of which has two samples or more; none: random inputs
    calibration: Path | None  # inputs for int8; None: half of the goldens
    preprocess: str | None
    classes: Sequence[str] | None
    symbols: Mapping[str, str]
    name: str | None
    seed: int
    state: Mapping[str, str] = field(default_factory=dict)  # inputs that a stream carries, and the outputs that they get


def name_of(run: str, name: str | None) -> str:
    """Return the bundle's name of a run, or of `package.module:factory`, which may have another `name`. Raises FerryError(USAGE)."""
    return bundle_name(name or run.strip(":").rpartition(":")[2]) if ":" in run else Path(run).name


def bundle_name(text: str) -> str:
    """Return the text as a name that a manifest allows. Raises FerryError(USAGE) if nothing is left of it."""
    found = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).lstrip("._-")[:64]
    if not found:
        raise FerryError(ExitCode.USAGE, f"name: got {text!r}, expected letters or digits; give --name")
    return found
