"""The verify matrix as a table for the terminal and as one JSON object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from torchferry.bundle.reader import Bundle
from torchferry.compare.status import did_run, is_failure
from torchferry.proof.matrix import CALLS, Cell, Run, all_cells_passed, cells, statuses
from torchferry.report.text import aligned

HEADER = (
    "engine",
    "language",
    "device",
    "threads",
    "case",
    *(f"call {i + 1}" for i in range(CALLS)),
    "max abs",
    "of bound",
    "verdict",
)


def matrix_lines(bundle: Bundle, runs: Sequence[Run]) -> list[str]:
    """Return a row for each run and golden case, then why runs were not possible or what failed, and a closing line."""
    golden = bundle.manifest.golden
    lines = [f"{bundle.manifest.name}: {golden.source} goldens: {golden.description}", *aligned([HEADER, *_rows(bundle, runs)])]
    lines += [f"({number}) could not run: {reason}" for number, reason in enumerate(absences(runs), 1)]
    lines += [line for run in runs for line in evidence(bundle, run)]
    return [*lines, closing(bundle, runs)]


def absences(runs: Sequence[Run]) -> list[str]:
    """Return why runs were not possible here, each reason once."""
    return list(dict.fromkeys(run.reason or "" for run in runs if not did_run(run.status)))


def closing(bundle: Bundle, runs: Sequence[Run]) -> str:
    """Say in one line what passed and which engines ran: `PASSED 80 of 240 cells passed, 160 could not run here; ran: c (C++)`."""
    found = Counter(statuses(bundle, runs))
    word = "PASSED" if all_cells_passed(bundle, runs) else "FAILED"
    failed = f", {found['failed']} failed" if found["failed"] else ""
    absent = f", {found['unavailable']} could not run here" if found["unavailable"] else ""
    return f"{word} {found['passed']} of {sum(found.values())} cells passed{failed}{absent}; ran: {_ran(runs)}"


def _ran(runs: Sequence[Run]) -> str:
    """Name the engines that ran, each with its languages: `c (C++), eager (Python)`."""
    languages: dict[str, list[str]] = {}
    for run in runs:
        if did_run(run.status) and run.language not in languages.setdefault(run.engine, []):
            languages[run.engine].append(run.language)
    return ", ".join(f"{engine} ({', '.join(found)})" for engine, found in sorted(languages.items()) if found) or "none"


def by_case(bundle: Bundle, run: Run) -> dict[str, list[Cell]]:
    """Return the cells of a run, by golden case."""
    found: dict[str, list[Cell]] = {}
    for cell in cells(bundle, run):
        found.setdefault(cell.case, []).append(cell)
    return found


def share_text(row: Sequence[Cell]) -> str:
    """Return how much of the bound the largest difference takes; `bits` where all must be equal."""
    shares = [cell.share_of_bound for cell in row if cell.share_of_bound is not None]
    kinds = {verdict["kind"] for cell in row for verdict in cell.verdicts}
    return f"{100 * max(shares):.2g} %" if shares else "bits" if kinds == {"bits"} else "-"


def matrix_json(bundle: Bundle, runs: Sequence[Run]) -> dict[str, object]:
    """Return every cell; numbers that are not finite are strings, as in `verify --json`."""
    return {
        "bundle": str(bundle.folder),
        "name": bundle.manifest.name,
        "source": bundle.manifest.golden.source,
        "passed": all_cells_passed(bundle, runs),
        "cells": [_cell_json(run, cell) for run in runs for cell in cells(bundle, run)],
    }


def _cell_json(run: Run, cell: Cell) -> dict[str, object]:
    return {
        "engine": run.engine,
        "language": run.language,
        "device": run.device,
        "threads": run.threads,
        "case": cell.case,
        "call": cell.call,
        "status": cell.status,
        "reason": run.reason,
        "outputs": [{key: verdict[key] for key in verdict if key not in ("case", "call", "reason")} for verdict in cell.verdicts],
    }


def together(runs: Sequence[Run]) -> Iterator[tuple[Run, str]]:
    """Merge runs that are unavailable for the same reason and differ only in thread count."""
    for key, group in groupby(runs, key=lambda run: (_where(run), run.status, run.reason)):
        same = list(group)
        if not did_run(key[1]):
            yield same[0], ",".join(str(run.threads) for run in same)
        else:
            yield from ((run, str(run.threads)) for run in same)


def _rows(bundle: Bundle, runs: Sequence[Run]) -> Iterator[tuple[str, ...]]:
    for run, threads in together(runs):
        if not did_run(run.status):
            number = absences(runs).index(run.reason or "") + 1
            yield (*_where(run), threads, "all", *["-"] * (CALLS + 2), f"not here ({number})")
        else:
            yield from _run_rows(bundle, run)


def _run_rows(bundle: Bundle, run: Run) -> Iterator[tuple[str, ...]]:
    for case, row in by_case(bundle, run).items():
        verdict = "FAIL" if any(is_failure(cell.status) for cell in row) else "PASS"
        calls = ("ok" if cell.status == "passed" else "FAIL" for cell in row)
        largest = f"{max(cell.max_abs for cell in row):.3g}" if row[0].verdicts else "-"
        yield (*_where(run), str(run.threads), case, *calls, largest, share_text(row), verdict)


def _where(run: Run) -> tuple[str, str, str]:
    return run.engine, run.language, run.device


def evidence(bundle: Bundle, run: Run) -> Iterator[str]:
    """Yield the first failure of each output of each case; later calls fail alike."""
    if is_failure(run.status) and run.reason is not None:
        yield f"FAIL {run.engine} {run.language} {run.device}, threads {run.threads}: {run.reason}"
    compared = {verdict["output"] for verdict in run.result["verdicts"]}
    for spec in bundle.contract.outputs if run.result["verdicts"] else ():
        if spec.name not in compared:
            yield f"FAIL {run.engine} {run.language} {run.device}, threads {run.threads}, {spec.name}: it was never compared"
    seen = set()
    for verdict in run.result["verdicts"]:
        key = (verdict["case"], verdict["output"])
        if verdict["passed"] or key in seen:
            continue
        seen.add(key)
        where = f"FAIL {run.engine} {run.language} {run.device}, threads {run.threads}, {verdict['case']}, call {verdict['call']}, {verdict['output']}"
        worst = verdict["worst"]
        yield (
            f"{where}: {verdict['problem']}"
            if worst is None
            else (
                f"{where}: at {worst['index']} got {worst['actual']}, expected {worst['expected']}; tolerance: {verdict['reason']}"
            )
        )
