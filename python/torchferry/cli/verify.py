"""`ferry verify`: replay a bundle's goldens on its engines; exit code 0 only if every engine that ran passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.cli.attest_options import Attest, Sealer, SigningKey, sealer_of
from torchferry.cli.key import PasswordFile
from torchferry.cli.options import (
    AllowOp,
    BundleFolder,
    Calls,
    Engine,
    FerryRun,
    Json,
    Require,
    RequireSignature,
    TrustPaths,
    names_of,
    show,
    trust_of,
)
from torchferry.cli.session_options import AllowNative, Device, Isolate, Threads, Timeout, where_of
from torchferry.compare.status import Status, did_run, is_failure
from torchferry.errors import ExitCode
from torchferry.proof.ferry_run import become_ferry_run
from torchferry.proof.matrix import ran_of, statuses
from torchferry.proof.replay import EngineVerdict, to_json
from torchferry.proof.run_matrix import run_matrix
from torchferry.proof.verify import require_one_ran, require_these_ran, verify_engines
from torchferry.proof.where import Where
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
    require: Require = None,
    allow_native: AllowNative = False,
    allow_op: AllowOp = None,
    isolate: Isolate = None,
    timeout: Timeout = 0,
    as_json: Json = False,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
    attest: Attest = None,
    key: SigningKey = None,
    password_file: PasswordFile = None,
) -> int:
    """Replay the bundle's goldens and say whether every output is within its tolerance."""
    names = names_of("--require", require)
    seal = sealer_of(attest, key, password_file, is_here=not (all_ or isolate))
    opened = open_bundle(bundle, trust=trust_of(trust, require_signature))
    where = replace(where_of(device, threads, allow_native, allow_op), isolate=isolate, timeout=timeout)
    if isolate and not all_:
        where.require_isolation(engine)
        become_ferry_run(ferry_run, "--isolate", _words(opened, where, engine, calls, names, as_json=as_json))
    where = where.with_deadline()
    if all_:
        runs = run_matrix(opened, engine, ferry_run, where)
        show(as_json, partial(matrix_json, opened, runs), partial(matrix_lines, opened, runs))
        return _exit_code(opened, statuses(opened, runs), names, ran_of(runs))
    results = verify_engines(opened, where, engine=engine, calls=calls)
    show(as_json, partial(to_json, opened, results), partial(verdict_lines, opened, results))
    return _judged(opened, results, names, seal)


def _judged(bundle: Bundle, results: Sequence[EngineVerdict], names: Sequence[str], seal: Sealer | None) -> int:
    """Return the exit code; what was judged is attested, where that is asked for."""
    ran = [(result.engine, "python") for result in results if did_run(result.status)]
    code = _exit_code(bundle, [result.status for result in results], names, ran)
    if seal is not None:
        seal(bundle, to_json(bundle, results))
    return code


def _words(bundle: Bundle, where: Where, engine: str | None, calls: int, names: Sequence[str], *, as_json: bool) -> list[object]:
    """Return the same command line for ferry-run."""
    chosen = [] if engine is None else ["--engine", engine]
    required = [word for name in names for word in ("--require", name)]
    options = [*chosen, *where.options, *bundle.trust_options, *required, *(["--json"] if as_json else [])]
    return ["verify", bundle.folder, *options, "--calls", calls]


def _exit_code(bundle: Bundle, found: Sequence[Status], names: Sequence[str], ran: Sequence[tuple[str, str]]) -> int:
    require_one_ran(bundle, found)
    if any(map(is_failure, found)):
        return ExitCode.MISMATCH
    require_these_ran(names, ran)
    return ExitCode.OK
