"""Kind `absolute`: abs(actual - expected) <= bound, in float64. The C++ twin is cpp/src/kinds/absolute.cpp."""

from __future__ import annotations

from collections.abc import Mapping

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.compare.kinds.kind import BoundOf, Differences, Mask, Row, naming_problem


class Absolute:
    """A largest distance from the golden."""

    needs_scores = False
    is_limited = True

    def row_problem(self, row: Row) -> str | None:
        """Return why the row is none of this kind."""
        return None if row.scores is None else f'scores: got "{row.scores}", expected null for kind absolute'

    def bundle_problem(self, row: Row, outputs: Mapping[str, TensorSpec], bound_of: BoundOf) -> str | None:  # noqa: ARG002
        """Return why the bound is not the one that was written: only floats may be off, and the reason names how far."""
        output = outputs[row.output]
        if row.bound and not output.is_float:
            return f"bound: got {row.bound:.3g}, expected 0 for {output.dtype}"
        return naming_problem(row)

    def agrees(self, actual: Array, expected: Array, differences: Differences, bound: float) -> Mask:  # noqa: ARG002
        """Hold every difference to the bound, element by element; NaN is never within it."""
        import numpy as np

        return np.asarray(differences <= bound)

    def explains(self, max_abs: float, bound: float) -> bool:
        """Say whether `max_abs` is within the bound."""
        return max_abs <= bound

    def share(self, max_abs: float, bound: float) -> float | None:
        """Return the difference as a part of the bound; None where all must be equal."""
        return max_abs / bound if bound > 0 else None

    def cell(self, row: Row) -> str:
        """Return the bound."""
        return f"{row.bound:.3g}"

    def phrase(self, row: Row) -> str:
        """Say in words what the row demands."""
        return f"within {row.bound:.3g}"
