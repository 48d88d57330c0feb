"""`ferry verify`: replay a bundle's goldens on its engines; exit code 0 only if every engine that ran passed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial

import typer

from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.cli.options import AllowNative, BundleFolder, Device, Engine, Json, Threads
from torchferry.compare.replay import EngineVerdict, all_passed, contract_broken, replay, to_json, unavailable
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.report.text import verdict_lines


def verify(
    bundle: BundleFolder,
    engine: Engine = None,
    device: Device = "cpu",
    threads: Threads = 1,
    allow_native: AllowNative = False,
    as_json: Json = False,
) -> int:
    """Replay the bundle's goldens and say whether every output is within its tolerance."""
    opened = open_bundle(bundle)
    names = [artifact.engine for artifact in opened.manifest.artifacts] if engine is None else [engine]
    open_session = partial(Session, opened, device=device, threads=threads, allow_native=allow_native)
    results = [_verify_engine(opened, name, device, open_session, must_run=engine is not None) for name in names]
    if as_json:
        typer.echo(json.dumps(to_json(opened, results), ensure_ascii=False))
    else:
        for line in verdict_lines(opened, results):
            typer.echo(line)
    return _exit_code(opened, results)


def _verify_engine(
    bundle: Bundle, engine: str, device: str, open_session: Callable[[str], Session], *, must_run: bool
) -> EngineVerdict:
    try:
        return replay(bundle, open_session(engine), engine=engine, device=device)
    except FerryError as error:
        if error.code == ExitCode.MISMATCH:
            return contract_broken(engine, device, str(error))
        if must_run or error.code != ExitCode.UNAVAILABLE:
            raise
        return unavailable(engine, device, str(error))


def _exit_code(bundle: Bundle, results: Sequence[EngineVerdict]) -> int:
    if all(result.status == "unavailable" for result in results):
        raise FerryError(ExitCode.UNAVAILABLE, f"{bundle.folder}: no engine of this bundle can run here, expected at least one")
    return ExitCode.OK if all_passed(results) else ExitCode.MISMATCH
