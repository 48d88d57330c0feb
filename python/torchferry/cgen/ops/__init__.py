"""One operator, one file. A file is found by its place here: it lists what it lowers in `OPERATORS`.

A node is a `Step` with its definition in NumPy, its tables, scratch memory, C lines and description; or an `Elementwise`, one row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from torchferry.cgen.lowering import Lowering, Operator


def operators() -> Iterator[Operator]:
    """Yield the operators of every file, in the order of the files' names. Raises ValueError for a file without a list."""
    for module in iter_modules(__path__):
        found: tuple[Operator, ...] | None = getattr(import_module(f"{__name__}.{module.name}"), "OPERATORS", None)
        if found is None:
            raise ValueError(
                f"{__name__}.{module.name}: got no OPERATORS, expected those that the file lowers, or an empty tuple"
            )
        yield from found


@cache
def lowerings() -> Mapping[str, Lowering]:
    """Return the lowering of each ATen name. Raises ValueError where two operators take one name."""
    table: dict[str, Lowering] = {}
    for operator in operators():
        for name in operator.aten:
            if name in table:
                raise ValueError(f"{name}: got two operators that take it, expected one")
            table[name] = operator.lower
    return table


@cache
def supported() -> str:
    """Return the words for all that C can express, for a refusal."""
    return ", ".join(sorted({word for operator in operators() for word in operator.words}, key=str.casefold))
