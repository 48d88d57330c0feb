"""One operator, one file. A file is found by its place here: it lists what it lowers in `OPERATORS`.

A node is a `Step` with its definition in NumPy, its tables, scratch memory, C lines and description; or an `Elementwise`, one row.
Where an argument or the result is complex, `OF_COMPLEX` of some file has the lowering: such a result is two values, the real and
the imaginary part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.complex_parts import is_complex
from torchferry.cgen.lowering import Lowering, Operator
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import Value


def operators() -> Iterator[Operator]:
    """Yield the operators of every file, in the order of the files' names. Raises ValueError for a file without a list."""
    for module in iter_modules(__path__):
        found: tuple[Operator, ...] | None = getattr(import_module(f"{__name__}.{module.name}"), "OPERATORS", None)
        if found is None:
            raise ValueError(
                f"{__name__}.{module.name}: got no OPERATORS, expected those that the file lowers, or an empty tuple"
            )
        yield from found


def of_complex() -> Iterator[Operator]:
    """Yield the operators of complex numbers of every file that has some."""
    for module in iter_modules(__path__):
        yield from getattr(import_module(f"{__name__}.{module.name}"), "OF_COMPLEX", ())


@cache
def lowerings() -> Mapping[str, Lowering]:
    """Return the lowering of each ATen name. Raises ValueError where two operators take one name."""
    real, parts = _by_name(operators()), _by_name(of_complex())
    return {name: _either(real.get(name), parts.get(name)) for name in {**real, **parts}}


def _by_name(found: Iterator[Operator]) -> dict[str, Lowering]:
    table: dict[str, Lowering] = {}
    for operator in found:
        for name in operator.aten:
            if name in table:
                raise ValueError(f"{name}: got two operators that take it, expected one")
            table[name] = operator.lower
    return table


def _either(real: Lowering | None, parts: Lowering | None) -> Lowering:
    """Return the lowering that takes a node by whether complex numbers are in it."""

    def lower(builder: Builder, node: torch.fx.Node) -> Value | tuple[Value, ...]:
        chosen = parts if any(is_complex(argument) for argument in (node, *node.all_input_nodes)) else real
        if chosen is None:
            raise refuse(node, f"{node.target} of {'real' if real is None else 'complex'} numbers", "another operator")
        return chosen(builder, node)

    return lower


@cache
def words() -> tuple[str, ...]:
    """Return the words for all that C can express, as the documentation lists them."""
    found = {word for operator in (*operators(), *of_complex()) for word in operator.words}
    return tuple(sorted(found, key=str.casefold))
