"""The C++ half of the acceptance: what was written is verified by ferry-run too, where that program is installed with this package."""

from __future__ import annotations

import json
from pathlib import Path

from torchferry.bundle.manifest import NOT_RUN, PASSED
from torchferry.bundle.reader import Bundle
from torchferry.engines.torchscript_operators import recorded_operators
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry
from torchferry.proof.ferry_run import call_ferry_run, own_ferry_run
from torchferry.version import VERSION

_WITH_VERDICTS = (ExitCode.OK, ExitCode.MISMATCH, ExitCode.UNAVAILABLE)


def check_in_cpp(bundle: Bundle) -> dict[str, str]:
    """Run every engine that C++ has on the goldens, and return what the manifest says of each engine.

    Raises FerryError with ferry-run's own exit code and line where it refuses the bundle, and MISMATCH where an answer is wrong.
    """
    engines = [artifact.engine for artifact in bundle.manifest.artifacts]
    program = own_ferry_run()
    if program is None:
        return dict.fromkeys(engines, f"{NOT_RUN}no ferry-run was found with this package or on PATH")
    if (other := _version(program)) != VERSION:
        return dict.fromkeys(engines, f"{NOT_RUN}ferry-run has version {other}, this package {VERSION}")
    return {artifact.engine: _run(bundle, program, artifact.engine, artifact.requires) for artifact in bundle.manifest.artifacts}


def _run(bundle: Bundle, program: Path, engine: str, requires: dict[str, str]) -> str:
    row = registry.of_engine(engine)
    if row is not None and not row.in_cpp:
        return f"{NOT_RUN}C++ has no such engine"
    permissions = [text for name in sorted(recorded_operators(requires)) for text in ("--allow-op", name)]
    # It was written a moment ago, by this process, with what the user allowed.
    options = ("--engine", engine, "--allow-native", *permissions, "--json")
    try:
        printed = call_ferry_run(program, "verify", bundle.folder, *options, allowed=_WITH_VERDICTS)
    except FerryError as error:
        if error.code == ExitCode.UNAVAILABLE:
            return f"{NOT_RUN}{error}"
        raise FerryError(error.code, f"{engine} in C++: {error}; nothing was written") from None
    return _judged(engine, json.loads(printed)["engines"][0])


def _judged(engine: str, result: dict[str, object]) -> str:
    if result["status"] == "passed":
        return PASSED
    if result["status"] == "unavailable":
        return f"{NOT_RUN}{result['reason']}"
    verdicts = result["verdicts"]
    assert isinstance(verdicts, list)
    failed = next((verdict for verdict in verdicts if not verdict["passed"]), None)
    raise FerryError(ExitCode.MISMATCH, f"{engine} in C++: {_failure(failed, result['reason'])}; nothing was written")


def _failure(verdict: dict[str, object] | None, reason: object) -> str:
    if verdict is None:
        return str(reason)
    what = f"{verdict['case']}: output {verdict['output']}"
    if verdict["problem"]:
        return f"{what}: {verdict['problem']}"
    return f"{what}: got a difference of {verdict['max_abs']} from eager, expected at most {verdict['bound']}"


def _version(program: Path) -> str:
    """Return what `ferry-run --version` says, its last word. Raises FerryError where the program does not run."""
    return call_ferry_run(program, "--version").split()[-1]
