"""Kind `bits`: equal bit patterns of the float32 golden. The C++ twin is cpp/src/kinds/bits.cpp."""

from __future__ import annotations

from collections.abc import Mapping

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.compare.kinds.kind import BoundOf, Differences, Mask, Row


class Bits:
    """Every bit as in the golden."""

    needs_scores = False
    is_limited = False

    def row_problem(self, row: Row) -> str | None:
        """Return why the row is none of this kind: it has no bound, and float64 has no bits of a float32 output."""
        if row.reference != "float32":
            return f'reference: got "{row.reference}", expected float32 for kind bits'
        if row.bound != 0:
            return f"bound: got {row.bound!r}, expected 0 for kind bits"
        return None if row.scores is None else f'scores: got "{row.scores}", expected null for kind bits'

    def bundle_problem(self, row: Row, outputs: Mapping[str, TensorSpec], bound_of: BoundOf) -> str | None:  # noqa: ARG002
        """Return None: equal bits can be asked of every output."""
        return None

    def agrees(self, actual: Array, expected: Array, differences: Differences, bound: float) -> Mask:  # noqa: ARG002
        """Compare bit patterns, element by element; equal bits of a NaN that the contract does not allow are no match."""
        unsigned = f"u{actual.dtype.itemsize}"
        import numpy as np

        same = np.asarray(actual, order="C").view(unsigned) == np.asarray(expected, order="C").view(unsigned)
        return np.asarray(same & (differences == 0))

    def explains(self, max_abs: float, bound: float) -> bool:
        """Allow no difference."""
        return max_abs <= bound

    def share(self, max_abs: float, bound: float) -> float | None:  # noqa: ARG002
        """Return None: equality has no shares."""
        return None

    def cell(self, row: Row) -> str:  # noqa: ARG002
        """Return the kind's name."""
        return "bits"

    def phrase(self, row: Row) -> str:  # noqa: ARG002
        """Say in words what the row demands."""
        return "equal bits"
