"""Running what was written before it is published: the goldens, other batch sizes, and which promises of equal bits hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from torchferry.bundle.contract import BATCH, Array, Contract
from torchferry.bundle.golden import CaseArrays, read_case
from torchferry.bundle.manifest import NOT_RUN, PASSED, Accepted, Artifact, Manifest, Tolerance
from torchferry.bundle.reader import Bundle
from torchferry.bundle.steps import Steps
from torchferry.compare.kinds import kind_of
from torchferry.compare.verdict import Verdict
from torchferry.engines.base import Session
from torchferry.engines.torchscript_operators import recorded_operators
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.held_sizes import held_sizes, require_same_way
from torchferry.exporter.refused import named_answers, named_format
from torchferry.formats import registry
from torchferry.intake.golden_cases import first_samples, smallest_batch
from torchferry.intake.reference import Reference
from torchferry.intake.source import TRACED, ExportSource
from torchferry.intake.stress import STRESS
from torchferry.proof.diff_layers import bisect, shows_layers
from torchferry.proof.matrix import THREADS
from torchferry.proof.replay import Runnable, compare_output, replay
from torchferry.proof.where import Where

OTHER_BATCHES = (2, 7)
LAYER_SAMPLES = 8  # of a case whose answers are wrong, through a probe
STRESS_REMEDY = (
    "the exporter made these inputs inside the contract: give inputs their true ranges, or leave the case out (--no-stress)"
)


def with_bits_that_hold(bundle: Bundle, note: Callable[[str], None]) -> Manifest:
    """Return the manifest with equal bits promised only where they are equal, with one thread and with two.

    Fused kernels (attention) round in another way, and some kernels (convolution) divide their sums among the threads.
    """
    broken: set[tuple[str, str]] = set()
    for artifact in bundle.manifest.artifacts:
        if any(row.kind == "bits" and row.engine == artifact.engine for row in bundle.manifest.tolerances):
            for threads in THREADS:
                result = replay(
                    bundle,
                    Session(bundle, artifact.engine, threads=threads, allow_ops=recorded_operators(artifact.requires)),
                    engine=artifact.engine,
                    device="cpu",
                    groups=False,  # other batches are tried later, and told in other words
                )
                broken |= {
                    (artifact.engine, verdict.output) for verdict in result.verdicts if _differs_by_rounding(bundle, verdict)
                }
    for engine, output in sorted(broken):
        note(
            f"engine {engine}: output {output} differs in its last bits from the module's own run (a fused kernel, or sums divided among "
            "threads): its bound is promised, not its bits"
        )

    def holds(row: Tolerance) -> bool:
        return row.kind != "bits" or (row.engine, row.output) not in broken

    return bundle.manifest.model_copy(update={"tolerances": tuple(filter(holds, bundle.manifest.tolerances))})


def _differs_by_rounding(bundle: Bundle, verdict: Verdict) -> bool:
    """Say whether an output has other bits and is within rounding. What is further off keeps its row; `check_written` refuses it."""
    row = bundle.manifest.tolerance(engine=verdict.tolerance.engine, device="cpu", output=verdict.output, numerics="")
    return not verdict.passed and row is not None and kind_of(row.kind).explains(verdict.max_abs, row.bound)


def check_written(
    bundle: Bundle, source: ExportSource, reference: Reference, inputs: Mapping[str, Array], note: Callable[[str], None]
) -> dict[str, str]:
    """Run every artifact that Python can run, or what stands in for it, on the goldens [N, ...] and at other batch sizes.

    Returns what the manifest says of each engine. Raises FerryError(MISMATCH).
    """
    found = {}
    held = list(held_sizes(source, reference, inputs, note))
    goldens = [read_case(bundle, case) for case in bundle.manifest.golden.cases]
    for artifact in bundle.manifest.artifacts:
        if artifact.producer.endswith(TRACED):
            note(
                f"format {artifact.format}: traced, since torch.jit.script does not take the module: what it decides by shapes is frozen as for "
                f"the goldens; held to eager on {len(goldens)} cases and at batches of {OTHER_BATCHES[0]} and {OTHER_BATCHES[1]}"
            )
        session = _open(bundle, artifact, source, note)
        found[artifact.engine] = _said(session)
        if session is None:
            continue
        others = [
            reference.case(f"batch-{size}", first_samples(bundle.contract, inputs, size))
            for size in _other_batches(bundle.contract, inputs)
        ]
        with named_answers(artifact.engine):
            _check_artifact(_Written(bundle, artifact, session, source.module), goldens, others)
            for other in held:
                require_same_way(bundle, session, artifact.engine, artifact.format, other)
    return found


@dataclass(frozen=True)
class _Written:
    """An artifact that was written, and the module that it is held to."""

    bundle: Bundle
    artifact: Artifact
    session: _Session
    module: torch.nn.Module

    def leaving(self, case: CaseArrays) -> str:
        """Say at which layer the answers to a case leave their bounds, as `ferry diff` would; empty where it cannot tell."""
        if case.is_step or not isinstance(self.session, Session) or not shows_layers(self.artifact.engine):
            return ""
        where = Where(allow_native=True, allow_ops=tuple(recorded_operators(self.artifact.requires)))
        inputs = first_samples(self.bundle.contract, case.inputs, LAYER_SAMPLES)
        try:
            found = bisect(self.bundle, self.artifact.engine, where, self.module, case.name, inputs).first
        except Exception:  # of a probe of an artifact that is wrong: that it is wrong is told all the same
            return ""
        return "" if found is None else f"; the first value out of its bound: {found.layer} ({found.kind})"


def _check_artifact(written: _Written, goldens: Sequence[CaseArrays], others: Sequence[CaseArrays]) -> None:
    """Hold the answers to the goldens, and to `others` of other batch sizes, to their bounds. Raises FerryError(MISMATCH)."""
    steps = Steps(written.bundle.contract)
    for case in goldens:
        actual = _answer(written, case, steps.inputs(case))
        steps.keep(case, actual)
        _require_agreement(written, case, actual, written.session.numerics)
        _require_agreement(written, case, actual, "")
    for case in others:
        _require_agreement(written, case, _answer(written, case, case.inputs), "")


def with_acceptance(manifest: Manifest, in_python: Mapping[str, str], in_cpp: Mapping[str, str]) -> Manifest:
    """Return the manifest that says of each artifact where it ran; both mappings are by engine."""
    artifacts = tuple(
        artifact.model_copy(update={"accepted": Accepted.of(cpp=in_cpp[artifact.engine], python=in_python[artifact.engine])})
        for artifact in manifest.artifacts
    )
    return manifest.model_copy(update={"artifacts": artifacts})


def _said(session: _Session | None) -> str:
    """Return what the manifest says of an engine that has been tried in Python."""
    if session is None:
        return f"{NOT_RUN}Python has no such engine"
    return PASSED if isinstance(session, Session) else f"{NOT_RUN}no C compiler was found; the definition of its bits agreed"


def _other_batches(contract: Contract, inputs: Mapping[str, Array]) -> list[int]:
    if BATCH not in contract.symbols:
        return []
    return [size for size in OTHER_BATCHES if size >= smallest_batch(contract, inputs)]


class _Session(Runnable, Protocol):
    """A session, or what stands in for it."""

    @property
    def engine(self) -> str:
        """Name of the engine."""


def _open(bundle: Bundle, artifact: Artifact, source: ExportSource, note: Callable[[str], None]) -> _Session | None:
    """Open a session. Without a compiler the NumPy definition stands in for C, and `note` says so. None for C++ only engines."""
    engine = artifact.engine
    row = registry.of_engine(engine)
    if row is None or row.opener is None:
        return None
    found: tuple[_Session, str] | None = registry.load(row.stand_in)(source, engine) if row.stand_in else None
    if found is None:
        with named_format(row):  # what its runtime has no kernel for, its format refuses
            # It was written a moment ago, with what the user allowed.
            return Session(bundle, engine, allow_native=True, allow_ops=recorded_operators(artifact.requires))
    session, text = found
    note(text)
    return session


def _answer(written: _Written, case: CaseArrays, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
    try:
        return written.session.run(inputs)
    except FerryError as error:
        why = STRESS_REMEDY if case.name == STRESS else "the artifact depends on the sizes used at export"
        raise FerryError(
            ExitCode.MISMATCH, f"{written.artifact.format}: {case.name}: {error}; {why}; nothing was written"
        ) from None


def _require_agreement(written: _Written, case: CaseArrays, actual: Mapping[str, Array], numerics: str) -> None:
    name, engine = written.artifact.format, written.session.engine
    for spec in written.bundle.contract.outputs:
        verdict = compare_output(written.bundle, case, actual, spec.name, engine=engine, device="cpu", numerics=numerics)
        if not verdict.passed:
            raise FerryError(ExitCode.MISMATCH, f"{name}: {describe_failure(verdict, name, written.leaving(case))}")


def describe_failure(verdict: Verdict, format_name: str, leaving: str = "") -> str:
    """Return one line: what differs, by how much, the bound it broke, and where it began (`leaving`)."""
    where = f"{verdict.case}: output {verdict.output}"
    end = (
        f"; {STRESS_REMEDY}; nothing was written" if verdict.case == STRESS else f"; leave {format_name} out; nothing was written"
    )
    if verdict.problem is not None or verdict.worst is None:
        return f"{where}: {verdict.problem}{end}"
    worst, row = verdict.worst, verdict.tolerance
    return (
        f"{where}: {verdict.mismatches} of {verdict.compared} elements differ from the module in {row.reference}: at {list(worst.index)} "
        f"got {worst.actual:.9g}, expected {worst.expected:.9g} ({kind_of(row.kind).phrase(row)} of {row.reference}){leaving}{end}"
    )
