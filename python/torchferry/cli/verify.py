"""`ferry verify`: replay a bundle's goldens on its engines; exit code 0 only if every engine that ran passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.cli.console import say, say_json
from torchferry.cli.matrix import run_matrix
from torchferry.cli.options import AllowNative, BundleFolder, Calls, Device, Engine, FerryRun, Json, Threads
from torchferry.compare.matrix import statuses
from torchferry.compare.replay import MAX_CALLS, EngineVerdict, contract_broken, replay, to_json, unavailable
from torchferry.compare.status import Status, did_run, is_failure
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.report.matrix import matrix_json, matrix_lines
from torchferry.report.text import verdict_lines


def verify(
    bundle: BundleFolder,
    engine: Engine = None,
    device: Device = "cpu",
    threads: Threads = 1,
    calls: Calls = 1,
    all_: Annotated[
        bool, typer.Option("--all", help="Every engine, device, batch, 1 and 2 threads, calls 1 to 5, in Python and C++.")
    ] = False,
    ferry_run: FerryRun = None,
    allow_native: AllowNative = False,
    as_json: Json = False,
) -> int:
    """Replay the bundle's goldens and say whether every output is within its tolerance."""
    opened = open_bundle(bundle)
    if all_:
        return _verify_all(opened, engine, ferry_run, allow_native=allow_native, as_json=as_json)
    _check_calls(calls)
    names = [artifact.engine for artifact in opened.manifest.artifacts] if engine is None else [engine]
    open_session = partial(Session, opened, device=device, threads=threads, allow_native=allow_native)
    results = [_verify_engine(opened, name, device, open_session, calls, must_run=engine is not None) for name in names]
    if as_json:
        say_json(to_json(opened, results))
    else:
        for line in verdict_lines(opened, results):
            say(line)
    return _exit_code(opened, [result.status for result in results])


def _check_calls(calls: int) -> None:
    if not 1 <= calls <= MAX_CALLS:
        raise FerryError(ExitCode.USAGE, f"--calls: got {calls}, expected 1 to {MAX_CALLS}")


def _verify_engine(
    bundle: Bundle, engine: str, device: str, open_session: Callable[[str], Session], calls: int, *, must_run: bool
) -> EngineVerdict:
    try:
        return replay(bundle, open_session(engine), engine=engine, device=device, calls=calls)
    except FerryError as error:
        if error.code == ExitCode.MISMATCH:
            return contract_broken(engine, device, str(error))
        if must_run or error.code != ExitCode.UNAVAILABLE:
            raise
        return unavailable(engine, device, str(error))


def _verify_all(bundle: Bundle, engine: str | None, ferry_run: Path | None, *, allow_native: bool, as_json: bool) -> int:
    runs = run_matrix(bundle, engine, ferry_run, allow_native=allow_native)
    if as_json:
        say_json(matrix_json(bundle, runs))
    else:
        for line in matrix_lines(bundle, runs):
            say(line)
    return _exit_code(bundle, statuses(bundle, runs))


def _exit_code(bundle: Bundle, statuses: Sequence[Status]) -> int:
    if not any(map(did_run, statuses)):
        raise FerryError(ExitCode.UNAVAILABLE, f"{bundle.folder}: no engine of this bundle can run here, expected at least one")
    return ExitCode.MISMATCH if any(map(is_failure, statuses)) else ExitCode.OK
