"""Running the verify matrix: Python's engines inside this process, C++'s through `ferry-run verify`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

from torchferry.bundle.reader import Bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.ferry_run import MISSING, call_ferry_run, find_ferry_run
from torchferry.proof.matrix import CALLS, DEVICES, LANGUAGES, THREADS, Run
from torchferry.proof.replay import BROKEN_DOWN, contract_broken, engine_json, replay, unavailable
from torchferry.proof.where import Where

Result = dict[str, Any]

# UNAVAILABLE: a model that isolation had to contain, which is a failed verdict.
_WITH_VERDICTS = (ExitCode.OK, ExitCode.MISMATCH, ExitCode.UNAVAILABLE)


def run_matrix(
    bundle: Bundle,
    engine: str | None,
    ferry_run: Path | None,
    where: Where,
    *,
    devices: tuple[str, ...] = DEVICES,
) -> list[Run]:
    """Run the whole matrix, or one engine's part, with the permissions of `where`; a run that is not possible here says why.

    Raises FerryError where a bundle is broken, or where there is no such engine or program.
    """
    program = find_ferry_run(ferry_run)
    engines = [artifact.engine for artifact in bundle.manifest.artifacts] if engine is None else [bundle.artifact(engine).engine]
    runs = []
    for name, language, device, threads in product(engines, LANGUAGES, devices, THREADS):
        here = dataclasses.replace(where, device=device, threads=threads)
        if reason := _not_promised(bundle, name, device):
            result = engine_json(unavailable(name, device, reason))
        elif language == "Python":
            result = _run_python(bundle, name, here)
        else:
            result = _run_cpp(bundle, program, name, here)
        runs.append(Run(language, name, device, threads, result))
    return runs


def _not_promised(bundle: Bundle, engine: str, device: str) -> str | None:
    for spec in bundle.contract.outputs:
        if bundle.manifest.tolerance(engine=engine, device=device, output=spec.name, numerics="") is None:
            return f"the bundle has no tolerance for {spec.name} on {device}: nothing is compared against nothing"
    return None


def _run_python(bundle: Bundle, engine: str, where: Where) -> Result:
    def run() -> Result:
        return engine_json(replay(bundle, where.open(bundle, engine), engine=engine, device=where.device, calls=CALLS))

    return _or_reason(run, engine, where.device)


def _run_cpp(bundle: Bundle, program: Path | None, engine: str, where: Where) -> Result:
    if program is None:
        return engine_json(unavailable(engine, where.device, MISSING))
    if bundle.container.is_in_memory:
        reason = f"{bundle.folder}: got a bundle in memory, expected one that ferry-run can open; write its bytes to a file"
        return engine_json(unavailable(engine, where.device, reason))

    def run() -> Result:
        options = ["--engine", engine, *where.options, "--calls", CALLS, "--json"]
        printed = call_ferry_run(program, "verify", bundle.folder, *options, *bundle.trust_options, allowed=_WITH_VERDICTS)
        result: Result = json.loads(printed)["engines"][0]
        return result

    return _or_reason(run, engine, where.device)


def _or_reason(run: Callable[[], Result], engine: str, device: str) -> Result:
    try:
        return run()
    except FerryError as error:
        if error.code == ExitCode.MISMATCH or error.code in BROKEN_DOWN:
            return engine_json(contract_broken(engine, device, str(error)))
        if error.code == ExitCode.UNAVAILABLE and " of --timeout" not in str(error):  # an engine that hangs is here
            return engine_json(unavailable(engine, device, str(error)))
        raise
