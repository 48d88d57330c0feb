"""What `ferry diff` prints: per output the differences of two engines, and whether one may stand for the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torchferry.bundle.reader import Bundle
from torchferry.compare.engine_diff import OutputDiff
from torchferry.proof.diff_engines import EnginesDiff
from torchferry.report.text import aligned

HEADER = ("output", "compared", "other bits", "max abs", "max rel", "max ulp", "bound", "labels changed", "verdict")


def diff_lines(bundle: Bundle, found: EnginesDiff) -> list[str]:
    """Return a table and the verdict."""
    pair = found.pair
    title = f"{bundle.manifest.name}: {pair.first} against {pair.second} on {pair.device}: {found.inputs}"
    if found.is_same:
        verdict = f"SAME within the bound of float32: {pair.second} may stand for {pair.first}"
    else:
        verdict = f"NOT the same within the bound of float32: {pair.second} must not stand for {pair.first}"
    return [title, *output_lines(found.outputs), verdict]


def output_lines(diffs: Sequence[OutputDiff]) -> list[str]:
    """Return the table, and why an output is different."""
    lines = aligned([HEADER, *map(_row, diffs)])
    return [*lines, *(f"DIFFERENT {diff.output}: {diff.reason}" for diff in diffs if not diff.passed)]


def diff_json(bundle: Bundle, found: EnginesDiff) -> dict[str, object]:
    """Return the same as one object; numbers that are not finite are strings, as in `verify --json`."""
    return {
        "bundle": str(bundle.folder),
        "engines": [found.pair.first, found.pair.second],
        "device": found.pair.device,
        "inputs": found.inputs,
        "same": found.is_same,
        "outputs": [output_json(diff) for diff in found.outputs],
    }


def output_json(diff: OutputDiff) -> dict[str, object]:
    """Return one output as an object."""
    return {
        "output": diff.output,
        "compared": diff.compared,
        "other_bits": diff.differing,
        "labels_changed": diff.changed,
        "labels_in_near_ties": diff.tolerated,
        "max_abs": _number(diff.max_abs),
        "max_rel": _number(diff.max_rel),
        "max_ulp": _number(diff.max_ulp),
        "bound": diff.bound,
        "reason": diff.reason,
        "same": diff.passed,
    }


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _row(diff: OutputDiff) -> tuple[str, ...]:
    near = f" ({diff.tolerated} in near ties)" if diff.tolerated else ""
    return (
        diff.output,
        str(diff.compared),
        str(diff.differing),
        f"{diff.max_abs:.3g}",
        f"{diff.max_rel:.3g}",
        f"{diff.max_ulp:.0f}",
        f"{diff.bound:.3g}",
        f"{diff.changed}{near}",
        "SAME" if diff.passed else "DIFFERENT",
    )
