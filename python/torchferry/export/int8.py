"""What int8 costs: how far a quantised model is from its float32 form, and how many labels it gets right (FORMAT.md section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from torchferry.bundle.contract import Array
from torchferry.bundle.golden import CaseArrays
from torchferry.compare.tolerance import Bound
from torchferry.export.c99 import float_graph, int8_graph, reference
from torchferry.export.c99.ir import Graph
from torchferry.export.source import ExportSource

ENGINE = "c-int8"
SAFETY = 2.0  # samples that were not measured may be further off
CHUNK = 512


def quantized_bounds(source: ExportSource, cases: Sequence[CaseArrays], bounds: Mapping[str, Bound]) -> dict[str, Bound]:
    """Bounds of the float outputs of `c-int8` against float64, from those of float32."""
    if source.quantization is None:
        raise ValueError("a bundle with an int8 artifact was exported without calibration data")
    calibration = source.quantization.calibration
    before = float_graph(source.functional_program, source.contract)
    after = int8_graph(source.functional_program, source.contract, calibration)
    measured = [calibration, *(case.inputs for case in cases)]
    samples = sum(_count(inputs) for inputs in measured)
    accuracy = _accuracy(source, before, after)
    return {
        name: _bound(max(_distance(before, after, inputs, index) for inputs in measured), samples, bounds[name], accuracy)
        for index, name in enumerate(spec.name for spec in source.contract.outputs)
        if name in bounds
    }


def _bound(seen: float, samples: int, float32: Bound, accuracy: str) -> Bound:
    reason = (
        f"int8 and float32 differ by at most {seen:.3g} on {samples} calibration samples and goldens; allowed is twice that and the "
        f"bound of float32, {float32.value:.3g}{accuracy}"
    )
    return Bound(SAFETY * seen + float32.value, reason)


def _count(inputs: Mapping[str, Array]) -> int:
    return len(next(iter(inputs.values())))


def _run(graph: Graph, inputs: Mapping[str, Array], index: int) -> Array:
    """One output, in chunks: the definition of float32 keeps every partial sum."""
    starts = range(0, _count(inputs), CHUNK)
    parts = [reference.run(graph, {k: a[start : start + CHUNK] for k, a in inputs.items()})[index] for start in starts]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _distance(before: Graph, after: Graph, inputs: Mapping[str, Array], index: int) -> float:
    difference = _run(after, inputs, index).astype(np.float64) - _run(before, inputs, index).astype(np.float64)
    return float(np.abs(difference).max(initial=0.0))


def _accuracy(source: ExportSource, before: Graph, after: Graph) -> str:
    """How many test labels both get right, where the run knows them."""
    quantization, classes = source.quantization, source.contract.classes
    if quantization is None or quantization.test is None or classes is None:
        return ""
    inputs, labels = quantization.test
    index = [spec.name for spec in source.contract.outputs].index(classes.output)
    right = [float(100 * (_run(graph, inputs, index) == labels).mean()) for graph in (before, after)]
    return f"; of {len(labels)} test samples float32 classifies {right[0]:.2f} % and int8 {right[1]:.2f} % as labelled"
