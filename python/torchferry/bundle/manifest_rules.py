"""Rules that tie a row of the tolerances to the outputs (FORMAT.md section 6). The C++ twin is cpp/src/manifest_rules.cpp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torchferry.bundle.contract import TensorSpec

if TYPE_CHECKING:
    from torchferry.bundle.manifest import Tolerance


def check_scores(outputs: Mapping[str, TensorSpec], row: Tolerance) -> None:
    """Raises ValueError where a label names scores whose argmax it cannot be."""
    if row.scores is None:
        return
    label, scores = outputs[row.output], outputs.get(row.scores)
    if not label.dtype.startswith(("int", "uint")):
        raise ValueError(f"tolerances: {row.output}: kind: got label for {label.dtype}, expected an integer output")
    if scores is None or not scores.dtype.startswith("float") or scores.class_axis(label) is None:
        raise ValueError(
            f"tolerances: {row.output}: scores: got {row.scores!r}, expected a float output whose shape is {label.describe()}'s and one dim more"
        )
