"""Running what was written before it is published: the goldens, other batch sizes, and which promises of equal bits hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from torchferry.exporter.held_sizes import HeldSize, batch_case, held_sizes, require_same_way
from torchferry.exporter.refused import NoAnswerError, named_answers, named_format
from torchferry.formats import registry
from torchferry.intake.golden_cases import first_samples, smallest_batch
from torchferry.intake.outputs import symbol_sizes
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


def _told(bundle: Bundle, artifact: Artifact, verdicts: Sequence[Verdict], why: str, note: Callable[[str], None]) -> set[str]:
    """Return the outputs that have other bits than the module's own run, and say so."""
    broken = {verdict.output for verdict in verdicts if _differs_by_rounding(bundle, verdict)}
    for output in sorted(broken):
        note(
            f"engine {artifact.engine}: output {output} differs in its last bits from the module's own run on one thread ({why}): its bound is "
            "promised, not its bits"
        )
    return broken


def _differs_by_rounding(bundle: Bundle, verdict: Verdict) -> bool:
    """Say whether an output has other bits and is within rounding. What is further off keeps its row; `check_written` refuses it."""
    row = bundle.manifest.tolerance(engine=verdict.tolerance.engine, device="cpu", output=verdict.output, numerics="")
    return not verdict.passed and row is not None and kind_of(row.kind).explains(verdict.max_abs, row.bound)


def check_written(
    bundle: Bundle, source: ExportSource, reference: Reference, goldens: CaseArrays, note: Callable[[str], None]
) -> tuple[Bundle, dict[str, str]]:
    """Run every artifact that Python can run, or what stands in for it, on the bundle's cases and on fewer of the `goldens` [N, ...].

    Returns the bundle with equal bits promised only where they are equal, with one thread and with two (fused kernels round in another
    way, and some kernels divide their sums among the threads), and what it is to say of each engine. Raises FerryError(MISMATCH).
    """
    sizes = _other_batches(bundle.contract, goldens.inputs)
    cases = _Cases(
        [read_case(bundle, case) for case in bundle.manifest.golden.cases],
        [batch_case(source, reference, goldens, size) for size in sizes],
        list(held_sizes(source, reference, goldens.inputs, note)),
    )
    found = {}
    for artifact in bundle.manifest.artifacts:
        if artifact.producer.endswith(TRACED):
            note(
                f"format {artifact.format}: traced, since torch.jit.script does not take the module: what it decides by shapes is frozen as for the "
                f"goldens; held to eager on {len(cases.goldens)} cases and at batches of {' and '.join(map(str, sizes)) or 'no other size'}"
            )
        bundle, found[artifact.engine] = _tried(bundle, artifact, source, cases, note)
    return bundle, found


@dataclass(frozen=True)
class _Cases:
    """What every artifact is held to: the goldens, the module's own answers to other batches, and at sizes where it may go another way."""

    goldens: Sequence[CaseArrays]
    batches: Sequence[CaseArrays]
    held: Sequence[HeldSize]


def _tried(
    bundle: Bundle, artifact: Artifact, source: ExportSource, cases: _Cases, note: Callable[[str], None]
) -> tuple[Bundle, str]:
    """Return the bundle without promises of bits that this artifact does not keep, and what is to be said of it. Raises FerryError(MISMATCH)."""
    session = _open(bundle, artifact, source, note)
    said = _said(session)
    if session is None:
        return bundle, said
    written = _Written(artifact, source.module, isinstance(session, Session))
    with named_answers(artifact.engine):
        numerics, every = session.numerics, (*cases.goldens, *cases.batches)
        answers = _answers(written, bundle, session, every)
        for other in cases.held:
            require_same_way(bundle, session, artifact.engine, artifact.format, other)
        del session  # a large model is not held twice
        bundle = _with_bits_that_hold(bundle, artifact, numerics, cases.goldens, answers[: len(cases.goldens)], note)
        for at, (case, actual) in enumerate(zip(every, answers, strict=True)):
            if at < len(cases.goldens):
                _require_agreement(written, bundle, case, actual, numerics)
            _require_agreement(written, bundle, case, actual, "")
    return bundle, said


