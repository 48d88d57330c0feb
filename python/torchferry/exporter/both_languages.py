"""The C++ half of the acceptance: what was written is verified by ferry-run too, where that program is installed with this package."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torchferry.bundle.manifest import NOT_RUN, PASSED
from torchferry.bundle.reader import Bundle
from torchferry.engines.torchscript_operators import recorded_operators
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.acceptance import STRESS_REMEDY
from torchferry.exporter.refused import named_answers
from torchferry.formats import registry
from torchferry.intake.stress import STRESS
from torchferry.proof.ferry_run import call_ferry_run, find_ferry_run
from torchferry.version import VERSION

NOT_FOUND = f"{NOT_RUN}no ferry-run was found with this package or on PATH"
_WITH_VERDICTS = (ExitCode.OK, ExitCode.MISMATCH, ExitCode.UNAVAILABLE)


def check_in_cpp(bundle: Bundle, note: Callable[[str], None]) -> dict[str, str]:
    """Run every engine that C++ has on the goldens, and return what the manifest says of each engine.

    `note` is told which engines could not run, and why. Raises FerryError with ferry-run's own exit code and line where it refuses
    the bundle, and MISMATCH where an answer is wrong.
    """
    found = _tried(bundle)
    for line in not_run(found):
        note(line)
    return found


def not_run(found: Mapping[str, str]) -> list[str]:
    """Return a line for each reason why engines that C++ has could not run; `found`: what the manifest says, by engine."""
    by_reason: dict[str, list[str]] = {}
    for engine, said in found.items():
        if said.startswith(NOT_RUN) and registry.runs_in_cpp(engine):
            by_reason.setdefault(said.removeprefix(NOT_RUN), []).append(engine)
    return [f"C++ could not run {', '.join(engines)}: {reason}" for reason, engines in by_reason.items()]


def _tried(bundle: Bundle) -> dict[str, str]:
    engines = [artifact.engine for artifact in bundle.manifest.artifacts]
    program = find_ferry_run(None)
    if program is None:
        return dict.fromkeys(engines, NOT_FOUND)
    version = call_ferry_run(program, "--version").split()[-1]
    if version != VERSION:
        return dict.fromkeys(engines, f"{NOT_RUN}ferry-run has version {version}, this package {VERSION}")
    in_cpp = [engine for engine in engines if registry.runs_in_cpp(engine)]
    found = dict.fromkeys(engines, f"{NOT_RUN}C++ has no such engine")
    return found | (_every(bundle, program, in_cpp) if in_cpp else {})


def _every(bundle: Bundle, program: Path, engines: Sequence[str]) -> dict[str, str]:
    """Run these engines in one process; where that ends with a refusal, one after the other, to name the one that is refused."""
    try:
        results = _verify(bundle, program)
    except FerryError:
        results = [result for engine in engines for result in _named(bundle, program, engine)]
    said = {}
    for result in results:
        with named_answers(result["engine"]):
            said[result["engine"]] = _judged(result)
    if missing := [engine for engine in engines if engine not in said]:
        raise FerryError(ExitCode.INTERNAL, f"{missing[0]} in C++: ferry-run says nothing of it; nothing was written")
    return {engine: said[engine] for engine in engines}


def _named(bundle: Bundle, program: Path, engine: str) -> list[dict[str, Any]]:
    try:
        return _verify(bundle, program, "--engine", engine)
    except FerryError as error:
        if error.code == ExitCode.UNAVAILABLE:
            return [{"engine": engine, "status": "unavailable", "reason": str(error)}]
        with named_answers(engine):
            raise FerryError(error.code, f"{engine} in C++: {error}; nothing was written") from None


def _verify(bundle: Bundle, program: Path, *options: str) -> list[dict[str, Any]]:
    """Return what `ferry-run verify` says of each engine. Raises FerryError where it ends without verdicts."""
    operators = {name for artifact in bundle.manifest.artifacts for name in recorded_operators(artifact.requires)}
    # They were written a moment ago, by this process, with what the user allowed.
    allowed = ("--allow-native", *(text for name in sorted(operators) for text in ("--allow-op", name)))
    found: list[dict[str, Any]] = json.loads(
        call_ferry_run(program, "verify", bundle.folder, *options, *allowed, "--json", allowed=_WITH_VERDICTS)
    )["engines"]
    return found


def _judged(result: dict[str, Any]) -> str:
    match result["status"]:
        case "passed":
            return PASSED
        case "unavailable":
            return f"{NOT_RUN}{result['reason']}"
    failed = next((verdict for verdict in result["verdicts"] if not verdict["passed"]), None)
    why = result["reason"] if failed is None else _failure(failed)
    remedy = f"; {STRESS_REMEDY}" if failed is not None and failed["case"] == STRESS else ""
    raise FerryError(ExitCode.MISMATCH, f"{result['engine']} in C++: {why}{remedy}; nothing was written")


def _failure(verdict: dict[str, Any]) -> str:
    what = f"{verdict['case']}: output {verdict['output']}"
    if verdict["problem"]:
        return f"{what}: {verdict['problem']}"
    limit = "equal bits" if verdict["kind"] == "bits" else f"at most {verdict['bound']}"
    return f"{what}: got {verdict['max_abs']} away from {verdict['reference']}, expected {limit}"
