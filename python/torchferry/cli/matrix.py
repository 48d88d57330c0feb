"""Running the verify matrix: Python's engines inside this process, C++'s through `ferry-run verify`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from torchferry.bundle.reader import Bundle
from torchferry.cli.ferry_run import call_ferry_run, permissions
from torchferry.compare.matrix import CALLS, DEVICES, LANGUAGES, THREADS, Run
from torchferry.compare.replay import contract_broken, engine_json, replay, unavailable
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError

BUILT = Path("build/bin/ferry-run")
Result = dict[str, Any]


def run_matrix(
    bundle: Bundle,
    engine: str | None,
    ferry_run: Path | None,
    *,
    allow_native: bool,
    allow_ops: Sequence[str] = (),
    devices: tuple[str, ...] = DEVICES,
) -> list[Run]:
    """Every run of the matrix, or those of one engine; a run that is not possible here says why.

    Raises FerryError where a bundle is broken, or where there is no such engine or program.
    """
    program = find_ferry_run(ferry_run)
    engines = [artifact.engine for artifact in bundle.manifest.artifacts] if engine is None else [bundle.artifact(engine).engine]
    runs = []
    for name, language, device, threads in product(engines, LANGUAGES, devices, THREADS):
        if reason := _not_promised(bundle, name, device):
            result = engine_json(unavailable(name, device, reason))
        elif language == "Python":
            result = _run_python(bundle, name, device, threads, allow_native=allow_native, allow_ops=allow_ops)
        else:
            result = _run_cpp(bundle, program, name, device, threads, allow_native=allow_native, allow_ops=allow_ops)
        runs.append(Run(language, name, device, threads, result))
    return runs


def find_ferry_run(chosen: Path | None) -> Path | None:
    """The C++ program; None where there is none. Raises FerryError(UNAVAILABLE) where the chosen one is not there."""
    if chosen is not None:
        if not chosen.is_file():
            raise FerryError(ExitCode.UNAVAILABLE, f"--ferry-run: got {chosen}, expected the C++ program; run `make build`")
        return chosen.resolve()
    found = shutil.which("ferry-run")
    return BUILT.resolve() if BUILT.is_file() else Path(found) if found else None


def _not_promised(bundle: Bundle, engine: str, device: str) -> str | None:
    for spec in bundle.contract.outputs:
        if bundle.manifest.tolerance(engine=engine, device=device, output=spec.name, numerics="") is None:
            return f"the bundle has no tolerance for {spec.name} on {device}: nothing is compared against nothing"
    return None


def _run_python(
    bundle: Bundle, engine: str, device: str, threads: int, *, allow_native: bool, allow_ops: Sequence[str]
) -> Result:
    def run() -> Result:
        session = Session(bundle, engine, device=device, threads=threads, allow_native=allow_native, allow_ops=allow_ops)
        return engine_json(replay(bundle, session, engine=engine, device=device, calls=CALLS))

    return _or_reason(run, engine, device)


def _run_cpp(
    bundle: Bundle,
    program: Path | None,
    engine: str,
    device: str,
    threads: int,
    *,
    allow_native: bool,
    allow_ops: Sequence[str],
) -> Result:
    if program is None:
        reason = f"got no C++ program at {BUILT} and none on PATH, expected ferry-run; run `make build` or give --ferry-run"
        return engine_json(unavailable(engine, device, reason))
    where = ["--engine", engine, "--device", device, "--threads", threads, *permissions(allow_native, allow_ops)]

    def run() -> Result:
        printed = call_ferry_run(
            program, "verify", bundle.folder, *where, "--calls", CALLS, "--json", allowed=(ExitCode.OK, ExitCode.MISMATCH)
        )
        result: Result = json.loads(printed)["engines"][0]
        return result

    return _or_reason(run, engine, device)


def _or_reason(run: Callable[[], Result], engine: str, device: str) -> Result:
    try:
        return run()
    except FerryError as error:
        if error.code == ExitCode.MISMATCH:
            return engine_json(contract_broken(engine, device, str(error)))
        if error.code == ExitCode.UNAVAILABLE:
            return engine_json(unavailable(engine, device, str(error)))
        raise
