"""`ferry report`: the verify matrix with its evidence as one HTML file."""

from __future__ import annotations

import os
import platform
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.golden import CaseArrays, read_case
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.cli.console import say
from torchferry.cli.diff_layers import Side, bisect
from torchferry.cli.latency import measure_latencies
from torchferry.cli.matrix import find_ferry_run, run_matrix
from torchferry.cli.options import AllowNative, BundleFolder, FerryRun
from torchferry.compare.bisect import Bisection
from torchferry.compare.kinds import kind_of
from torchferry.compare.matrix import Run, statuses
from torchferry.compare.status import did_run, is_failure
from torchferry.compare.verdict import differences
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.report.evidence import Evidence, Float64
from torchferry.report.matrix import closing

LAYER_SAMPLES = 8  # of the first golden case, through the probe


def report(
    bundle: BundleFolder,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file.")] = Path("report.html"),
    ferry_run: FerryRun = None,
    allow_native: AllowNative = False,
) -> int:
    """Verify a bundle as `ferry verify --all` does, and write the evidence as one HTML file; its exit code is the verdict's."""
    from torchferry.report.page import report_html

    opened = open_bundle(bundle)
    _check_target(output)
    runs = run_matrix(opened, None, ferry_run, allow_native=allow_native)
    found = statuses(opened, runs)
    if not any(map(did_run, found)):
        raise FerryError(ExitCode.UNAVAILABLE, f"{opened.folder}: no engine of this bundle can run here, expected at least one")
    _write(output, report_html(_gather(opened, runs, ferry_run, allow_native=allow_native)))
    say(f"{output}: {closing(opened, runs)}")
    return ExitCode.MISMATCH if any(map(is_failure, found)) else ExitCode.OK


def _gather(bundle: Bundle, runs: list[Run], ferry_run: Path | None, *, allow_native: bool) -> Evidence:
    cases = [read_case(bundle, case) for case in bundle.manifest.golden.cases]
    sessions = _sessions(bundle, runs, allow_native=allow_native)
    answers = {engine: outputs for engine, session in sessions.items() if (outputs := _answers(session, cases))}
    label = _label(bundle)
    return Evidence(
        bundle=bundle,
        runs=runs,
        errors={spec.name: _errors(cases, answers, spec.name) for spec in bundle.contract.outputs if spec.is_float},
        layers=_layers(bundle, sorted(answers), cases[0]),
        images=_images(bundle.contract, cases[0]),
        expected=None if label is None else cases[0].float64[label].ravel(),
        classes=() if label is None else _classes(bundle, label, cases[0]),
        labels=[] if label is None else [(engine, given[0][label].ravel()) for engine, given in answers.items()],
        latencies=measure_latencies(
            bundle, runs, {engine: sessions[engine] for engine in answers}, find_ferry_run(ferry_run), cases
        ),
        environment=_environment(sessions),
    )


def _sessions(bundle: Bundle, runs: list[Run], *, allow_native: bool) -> dict[str, Session]:
    """One of each engine that Python could run in the matrix, on the CPU with one thread."""
    here = [run for run in runs if (run.language, run.device, run.threads) == ("Python", "cpu", 1) and did_run(run.status)]
    return {run.engine: Session(bundle, run.engine, allow_native=allow_native) for run in here}


def _answers(session: Session, cases: list[CaseArrays]) -> list[dict[str, Array]]:
    """The outputs of each case; none where the artifact breaks its contract, which the matrix says."""
    try:
        return [session.run(case.inputs) for case in cases]
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


def _layers(bundle: Bundle, engines: list[str], case: CaseArrays) -> tuple[str, Bisection] | str:
    """The layers of the first engine that shows them, against the program in the bundle."""
    from torchferry.export.golden_cases import first_samples
    from torchferry.export.probe.reference import program_reference

    reasons = ["no engine that shows its layers ran in Python"]
    for engine in sorted(set(engines) & {"torchscript", "onnxruntime"}, reverse=True):
        side = Side(engine, "python", "cpu", 1, Path())
        try:
            inputs = first_samples(bundle.contract, case.inputs, LAYER_SAMPLES)
            return engine, bisect(bundle, side, program_reference(bundle), case.name, inputs)
        except FerryError as error:
            reasons.append(str(error))
    return reasons[-1]


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
    """The output whose classes are named, else the first whose labels are held to scores: one label a sample."""
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


def _check_target(output: Path) -> None:
    """Told before the engines run, which takes a while."""
    if output.is_dir() or not output.parent.is_dir():
        got = "a folder" if output.is_dir() else f"no folder {output.parent}"
        raise FerryError(ExitCode.IO, f"{output}: got {got}, expected a file in a folder that is there; choose another -o")


def _write(output: Path, text: str) -> None:
    """Beside its place and renamed at the end: a failed run leaves nothing behind."""
    handle, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    try:
        with open(handle, "w", encoding="utf-8") as stream:  # noqa: PTH123  # a descriptor
            stream.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(output)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
