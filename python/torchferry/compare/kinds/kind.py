"""What a kind of tolerance must give: its schema, its check, its limit and its words (FORMAT.md sections 6 and 9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

from torchferry.bundle.contract import Array, TensorSpec

if TYPE_CHECKING:  # a manifest needs the rules of a kind and no arrays: numpy takes longer to import than a bundle takes to check
    import numpy as np
    from numpy.typing import NDArray

Differences: TypeAlias = "NDArray[np.float64]"
Mask: TypeAlias = "NDArray[np.bool_]"
BoundOf = Callable[[str], float | None]
"""The bound of the row of another output, of the same engine and device; None where there is none."""

_NAMED = re.compile(r"at most ([0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?): ", re.ASCII)


_PROBABLE = "certified with probability "
_PROBABILITY = re.compile(r"1 - ([0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?): ", re.ASCII)
LEAST_SURE = 1e-9
"""The largest probability of the contrary that a certificate may have. The C++ twin is cpp/src/kinds/kind.cpp."""


class Reasoned(Protocol):
    """A bound with its reason."""

    @property
    def bound(self) -> float:
        """Finite, at least 0."""

    @property
    def reason(self) -> str:
        """Why this bound."""


class Row(Reasoned, Protocol):
    """What a kind needs of a row of the manifest."""

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""

    @property
    def output(self) -> str:
        """The output that is held."""

    @property
    def reference(self) -> str:
        """The golden to compare with: `float32` or `float64`."""

    @property
    def scores(self) -> str | None:
        """The output whose argmax a label is."""


class Kind(Protocol):
    """One kind of tolerance. Problems are texts that begin with the key: `bound: got 1, expected 0`."""

    needs_scores: bool
    """Does the check take the golden scores of a label?"""
    is_limited: bool
    """Is a bound that is too large to tell a right model from a wrong one refused?"""

    def row_problem(self, row: Row) -> str | None:
        """Return the rule that this row breaks, whatever the rest of the bundle says; None where it breaks none."""

    def bundle_problem(self, row: Row, outputs: Mapping[str, TensorSpec], bound_of: BoundOf) -> str | None:
        """Return the rule that the row breaks beside the contract and the other rows."""

    def agrees(self, actual: Array, expected: Array, differences: Differences, bound: float) -> Mask:
        """Say of each element whether it passes; the arrays have one shape."""

    def explains(self, max_abs: float, bound: float) -> bool:
        """Say whether rounding may be why two outputs differ by that much."""

    def share(self, max_abs: float, bound: float) -> float | None:
        """Return how much of the bound a difference takes; None where the bound is no distance from the golden."""

    def cell(self, row: Row) -> str:
        """Return what the column `bound` of a table of verdicts shows."""

    def phrase(self, row: Row) -> str:
        """Say in words what the row demands."""


def name_bound(bound: float, reason: str) -> str:
    """Put the bound at the place of a reason where readers look for it; a bound of 0 has no such place."""
    return f"at most {float(bound)!r}: {reason}" if bound else reason


def name_probability(contrary: float) -> str:
    """Begin the reason of a certificate that holds but for a probability."""
    return f"{_PROBABLE}1 - {contrary!r}: "


def naming_problem(row: Reasoned) -> str | None:
    """Return why the reason is one for another bound: it must begin `at most BOUND: `, to the last digit.

    What follows and begins `certified with probability ` must state one of 1 - LEAST_SURE or more.
    """
    named = _NAMED.match(row.reason)
    if row.bound == 0 if named is None else 0 < row.bound == float(named[1]):
        return _probability_problem(row.reason[0 if named is None else named.end() :])
    opening = f"begins {name_bound(row.bound, '').rstrip()!r}" if row.bound else "names no bound"
    return f"reason: got one for another bound, expected one that {opening}"


def _probability_problem(text: str) -> str | None:
    if not text.startswith(_PROBABLE):
        return None
    stated = _PROBABILITY.match(text, len(_PROBABLE))
    if stated is not None and 0 < float(stated[1]) <= LEAST_SURE:
        return None
    return "reason: got a certificate that is not as sure, expected one 'with probability 1 - P: ', P above 0 and at most 1e-09"
