"""What `ferry diff BUNDLE --engine X` prints: one line a layer, and the first that leaves its tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torchferry.bundle.reader import Bundle
from torchferry.compare.bisect import Bisection, LayerDiff
from torchferry.proof.diff_layers import LayersDiff
from torchferry.report.text import aligned

HEADER = ("layer", "kind", "max abs", "bound", "verdict")


def layers_lines(bundle: Bundle, diff: LayersDiff) -> list[str]:
    """Return a title, a table, the verdict, and what to know about the eager side."""
    found, where = diff.found, diff.where
    title = (
        f"{bundle.manifest.name}: {diff.engine} in {where.language} on {where.device} against {diff.reference}, "
        f"cases compared: {'; '.join(diff.cases)}"
    )
    rows = [_row(entry) for entry in (*found.layers, *found.outputs)]
    lines = [
        title,
        f"case {found.case}:",
        *aligned([HEADER, *rows]),
        *first_difference_lines(found),
        *_stream_lines(bundle, diff),
    ]
    return [*lines, *(f"NOTE {text}" for text in (found.built_again, diff.note) if text is not None)]


def _stream_lines(bundle: Bundle, diff: LayersDiff) -> list[str]:
    """Say what became of the stream, each side with its own state; nothing where the layer that was named is of a step, or of a call."""
    stream = diff.stream
    if stream is None or diff.found.first is not None:
        return []
    if stream.first is None:
        return [f"SAME in {len(stream.steps)} steps of a stream, each side with its own state"]
    pairs = ", ".join(f"{name} = {source}" for name, source in bundle.contract.state.items())
    text = (
        f"FIRST DIFFERENCE in {stream.first}: {stream.problem}; given the reference's state, no value in this step is out of its tolerance: what is "
        f"wrong comes with the state that the engine was left with ({pairs})"
    )
    return [text]


def layers_json(bundle: Bundle, diff: LayersDiff) -> dict[str, Any]:
    """Return the same as one object."""
    head = {
        "bundle": str(bundle.folder),
        "engine": diff.engine,
        "language": diff.where.language,
        "device": diff.where.device,
        "cases": list(diff.cases),
        "reference": diff.reference,
        "note": diff.note,
        "stream": None if diff.stream is None else {"steps": list(diff.stream.steps), "first": diff.stream.first},
    }
    return {**bisect_json(head, diff.found), "same": diff.is_same}


def _row(entry: LayerDiff) -> tuple[str, ...]:
    verdict = entry.verdict
    if verdict is None:
        return (entry.layer, entry.kind, "", "", "not seen")
    return (
        entry.layer,
        entry.kind,
        f"{float(verdict['max_abs']):.3g}",
        f"{float(verdict['bound']):.3g}",
        "WITHIN" if verdict["passed"] else "OFF",
    )


def first_difference_lines(found: Bisection) -> list[str]:
    """Describe the layer, its worst element and what the artifact does not show just before it."""
    first = found.first
    if first is None or first.verdict is None:
        seen = len(found.layers) - found.unseen
        return [
            f"SAME: {seen} values inside and {len(found.outputs)} outputs are within their tolerances; {found.unseen} not seen"
        ]
    worst = first.verdict["worst"]
    where = first.verdict["problem"] or f"at {worst['index']} got {worst['actual']}, expected {worst['expected']}"
    lines = [f"FIRST DIFFERENCE {first.layer} ({first.kind}): {where}; {_meaning(found, first)}"]
    if found.suspects:
        names = ", ".join(entry.layer for entry in found.suspects)
        lines.append(f"NOT SEEN just before it: {names}")
    return lines


def _meaning(found: Bisection, first: LayerDiff) -> str:
    upto = found.layers.index(first) if first in found.layers else len(found.layers)
    before = [entry.layer for entry in found.layers[:upto] if entry.is_within]
    last = f"; the last value within its tolerance is {before[-1]}" if before else ""
    if first.layer.startswith("into "):
        return f"what forward computes before {first.layer.removeprefix('into ')} is wrong{last}"
    if first in found.outputs and found.built_again is not None:
        return f"no layer is off in the program that was built again: what is wrong is not in the weights that it was given{last}"
    if first in found.outputs and found.suspects:
        return f"a layer that is not seen before it is wrong, or what forward computes behind it{last}"
    if first in found.outputs:
        return "every layer that is seen is within its tolerance: what forward computes behind the last of them is wrong"
    return f"this layer{' or one that is not seen before it' if found.suspects else ''} is wrong{last}"


def bisect_json(head: Mapping[str, Any], found: Bisection) -> dict[str, Any]:
    """Return the same as one object; verdicts as in FORMAT.md section 9."""
    return {
        **head,
        "case": found.case,
        "same": found.first is None,
        "first": None if found.first is None else found.first.layer,
        "suspects": [entry.layer for entry in found.suspects],
        "unseen": found.unseen,
        "built_again": found.built_again,
        "layers": [_entry(entry) for entry in found.layers],
        "outputs": [_entry(entry) for entry in found.outputs],
    }


def _entry(entry: LayerDiff) -> dict[str, Any]:
    keys = ("passed", "max_abs", "max_rel", "max_ulp", "bound", "worst", "problem")
    verdict = None if entry.verdict is None else {key: entry.verdict[key] for key in keys}
    return {"layer": entry.layer, "kind": entry.kind, "seen": verdict is not None, "verdict": verdict}
