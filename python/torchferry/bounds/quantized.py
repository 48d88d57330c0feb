"""What int8 costs: how far a quantised model is from its float32 form, and how many labels it gets right (FORMAT.md section 6)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from torchferry.bounds.alike import other_samples
from torchferry.bounds.confidence import CONFIDENCE, COVERAGE, agreement, needed_samples, uncovered
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import CaseArrays
from torchferry.bundle.steps import Steps
from torchferry.cgen import float_graph, int8_graph, measured_headroom, reference
from torchferry.cgen.ir import Graph
from torchferry.compare.telling import largest_bound
from torchferry.compare.tolerance import Bound
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.source import ExportSource, Quantization

SAFETY = 2.0  # where too few samples were tested to say anything of a sample in a hundred
CHUNK = 512


@dataclass(frozen=True)
class _Seen:
    """The largest difference between int8 and float32, of any test sample and golden, and what the reason says of it."""

    largest: float
    tested: int  # samples that were not calibrated on
    remarks: str

    def bound(self, float32: Bound) -> Bound:
        """Return the bound on |int8 - float64|: the largest difference seen, doubled where too few samples were tested, and `float32`.

        Its reason is a tolerance limit (S. S. Wilks, Determination of sample sizes for setting tolerance limits, 1941).
        """
        needed = needed_samples()
        is_enough = self.tested >= needed
        statement = (
            f"with a confidence of {100 * CONFIDENCE:.0f} % at most {100 * uncovered(self.tested):.2g} % of such samples differ by more (Wilks 1941)"
            if self.tested
            else "of other samples nothing is known"
        )
        allowed = "that" if is_enough else f"twice that, for {needed} test samples would say it of {100 * (1 - COVERAGE):.0f} %,"
        reason = (
            f"int8 and float32 differ by at most {self.largest:.3g} on the goldens and {self.tested} test samples that it was not calibrated on: "
            f"{statement}; allowed is {allowed} and the bound of float32, {float32.value:.3g}{self.remarks}"
        )
        return Bound((1.0 if is_enough else SAFETY) * self.largest + float32.value, reason)


def with_headroom(source: ExportSource) -> ExportSource:
    """Return the source with as much headroom in the bytes of int8 as its calibration data need."""
    quantization = source.quantization
    if quantization is None:
        return source
    headroom = measured_headroom(source.functional_program, source.contract, quantization.calibration)
    return source.with_quantization(replace(quantization, headroom=headroom))


def quantized_bounds(source: ExportSource, cases: Sequence[CaseArrays], bounds: Mapping[str, Bound]) -> dict[str, Bound]:
    """Return bounds of the float outputs of `c-int8` against float64, from those of float32.

    Raises FerryError(MISMATCH) where int8 loses so much that a bound would pass any model.
    """
    quantization = source.quantization
    if quantization is None:
        raise ValueError("a bundle with an int8 artifact was exported without calibration data")
    test = fresh_samples(quantization)
    before = float_graph(source.functional_program, source.contract)
    after = int8_graph(
        source.functional_program, source.contract, quantization.calibration, quantization.headroom, quantization.io
    )
    answers = [(_run(after, inputs), _run(before, inputs)) for inputs in (*((test,) if test else ()), *_inputs(cases))]
    answers += zip(_stepped(source, after, cases), _stepped(source, before, cases), strict=True)
    remarks = _saturation(quantization) + (_labels(source, test, answers[0]) if test else "")
    largest = np.max([_distances(*pair) for pair in answers], axis=0)
    found = {}
    for spec, seen in zip(source.contract.outputs, largest.tolist(), strict=True):
        if spec.name in bounds:
            found[spec.name] = _Seen(seen, _count(test) if test else 0, remarks).bound(bounds[spec.name])
            _require_telling(cases, spec.name, found[spec.name], seen)
    return found


def _inputs(cases: Sequence[CaseArrays]) -> list[Mapping[str, Array]]:
    return [case.inputs for case in cases if not case.is_step]


def _stepped(source: ExportSource, graph: Graph, cases: Sequence[CaseArrays]) -> list[list[Array]]:
    """Return the outputs [n, ...] of each step of the stream, with the state that the graph itself gives."""
    steps, found = Steps(source.contract), []
    for case in cases:
        if case.is_step:
            found.append(_run(graph, steps.inputs(case)))
            steps.keep(case, {spec.name: array for spec, array in zip(source.contract.outputs, found[-1], strict=True)})
    return found


def fresh_samples(quantization: Quantization) -> dict[str, Array] | None:
    """Return the test samples [N, ...] by input, each once, that are not in the calibration data, nor almost; None without a test.

    A sample that is there twice tells no more of all others than once.

    Raises FerryError(BAD_INPUT) where all of them are: a model is not judged on what it was fitted to.
    """
    if quantization.test is None:
        return None
    fresh = _each_once(quantization.test, other_samples(quantization.test, quantization.calibration))
    if not fresh:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"c-int8: calibration: got all {_count(quantization.test)} test samples among the calibration data, expected others: "
            "int8 cannot be judged on what it was fitted to; calibrate on other samples",
        )
    return {name: array[fresh] for name, array in quantization.test.items()}


def _each_once(samples: Mapping[str, Array], rows: Sequence[int]) -> list[int]:
    """Return the rows whose samples [n, ...] are in no earlier one of them."""
    first: dict[bytes, int] = {}
    for row in rows:
        first.setdefault(b"".join(samples[name][row].tobytes() for name in sorted(samples)), row)
    return list(first.values())


def _saturation(quantization: Quantization) -> str:
    if quantization.headroom == 1:
        return "; beyond the calibrated ranges values saturate"
    return f"; beyond {quantization.headroom:g} times the calibrated ranges values saturate"


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


def _distances(after: Sequence[Array], before: Sequence[Array]) -> list[float]:
    """Return the largest difference of each output; infinite where a number meets none."""
    differences = (np.abs(a.astype(np.float64) - b.astype(np.float64)) for a, b in zip(after, before, strict=True))
    return [float(np.nan_to_num(found, nan=math.inf).max(initial=0.0)) for found in differences]


def _labels(source: ExportSource, test: Mapping[str, Array], answers: tuple[Sequence[Array], Sequence[Array]]) -> str:
    """Say how often int8 gives the label of float32 and, where they are known, how many labels both get right."""
    classes, quantization = source.contract.classes, source.quantization
    if classes is None or quantization is None:
        return ""
    index = [spec.name for spec in source.contract.outputs].index(classes.output)
    after, before = (outputs[index] for outputs in answers)
    low, high = agreement(int((after == before).sum()), after.size)
    text = f"; int8 gives the label of float32 on {100 * (after == before).mean():.2f} % of the test samples ({low:.2f} to {high:.2f} % of all)"
    if quantization.labels is None or len(quantization.labels) != _count(test):
        return text
    right = [100 * float((answer == quantization.labels).mean()) for answer in (before, after)]
    return f"{text}; float32 classifies {right[0]:.2f} % of them as labelled and int8 {right[1]:.2f} %"
