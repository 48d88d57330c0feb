"""Kind `label`: equal, unless the scores are a near tie (FORMAT.md section 6). The C++ twin is cpp/src/kinds/label.cpp."""

from __future__ import annotations

from collections.abc import Mapping

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.bundle.dtype import family
from torchferry.compare.kinds.kind import BoundOf, Differences, Mask, Row, naming_problem


class Label:
    """The class with the largest score; what a near tie forgives is in compare/label_margin.py."""

    needs_scores = True
    is_limited = False  # by itself: it is twice a bound that is

    def row_problem(self, row: Row) -> str | None:
        """Return why the row is none of this kind: it names scores, whose bounds are those of float64."""
        if row.reference != "float64":
            return f'reference: got "{row.reference}", expected float64 for kind label'
        return "scores: got null, expected the name of an output for kind label" if row.scores is None else None

    def bundle_problem(self, row: Row, outputs: Mapping[str, TensorSpec], bound_of: BoundOf) -> str | None:
        """Return why the output cannot be the argmax of the scores, or why the margin is not twice their bound."""
        label, scores = outputs[row.output], outputs.get(row.scores or "")
        if family(label.dtype) != "integer":
            return f"kind: got label for {label.dtype}, expected an integer output"
        if scores is None or not scores.is_float or scores.class_axis(label) is None:
            return f"scores: got {row.scores}, expected a float output whose shape is the label's and one dim more"
        bound = bound_of(scores.name)
        if bound is None or row.bound != 2 * bound:
            return f"bound: got {row.bound:.3g}, expected twice the bound of {scores.name} on {row.device}"
        return naming_problem(row)

    def agrees(self, actual: Array, expected: Array, differences: Differences, bound: float) -> Mask:  # noqa: ARG002
        """Compare for equality, element by element; the margin comes after."""
        import numpy as np

        return np.asarray(actual == expected)

    def explains(self, max_abs: float, bound: float) -> bool:  # noqa: ARG002
        """Leave every disagreement to the margin."""
        return True

    def share(self, max_abs: float, bound: float) -> float | None:  # noqa: ARG002
        """Return None: the bound is a distance between scores, not between labels."""
        return None

    def cell(self, row: Row) -> str:  # noqa: ARG002
        """Return the kind's name."""
        return "label"

    def phrase(self, row: Row) -> str:
        """Say in words what the row demands."""
        return f"equal unless two {row.scores} are within {row.bound:.3g}"
