"""The operators that a TorchScript archive may use: torchscript_operators.txt as sets. The C++ plugin is built from the same file."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources

from torchferry.bundle.printable import quoted
from torchferry.errors import ExitCode, FerryError

REQUIRES_KEY = "operators"  # in an artifact's `requires`: those that the exporter was allowed besides the list
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*::[A-Za-z_][A-Za-z0-9_]*")


@cache
def allowed_operators() -> frozenset[str]:
    """Return the names, as `aten::add`, that need no permission."""
    return _names("+ ")


@cache
def refused_operators() -> frozenset[str]:
    """Return the names that are known and refused; a name in neither set is refused too."""
    return _names("- ")


def _names(mark: str) -> frozenset[str]:
    text = resources.files(__package__).joinpath("torchscript_operators.txt").read_text(encoding="utf-8")
    return frozenset(line.removeprefix(mark) for line in text.splitlines() if line.startswith(mark))


def recorded_operators(requires: Mapping[str, str]) -> frozenset[str]:
    """Return the operators that an artifact's exporter was allowed. The record is a hint for messages, and gives no permission."""
    return frozenset(name for name in requires.get(REQUIRES_KEY, "").split(",") if name)


def checked_permissions(names: Collection[str]) -> frozenset[str]:
    """Return the names of `--allow-op` as a set. Raises FerryError(USAGE) for a text that names no operator."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise FerryError(
                ExitCode.USAGE, f"--allow-op: got {quoted(name)}, expected an operator's name, e.g. aten::as_strided"
            )
    return frozenset(names)
