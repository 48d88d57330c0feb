"""What `ferry diff BUNDLE OTHER` prints: files, weights by layer, and outputs."""

from __future__ import annotations

from typing import Any

from torchferry.bundle.reader import Bundle
from torchferry.compare.bundle_diff import ArtifactDiff, BundleDiff, EngineOutputs
from torchferry.compare.weight_diff import WeightDiff, WeightsDiff
from torchferry.proof.replay import json_number
from torchferry.report.bisect import bisect_json, first_difference_lines
from torchferry.report.engine_diff import output_json, output_lines
from torchferry.report.text import aligned

MAX_NAMES = 5


def bundle_diff_lines(first: Bundle, second: Bundle, found: BundleDiff) -> list[str]:
    """Return the tables and the verdict."""
    lines = [f"{first.folder} ({first.manifest.name}) and {second.folder} ({second.manifest.name}): one contract"]
    lines += aligned([("first", "producer", "second", "producer", "files", "weights"), *map(_artifact_row, found.artifacts)])
    for artifact in found.artifacts:
        lines += _weight_lines(artifact)
    for outputs in found.outputs:
        lines += _output_lines(outputs)
    if found.layers is not None:
        engine, bisection = found.layers
        lines += [f"layers: {engine} of the second against the program of the first", *first_difference_lines(bisection)]
    if found.is_same:
        return [*lines, f"SAME within the bound of float32: {second.folder} may stand for {first.folder}"]
    return [*lines, f"NOT the same within the bound of float32: {second.folder} must not stand for {first.folder}"]


def _artifact_row(diff: ArtifactDiff) -> tuple[str, ...]:
    files = "same bytes" if diff.has_same_bytes else "other bytes"
    return (diff.first.format, diff.first.producer, diff.second.format, diff.second.producer, files, _weights(diff.weights))


def _weights(diff: WeightsDiff | None) -> str:
    if diff is None:
        return "not readable"
    return f"{diff.compared - len(diff.differing)} of {diff.compared} equal bit for bit"


def _weight_lines(artifact: ArtifactDiff) -> list[str]:
    diff = artifact.weights
    if diff is None:
        return []
    pair = f"{artifact.first.format} -> {artifact.second.format}"
    lines = [f"WEIGHTS {pair}: {_where(entry)}: {_how_much(entry)}" for entry in diff.differing]
    for side, names in (("first", diff.only_first), ("second", diff.only_second)):
        if names:
            more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
            lines.append(f"WEIGHTS {pair}: only in the {side}: {', '.join(names[:MAX_NAMES])}{more}")
    return lines


def _where(entry: WeightDiff) -> str:
    return f"layer {entry.layer}: {entry.tensor}" if entry.layer else entry.tensor


def _how_much(entry: WeightDiff) -> str:
    return entry.problem or f"{entry.differing} of {entry.elements} differ, by at most {entry.max_abs:.3g}"


def _output_lines(engine: EngineOutputs) -> list[str]:
    title = f"outputs: {engine.second} of the second against {engine.first} of the first"
    return [f"{title}: could not run: {engine.problem}"] if engine.problem else [title, *output_lines(engine.diffs)]


def bundle_diff_json(first: Bundle, second: Bundle, found: BundleDiff) -> dict[str, Any]:
    """Return the same as one object."""
    return {
        "first": str(first.folder),
        "second": str(second.folder),
        "same": found.is_same,
        "artifacts": [_artifact_json(diff) for diff in found.artifacts],
        "engines": [_engine_json(engine) for engine in found.outputs],
        "layers": None if found.layers is None else bisect_json({"engine": found.layers[0]}, found.layers[1]),
    }


def _engine_json(engine: EngineOutputs) -> dict[str, Any]:
    return {
        "first": engine.first,
        "second": engine.second,
        "problem": engine.problem,
        "outputs": [output_json(diff) for diff in engine.diffs],
    }


def _artifact_json(diff: ArtifactDiff) -> dict[str, Any]:
    return {
        "first": {"format": diff.first.format, "producer": diff.first.producer},
        "second": {"format": diff.second.format, "producer": diff.second.producer},
        "same_bytes": diff.has_same_bytes,
        "weights": None if diff.weights is None else _weights_json(diff.weights),
    }


def _weights_json(diff: WeightsDiff) -> dict[str, Any]:
    return {
        "compared": diff.compared,
        "differing": [{**vars(entry), "max_abs": json_number(entry.max_abs)} for entry in diff.differing],
        "only_first": list(diff.only_first),
        "only_second": list(diff.only_second),
    }
