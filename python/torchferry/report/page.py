"""The report as one HTML page that fetches nothing: styles, plots and pictures are inside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from torchferry.bundle.contract import Array
from torchferry.bundle.manifest import Manifest
from torchferry.compare.kinds import kind_of
from torchferry.compare.status import did_run
from torchferry.proof.evidence import Evidence
from torchferry.proof.matrix import CALLS, Run, all_cells_passed
from torchferry.report import matrix, plots
from torchferry.report.html import render
from torchferry.report.matrix import absences, by_case, closing, share_text, together

SHOWN = 12  # sample images
_FOLDERS = re.compile(r"(?<![\w.:/\u2026-])/(?:[^\s/,;:'\"()]+/)+(?=[^\s/])")


def report_html(evidence: Evidence) -> str:
    """Return the whole page as HTML."""
    bundle, runs = evidence.bundle, evidence.runs
    return render(
        "page.html",
        manifest=bundle.manifest,
        passed=all_cells_passed(bundle, runs),
        closing=closing(bundle, runs).partition(" ")[2],
        calls=range(1, CALLS + 1),
        rows=[row for run, threads in together(runs) for row in _matrix_rows(evidence, run, threads)],
        absences=[without_folders(reason) for reason in absences(runs)],
        evidence=[without_folders(line) for run in runs for line in matrix.evidence(bundle, run)],
        histograms=list(_histograms(evidence)),
        layers=_layers(evidence),
        confusions=list(_confusions(evidence)),
        samples=list(_samples(evidence)),
        latency=Markup(plots.latency_plot(evidence.latencies)) if evidence.latencies else None,
        artifacts=[(item, sum(file.bytes for file in item.files)) for item in bundle.manifest.artifacts],
        tolerances=_tolerances(bundle.manifest),
        environment=evidence.environment,
        entries=list(bundle.manifest.files()),
    )


def without_folders(text: str) -> str:
    """Return text with the last name of each absolute path: the folders of this machine say nothing to a report's reader."""
    return _FOLDERS.sub("\u2026/", text)


def _matrix_rows(evidence: Evidence, run: Run, threads: str) -> Iterator[dict[str, Any]]:
    head = {"engine": run.engine, "language": run.language, "device": run.device, "threads": threads}
    if not did_run(run.status):
        yield {**head, "case": "all", "cells": [], "why": absences(evidence.runs).index(run.reason or "") + 1}
        return
    for case, cells in by_case(evidence.bundle, run).items():
        passed = all(cell.status == "passed" for cell in cells)
        largest = f"{max(cell.max_abs for cell in cells):.3g}"
        yield {**head, "case": case, "cells": cells, "largest": largest, "share": share_text(cells), "passed": passed}


def _histograms(evidence: Evidence) -> Iterator[tuple[str, float, Markup]]:
    for output, engines in evidence.errors.items():
        bound = max(
            r.bound for r in evidence.bundle.manifest.tolerances if (r.output, r.device, r.numerics) == (output, "cpu", "any")
        )
        if engines:
            yield output, bound, Markup(plots.error_histogram(engines, bound))


def _layers(evidence: Evidence) -> dict[str, Any]:
    if isinstance(evidence.layers, str):
        return {"why": without_folders(evidence.layers)}
    engine, found = evidence.layers
    return {"engine": engine, "first": found.first, "unseen": found.unseen, "plot": Markup(plots.layer_plot(found))}


def _confusions(evidence: Evidence) -> Iterator[tuple[str, int, int, Markup]]:
    """Engines that gave the same labels share a plot."""
    if evidence.expected is None:
        return
    names = evidence.classes
    groups: dict[bytes, tuple[list[str], Array]] = {}
    for engine, labels in evidence.labels:
        groups.setdefault(labels.tobytes(), ([], labels))[0].append(engine)
    for engines, labels in groups.values():
        agree = int(np.count_nonzero(labels == evidence.expected))
        yield (
            ", ".join(engines),
            agree,
            labels.size,
            Markup(plots.confusion_plot(_counts(evidence.expected, labels, len(names)), names)),
        )


def _counts(expected: Array, given: Array, classes: int) -> NDArray[np.int64]:
    """[golden, given]; a label outside the classes is counted nowhere, and the number that agree says so."""
    counts = np.zeros((classes, classes), np.int64)
    rows, columns = expected.astype(np.int64), given.astype(np.int64)
    inside = (rows >= 0) & (rows < classes) & (columns >= 0) & (columns < classes)
    np.add.at(counts, (rows[inside], columns[inside]), 1)
    return counts


def _samples(evidence: Evidence) -> Iterator[dict[str, object]]:
    """Images on which an engine disagrees with the golden first, then the first ones."""
    if evidence.images is None:
        return
    values, expected = evidence.bundle.contract.inputs[0].range, evidence.expected
    wrong = [
        expected is not None and any(labels[i] != expected[i] for _, labels in evidence.labels)
        for i in range(len(evidence.images))
    ]
    for index in sorted(range(len(wrong)), key=lambda i: not wrong[i])[:SHOWN]:
        picture = plots.picture(evidence.images[index], values[1] if values else 255)
        given = sorted({_name(evidence.classes, labels[index]) for _, labels in evidence.labels})
        golden = "" if expected is None else _name(evidence.classes, expected[index])
        yield {"picture": picture, "golden": golden, "given": given, "wrong": wrong[index]}


def _name(names: Sequence[str], label: Any) -> str:
    return names[int(label)] if 0 <= int(label) < len(names) else f"class {int(label)}"


def _tolerances(manifest: Manifest) -> list[tuple[str, str, list[str]]]:
    """Output, what it is held to, and by whom: rows that differ in engine and device only are one."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in manifest.tolerances:
        found.setdefault((row.output, kind_of(row.kind).phrase(row), row.reason), []).append(f"{row.engine} {row.device}")
    return [(output, f"{bound}: {reason}", who) for (output, bound, reason), who in found.items()]
