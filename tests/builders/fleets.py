"""Reports of machines that are not here: one real report, changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from builders.attestations import BUNDLE
from builders.programs import run_here

Change = Callable[[dict[str, Any]], object]


def real_report(bundle: Path = BUNDLE) -> dict[str, Any]:
    """What `ferry verify --json` prints here."""
    value: dict[str, Any] = json.loads(run_here("verify", bundle, "--json").stdout)
    return value


def write_report(path: Path, report: dict[str, Any], *changes: Change) -> Path:
    """Write the report with these changes as a machine's file."""
    value = copy.deepcopy(report)
    for change in changes:
        change(value)
    path.write_text(json.dumps(value))
    return path


def engine_of(report: dict[str, Any], name: str) -> dict[str, Any]:
    """The part of a report about one engine."""
    found: dict[str, Any] = next(engine for engine in report["engines"] if engine["engine"] == name)
    return found


def machine(**said: object) -> Change:
    """Another machine, e.g. another processor."""
    return lambda report: report["machine"].update(said)


def bound(name: str, steps: int = 7) -> Change:
    """The engine is within its bound, and has not the golden's bits."""

    def change(report: dict[str, Any]) -> None:
        engine = engine_of(report, name)
        engine["numerics"] = "torch 9, other kernels"
        for verdict in engine["verdicts"]:
            verdict.update(
                kind="absolute", bound=1.0, reason="at most 1.0: a machine of tests", max_ulp=steps, other_kernels_ulp=steps
            )

    return change


def failed(name: str) -> Change:
    """One output of the engine is out of its bound."""

    def change(report: dict[str, Any]) -> None:
        engine = engine_of(report, name)
        engine["status"] = "failed"
        engine["verdicts"][0].update(passed=False, mismatches=1)
        report["passed"] = False

    return change


def absent(name: str) -> Change:
    """The engine could not run."""
    return lambda report: engine_of(report, name).update(
        status="unavailable", verdicts=[], reason="not in /opt/x/lib", numerics=None
    )
