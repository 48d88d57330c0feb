"""What int8 costs: how far a quantised model is from its float32 form, and how many labels it gets right (FORMAT.md section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from torchferry.bundle.contract import Array
from torchferry.bundle.golden import CaseArrays
from torchferry.cgen import float_graph, int8_graph, reference
from torchferry.cgen.ir import Graph
from torchferry.compare.telling import largest_bound
from torchferry.compare.tolerance import Bound
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.source import ExportSource

SAFETY = 2.0  # samples that were not measured may be further off
CHUNK = 512


def quantized_bounds(source: ExportSource, cases: Sequence[CaseArrays], bounds: Mapping[str, Bound]) -> dict[str, Bound]:
    """Return bounds of the float outputs of `c-int8` against float64, from those of float32.

    Raises FerryError(MISMATCH) where int8 loses so much that a bound would pass any model.
    """
    if source.quantization is None:
        raise ValueError("a bundle with an int8 artifact was exported without calibration data")
    calibration = source.quantization.calibration
    before = float_graph(source.functional_program, source.contract)
    after = int8_graph(source.functional_program, source.contract, calibration)
    measured = [(after, calibration), *((after, case.inputs) for case in cases), *_unseen(source, after)]
    samples = sum(_count(inputs) for _, inputs in measured)
    accuracy = _accuracy(source, before, after)
    off = np.max([_distances(before, graph, inputs) for graph, inputs in measured], axis=0)
    found = {}
    for name, seen in zip((spec.name for spec in source.contract.outputs), off.tolist(), strict=True):
        if name in bounds:
            found[name] = _bound(seen, samples, bounds[name], accuracy)
            _require_telling(cases, name, found[name], seen)
    return found


def _unseen(source: ExportSource, after: Graph) -> list[tuple[Graph, Mapping[str, Array]]]:
    """Return what int8 does on samples that it was not calibrated on: the run's test set, else one half with the ranges of the other."""
    quantization = source.quantization
    assert quantization is not None
    if quantization.test is not None:
        return [(after, quantization.test[0])]
    if _count(quantization.calibration) < 2:
        return []
    halves = [{name: array[start::2] for name, array in quantization.calibration.items()} for start in (0, 1)]
    try:
        return [(int8_graph(source.functional_program, source.contract, halves[0]), halves[1])]
    except FerryError:  # half of a few samples may be constant
        return []


def _bound(seen: float, samples: int, float32: Bound, accuracy: str) -> Bound:
    reason = (
        f"int8 and float32 differ by at most {seen:.3g} on {samples} samples: those of the calibration, the goldens, and others that it was not "
        f"calibrated on; allowed is twice that and the bound of float32, {float32.value:.3g}; beyond the calibrated ranges values saturate{accuracy}"
    )
    return Bound(SAFETY * seen + float32.value, reason)


def _require_telling(cases: Sequence[CaseArrays], name: str, bound: Bound, seen: float) -> None:
    largest = largest_bound(cases, name, quantized=True)
    if bound.value > largest:
        raise FerryError(
            ExitCode.MISMATCH,
            f"c-int8: output {name}: got int8 {seen:.3g} away from float32, and so a bound of {bound.value:.3g}, expected at most {largest:.3g}: "
            "a larger one would pass any model; leave out --quantize, or calibrate on more data; nothing was written",
        )


def _count(inputs: Mapping[str, Array]) -> int:
    return len(next(iter(inputs.values())))


def _run(graph: Graph, inputs: Mapping[str, Array]) -> list[Array]:
    """Return the outputs, in chunks of samples: the definition of float32 keeps every partial sum."""
    starts = range(0, _count(inputs), CHUNK)
    parts = [reference.run(graph, {k: a[start : start + CHUNK] for k, a in inputs.items()}) for start in starts]
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def _distances(before: Graph, after: Graph, inputs: Mapping[str, Array]) -> list[float]:
    """Return the largest difference of each output."""
    pairs = zip(_run(after, inputs), _run(before, inputs), strict=True)
    return [float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0.0)) for a, b in pairs]


def _accuracy(source: ExportSource, before: Graph, after: Graph) -> str:
    """Return how many test labels both get right, where the run knows them."""
    quantization, classes = source.quantization, source.contract.classes
    if quantization is None or quantization.test is None or classes is None:
        return ""
    inputs, labels = quantization.test
    index = [spec.name for spec in source.contract.outputs].index(classes.output)
    right = [float(100 * (_run(graph, inputs)[index] == labels).mean()) for graph in (before, after)]
    return f"; of {len(labels)} test samples float32 classifies {right[0]:.2f} % and int8 {right[1]:.2f} % as labelled"
