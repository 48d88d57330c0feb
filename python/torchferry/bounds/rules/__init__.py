"""Rules of the certified bound: one file an operator or family, found by its place, with a table `RULES` by ATen name.

A rule takes the operator's arguments, tensors as `Bounded`, and returns what the operator makes of them. The arithmetic of
errors that rules are made of is in bounds/error_bound.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

Rule = Callable[..., Any]


@cache
def rules() -> Mapping[str, Rule]:
    """Return the rule of each ATen name. Raises ValueError for a file without a table, and where two files have one name."""
    table: dict[str, Rule] = {}
    for module in iter_modules(__path__):
        found: Mapping[str, Rule] | None = getattr(import_module(f"{__name__}.{module.name}"), "RULES", None)
        if found is None:
            raise ValueError(f"{__name__}.{module.name}: got no RULES, expected the rules of the file by ATen name")
        for name in found:
            if name in table:
                raise ValueError(f"{name}: got two rules, expected one")
        table.update(found)
    return table
