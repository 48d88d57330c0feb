"""Decision margins: where a label is the argmax of scores, and two scores are too close for their error bound to order.

If every score is within b of its true value, two scores further apart than 2 b keep their order, so the label must agree;
closer ones are a near tie, in which either class is a right answer. The C++ twin is cpp/src/label_margin.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from torchferry.bundle.contract import Array


@dataclass(frozen=True)
class Scores:
    """Golden float64 scores, and their axis of classes, which the label does not have."""

    values: Array
    axis: int

    def problem(self, labels: Array) -> str | None:
        """Return why these cannot be the scores of labels of that shape."""
        shape = self.values.shape
        if (
            self.values.dtype != np.float64
            or shape[: self.axis] + shape[self.axis + 1 :] != labels.shape
            or shape[self.axis] == 0
        ):
            return f"scores: got {self.values.dtype.name}{list(shape)}, expected float64 with one score per class for each of {list(labels.shape)}"
        return None

    def near_ties(self, bound: float) -> NDArray[np.bool_]:
        """Return a mask in the labels' shape: the two largest scores are at most `bound` apart. One class or NaN scores have no tie."""
        if self.values.shape[self.axis] < 2:
            return np.zeros(self._classes_last().shape[:-1], dtype=bool)
        ordered = np.sort(self._classes_last(), axis=-1)  # NaN is sorted last
        with np.errstate(invalid="ignore"):
            return np.asarray(ordered[..., -1] - ordered[..., -2] <= bound)

    def tolerates(self, actual: Array, expected: Array, bound: float) -> NDArray[np.bool_]:
        """Return a mask in the labels' shape: the label given and the one expected both score at most `bound` below the best."""
        best = self._classes_last().max(axis=-1)
        return self._is_close(actual, best, bound) & self._is_close(expected, best, bound)

    def _is_close(self, labels: Array, best: NDArray[np.float64], bound: float) -> NDArray[np.bool_]:
        index = labels.astype(np.int64)
        inside = (index >= 0) & (index < self.values.shape[self.axis])
        index = np.where(inside, index, 0)[..., np.newaxis]
        chosen = np.take_along_axis(self._classes_last(), index, axis=-1)[..., 0]
        with np.errstate(invalid="ignore"):
            return np.asarray(inside & (best - chosen <= bound))

    def _classes_last(self) -> NDArray[np.float64]:
        return np.moveaxis(self.values, self.axis, -1).astype(np.float64, copy=False)
