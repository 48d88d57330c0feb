"""How long one call takes, for the report: Python's engines timed here, C++'s by `ferry-run bench`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from torchferry.bundle.call_checks import check_inputs
from torchferry.bundle.contract import BATCH
from torchferry.bundle.golden import CaseArrays
from torchferry.bundle.reader import Bundle
from torchferry.engines.base import Session
from torchferry.formats import registry
from torchferry.proof.evidence import Latency
from torchferry.proof.ferry_run import call_ferry_run
from torchferry.proof.matrix import Run
from torchferry.proof.timing import time_calls
from torchferry.proof.where import Where

MOST_CALLS = 200
BUDGET_NS = 500_000_000  # a session and batch


def measure_latencies(
    bundle: Bundle,
    runs: Sequence[Run],
    sessions: Mapping[str, Session],
    program: Path | None,
    cases: Sequence[CaseArrays],
    *,
    allow_ops: tuple[str, ...] = (),
) -> list[Latency]:
    """Return the latency of every engine that runs here on the CPU with one thread, at the batches of the golden cases."""
    batches = {check_inputs(bundle.contract, case.inputs).get(BATCH, 1): case for case in reversed(cases) if not case.is_step}
    found = [_time(session, engine, size, case) for engine, session in sessions.items() for size, case in sorted(batches.items())]
    for run in runs:
        if program is not None and (run.language, run.device, run.threads, run.status) == ("C++", "cpu", 1, "passed"):
            found += _bench(bundle, program, run.engine, sorted(batches), allow_ops)
    return sorted(found, key=lambda entry: (entry.batch, entry.engine, entry.language))


def _time(session: Session, engine: str, batch: int, case: CaseArrays) -> Latency:
    times = time_calls(session, case.inputs, MOST_CALLS, budget_ns=BUDGET_NS)
    return Latency(engine, "Python", batch, times.quantile_us(0.5))


def _bench(bundle: Bundle, program: Path, engine: str, batches: Sequence[int], allow_ops: tuple[str, ...]) -> list[Latency]:
    row = registry.of_engine(engine)
    where = Where(
        allow_native=row is not None and row.native_code, allow_ops=allow_ops
    )  # it ran in the matrix, so it was allowed
    sizes = ["--batch", ",".join(map(str, batches)), "--calls", MOST_CALLS, "--json"]
    printed = call_ferry_run(program, "bench", bundle.folder, "--engine", engine, *where.options, *bundle.trust_options, *sizes)
    return [Latency(engine, "C++", entry["batch"], entry["p50_us"]) for entry in json.loads(printed)["batches"]]
