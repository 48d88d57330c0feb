"""Verdicts as an aligned table for the terminal, the same as `ferry-run verify` prints."""

from __future__ import annotations

from collections.abc import Sequence

from torchferry.bundle.reader import Bundle
from torchferry.compare.kinds import kind_of
from torchferry.compare.status import closing_words
from torchferry.compare.verdict import Verdict
from torchferry.proof.replay import EngineVerdict

HEADER = ("engine", "device", "case", "output", "reference", "max abs", "max ulp", "bound", "agree", "verdict")


def verdict_lines(bundle: Bundle, engines: Sequence[EngineVerdict]) -> list[str]:
    """Return a table of every verdict, the evidence of each failure, and one closing line per engine."""
    golden = bundle.manifest.golden
    lines = [f"{bundle.manifest.name}: {golden.source} goldens: {golden.description}"]
    rows = [_row(engine, verdict) for engine in engines for verdict in engine.verdicts]
    if rows:
        lines += aligned([HEADER, *rows])
    lines += [
        line for engine in engines for verdict in engine.verdicts if not verdict.passed for line in _evidence(engine, verdict)
    ]
    lines += [_margin(engine, verdict) for engine in engines for verdict in engine.verdicts if verdict.near_ties]
    for engine in engines:
        lines.append(f"{closing_words(engine.status)} {engine.engine}" + (f": {engine.reason}" if engine.reason else ""))
    return lines


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with columns padded to equal width."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(engine: EngineVerdict, verdict: Verdict) -> tuple[str, ...]:
    row = verdict.tolerance
    return (
        engine.engine,
        engine.device,
        verdict.where,
        verdict.output,
        row.reference,
        f"{verdict.max_abs:.3g}",
        f"{verdict.max_ulp:.0f}",
        kind_of(row.kind).cell(row),
        f"{verdict.compared - verdict.mismatches - verdict.within_margin}/{verdict.compared}",
        ("PASS" if verdict.passed else "FAIL") + _kernels(verdict),
    )


def _kernels(verdict: Verdict) -> str:
    return "" if verdict.other_kernels_ulp is None else f", other kernels ({verdict.other_kernels_ulp:.0f} ulp)"


def _margin(engine: EngineVerdict, verdict: Verdict) -> str:
    row, indices = verdict.tolerance, ", ".join(str(list(index)).replace(" ", "") for index in verdict.near_tie_indices)
    return (
        f"NEAR TIE {engine.engine} {verdict.where} {verdict.output}: {verdict.near_ties} of {verdict.compared} have two {row.scores} within "
        f"{row.bound:.3g}, first at {indices}; {verdict.within_margin} of them disagree, which is tolerated"
    )


def _evidence(engine: EngineVerdict, verdict: Verdict) -> list[str]:
    where = f"FAIL {engine.engine} {verdict.where} {verdict.output}"
    if verdict.problem is not None or verdict.worst is None:
        return [f"{where}: {verdict.problem}"]
    worst = verdict.worst
    return [
        f"{where}: at {list(worst.index)} got {worst.actual:.9g}, expected {worst.expected:.9g}; tolerance: {verdict.tolerance.reason}"
    ]
