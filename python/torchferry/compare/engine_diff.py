"""Two engines against each other on the same inputs: may one stand for the other?

Each is held to a bound on its distance from the float64 reference, so that two right ones differ by at most the sum of both bounds.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.bundle.manifest import Tolerance
from torchferry.bundle.reader import Bundle
from torchferry.compare.label_margin import Scores
from torchferry.compare.verdict import Verdict, compare
from torchferry.errors import ExitCode, FerryError

Outputs = Mapping[str, Array]


@dataclass(frozen=True)
class Pair:
    """The engine that is there and the one that is to take its place, on one device."""

    first: str
    second: str
    device: str


@dataclass(frozen=True)
class OutputDiff:
    """How one output differs between two engines, over all samples."""

    output: str
    compared: int
    differing: int  # elements of other bits
    changed: int  # values of an integer output that are others: labels
    tolerated: int  # of them, those in a near tie
    max_abs: float
    max_rel: float
    max_ulp: float
    bound: float
    reason: str
    passed: bool

    def merged(self, other: OutputDiff) -> OutputDiff:
        """Return the differences of both taken together."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in ("compared", "differing", "changed", "tolerated")}
        largest = {name: max(getattr(self, name), getattr(other, name)) for name in ("max_abs", "max_rel", "max_ulp")}
        return dataclasses.replace(self, **sums, **largest, passed=self.passed and other.passed)


def diff_engines(
    bundle: Bundle, pair: Pair, batches: Iterable[tuple[Outputs, Outputs]], *, other: Bundle | None = None
) -> list[OutputDiff]:
    """Return the differences of each output over all batches; a batch holds what the first and the second engine gave, [N, ...] by name.

    `other` is the second engine's bundle where that is another one.
    Raises FerryError(FORMAT) where the bundle has no tolerance for an engine, BAD_INPUT where there is no batch.
    """
    rows = {spec.name: _pair_row(bundle, other or bundle, pair, spec) for spec in bundle.contract.outputs}
    merged: dict[str, list[OutputDiff]] = {name: [] for name in rows}
    for first, second in batches:
        for spec in bundle.contract.outputs:
            merged[spec.name].append(_diff_output(bundle, rows[spec.name], spec, first, second))
    if not all(merged.values()):
        raise FerryError(ExitCode.BAD_INPUT, "inputs: got no samples, expected at least one; nothing is compared against nothing")
    return [functools.reduce(OutputDiff.merged, diffs) for diffs in merged.values()]


def _diff_output(bundle: Bundle, row: Tolerance, spec: TensorSpec, first: Outputs, second: Outputs) -> OutputDiff:
    expected, actual = first[spec.name], second[spec.name]
    scores = None
    if row.scores is not None:
        axis = bundle.contract.output(row.scores).class_axis(spec)
        scores = None if axis is None else Scores(first[row.scores].astype(np.float64), axis)
    verdict = compare(actual, expected, row, case="", allow_nan=spec.allow_nonfinite, scores=scores)
    return _to_diff(verdict, spec, differing=int(np.count_nonzero(_bits(actual) != _bits(expected))))


def _to_diff(verdict: Verdict, spec: TensorSpec, *, differing: int) -> OutputDiff:
    return OutputDiff(
        output=spec.name,
        compared=verdict.compared,
        differing=differing,
        changed=0 if spec.is_float else differing,
        tolerated=verdict.within_margin,
        max_abs=verdict.max_abs,
        max_rel=verdict.max_rel,
        max_ulp=verdict.max_ulp,
        bound=verdict.tolerance.bound,
        reason=verdict.problem or verdict.tolerance.reason,
        passed=verdict.passed,
    )


def _pair_row(bundle: Bundle, other: Bundle, pair: Pair, spec: TensorSpec) -> Tolerance:
    first = _any_row(bundle, pair.first, pair.device, spec.name)
    second = _any_row(other, pair.second, pair.device, spec.name)
    bound = first.bound + second.bound
    reason = f"the bounds of {pair.first} ({first.bound:.3g}) and of {pair.second} ({second.bound:.3g}) against float64, together"
    return second.model_copy(update={"reference": "float32", "bound": bound, "reason": reason})


def _any_row(bundle: Bundle, engine: str, device: str, output: str) -> Tolerance:
    row = bundle.manifest.tolerance(engine=engine, device=device, output=output, numerics="")
    if row is None:
        raise FerryError(
            ExitCode.FORMAT,
            f"{bundle.folder}: tolerances: got no row for engine {engine}, device {device}, output {output}, expected one; export the bundle again",
        )
    return row


def _bits(array: Array) -> Array:
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")
