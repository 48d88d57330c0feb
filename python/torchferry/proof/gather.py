"""Gathering what a report shows: the verify matrix, errors, layers, labels and times of every engine that runs here."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from pathlib import Path

from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.golden import CaseArrays, read_case
from torchferry.bundle.reader import Bundle
from torchferry.compare.bisect import Bisection
from torchferry.compare.kinds import kind_of
from torchferry.compare.status import did_run
from torchferry.compare.verdict import differences
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.extras import named_extras
from torchferry.formats import registry
from torchferry.proof.diff_layers import bisect
from torchferry.proof.evidence import Evidence, Float64
from torchferry.proof.ferry_run import find_ferry_run
from torchferry.proof.latency import measure_latencies
from torchferry.proof.matrix import Run, statuses
from torchferry.proof.replay import answers
from torchferry.proof.run_matrix import run_matrix
from torchferry.proof.verify import require_one_ran
from torchferry.proof.where import Where

LAYER_SAMPLES = 8  # of the first golden case, through the probe


def gather(
    bundle: Bundle, ferry_run: Path | None = None, *, allow_native: bool = False, allow_ops: tuple[str, ...] = ()
) -> Evidence:
    """Run the verify matrix and gather its evidence; `ferry_run`: the C++ program, default: the one found here.

    Raises FerryError: UNAVAILABLE where no engine can run here, FORMAT or INTEGRITY for a broken bundle.
    """
    where = Where(allow_native=allow_native, allow_ops=allow_ops)
    runs = run_matrix(bundle, None, ferry_run, where)
    require_one_ran(bundle, statuses(bundle, runs))
    cases = [read_case(bundle, case) for case in bundle.manifest.golden.cases]
    sessions = _sessions(bundle, runs, where)
    given = {engine: outputs for engine, session in sessions.items() if (outputs := _answers(bundle, session, cases))}
    label = _label(bundle)
    return Evidence(
        bundle=bundle,
        runs=runs,
        errors={spec.name: _errors(cases, given, spec.name) for spec in bundle.contract.outputs if spec.is_float},
        layers=_layers(bundle, sorted(given), cases[0], where),
        images=_images(bundle.contract, cases[0]),
        expected=None if label is None else cases[0].float64[label].ravel(),
        classes=() if label is None else _classes(bundle, label, cases[0]),
        labels=[] if label is None else [(engine, found[0][label].ravel()) for engine, found in given.items()],
        latencies=measure_latencies(
            bundle, runs, {engine: sessions[engine] for engine in given}, find_ferry_run(ferry_run), cases, allow_ops=allow_ops
        ),
        environment=_environment(sessions),
    )


def _sessions(bundle: Bundle, runs: list[Run], where: Where) -> dict[str, Session]:
    """One of each engine that Python could run in the matrix, on the CPU with one thread."""
    here = [run for run in runs if (run.language, run.device, run.threads) == ("Python", "cpu", 1) and did_run(run.status)]
    return {run.engine: where.open(bundle, run.engine) for run in here}


def _answers(bundle: Bundle, session: Session, cases: list[CaseArrays]) -> list[dict[str, Array]]:
    """Return the outputs of each case; none where the artifact breaks its contract, which the matrix says."""
    try:
        return [dict(outputs) for outputs in answers(bundle, session, cases)]
    except FerryError as error:
        if error.code != ExitCode.MISMATCH:
            raise
        return []


def _errors(cases: list[CaseArrays], answers: dict[str, list[dict[str, Array]]], output: str) -> dict[str, Float64]:
    """|actual - float64 golden| of every element of every case, by engine; goldens of another shape are left to the matrix."""
    import numpy as np

    found = {}
    for engine, outputs in answers.items():
        pairs = [(given[output], case.float64[output]) for given, case in zip(outputs, cases, strict=True)]
        parts = [differences(given, golden, allow_nan=True).ravel() for given, golden in pairs if given.shape == golden.shape]
        found[engine] = np.concatenate(parts) if parts else np.empty(0)
    return found


def _layers(bundle: Bundle, engines: list[str], case: CaseArrays, where: Where) -> tuple[str, Bisection] | str:
    """Return the layers of the first engine that shows them, against the program in the bundle."""
    reasons = ["no engine that shows its layers ran in Python"]
    for engine in [row.engine for row in registry.formats().values() if row.engine in engines and row.probe is not None]:
        try:
            with named_extras():
                return engine, _first_layers(bundle, engine, case, where)
        except FerryError as error:
            reasons.append(str(error))
    return reasons[-1]


def _first_layers(bundle: Bundle, engine: str, case: CaseArrays, where: Where) -> Bisection:
    from torchferry.intake.golden_cases import first_samples
    from torchferry.proof.layer_reference import program_reference

    inputs = first_samples(bundle.contract, case.inputs, LAYER_SAMPLES)
    return bisect(bundle, engine, where, program_reference(bundle), case.name, inputs)


def _images(contract: Contract, case: CaseArrays) -> Array | None:
    """Of a contract whose only input is uint8 [N,H,W], [N,C,H,W] or [N,H,W,C], with 1 or 3 channels."""
    (first, *others) = contract.inputs
    if others or first.dtype != "uint8":
        return None
    images = case.inputs[first.name]
    if images.ndim == 4 and images.shape[1] in (1, 3):
        images = images.transpose(0, 2, 3, 1)
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    return images if images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3) else None


def _label(bundle: Bundle) -> str | None:
    """Return the output whose classes are named, else the first whose labels are held to scores: one label a sample."""
    classes = bundle.contract.classes
    held = [row.output for row in bundle.manifest.tolerances if kind_of(row.kind).needs_scores]
    names = held if classes is None else [classes.output]
    return next((name for name in names if len(bundle.contract.output(name).shape) == 1), None)


def _classes(bundle: Bundle, label: str, case: CaseArrays) -> tuple[str, ...]:
    """Their names, or numbers for as many as there are scores."""
    if bundle.contract.classes is not None:
        return bundle.contract.classes.names
    scores = next(row.scores for row in bundle.manifest.tolerances if row.output == label and row.scores is not None)
    axis = bundle.contract.output(scores).class_axis(bundle.contract.output(label))
    return tuple(str(index) for index in range(case.float64[scores].shape[axis or 0]))


def _environment(sessions: dict[str, Session]) -> list[tuple[str, str]]:
    entries = [
        ("made", f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"),
        ("machine", f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} CPUs"),
        ("Python", platform.python_version()),
    ]
    entries += [(f"engine {engine}", session.runtime) for engine, session in sessions.items()]
    return entries + [(f"numerics of {engine}", session.numerics) for engine, session in sessions.items() if session.numerics]