@dataclass(frozen=True)
class _Written:
    """An artifact that was written, the module that it is held to, and whether itself was run and nothing in its place."""

    artifact: Artifact
    module: torch.nn.Module
    is_run: bool

    def leaving(self, bundle: Bundle, case: CaseArrays) -> str:
        """Say at which layer the answers to a case leave their bounds, as `ferry diff` would; empty where it cannot tell."""
        if case.is_step or not self.is_run or not shows_layers(self.artifact.engine):
            return ""
        where = Where(allow_native=True, allow_ops=tuple(recorded_operators(self.artifact.requires)))
        inputs = first_samples(bundle.contract, case.inputs, LAYER_SAMPLES)
        try:
            found = bisect(bundle, self.artifact.engine, where, self.module, case.name, inputs).first
        except Exception:  # of a probe of an artifact that is wrong: that it is wrong is told all the same
            return ""
        return "" if found is None else f"; the first value out of its bound: {found.layer} ({found.kind})"


def _with_bits_that_hold(
    bundle: Bundle,
    artifact: Artifact,
    numerics: str,
    goldens: Sequence[CaseArrays],
    answers: Sequence[Mapping[str, Array]],
    note: Callable[[str], None],
) -> Bundle:
    """Return the bundle that promises equal bits of an engine only where its answers, and those with more threads, have them."""
    if not any(row.kind == "bits" and row.engine == artifact.engine for row in bundle.manifest.tolerances):
        return bundle
    alone = [
        compare_output(bundle, case, actual, spec.name, engine=artifact.engine, device="cpu", numerics=numerics)
        for case, actual in zip(goldens, answers, strict=True)
        for spec in bundle.contract.outputs
    ]
    together: list[Verdict] = []
    for threads in THREADS[1:]:
        other = Session(bundle, artifact.engine, threads=threads, allow_ops=recorded_operators(artifact.requires))
        # Other batches are tried later, and told in other words.
        together += replay(bundle, other, engine=artifact.engine, device="cpu", groups=False).verdicts
    broken = _told(bundle, artifact, alone, "a fused kernel", note)
    broken |= _told(bundle, artifact, [verdict for verdict in together if verdict.output not in broken], "with two threads", note)

    def holds(row: Tolerance) -> bool:
        return row.kind != "bits" or row.engine != artifact.engine or row.output not in broken

    rows = tuple(filter(holds, bundle.manifest.tolerances))
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"tolerances": rows}))


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
    """Return the sizes of other batches than that of the goldens [N, ...], made of their first samples."""
    if BATCH not in contract.symbols:
        return []
    count = symbol_sizes(contract.inputs, inputs)[BATCH]
    sizes = {min(size, count - 1) for size in OTHER_BATCHES}
    return sorted(size for size in sizes if size >= smallest_batch(contract, inputs))


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


def _answers(written: _Written, bundle: Bundle, session: _Session, cases: Sequence[CaseArrays]) -> list[Mapping[str, Array]]:
    """Return the outputs of each case in turn. Raises FerryError(MISMATCH) where the artifact does not take its inputs."""
    steps, found = Steps(bundle.contract), []
    for case in cases:
        try:
            found.append(session.run(steps.inputs(case)))
        except FerryError as error:
            why = STRESS_REMEDY if case.name == STRESS else "the artifact depends on the sizes used at export"
            raise NoAnswerError(f"{written.artifact.format}: {case.name}: {error}; {why}; nothing was written") from None
        steps.keep(case, found[-1])
    return found


def _require_agreement(written: _Written, bundle: Bundle, case: CaseArrays, actual: Mapping[str, Array], numerics: str) -> None:
    name, engine = written.artifact.format, written.artifact.engine
    for spec in bundle.contract.outputs:
        verdict = compare_output(bundle, case, actual, spec.name, engine=engine, device="cpu", numerics=numerics)
        if not verdict.passed:
            raise FerryError(ExitCode.MISMATCH, f"{name}: {describe_failure(verdict, name, written.leaving(bundle, case))}")


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
