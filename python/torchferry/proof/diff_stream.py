"""The stream of a bundle, in one engine and in the reference, each with the state that it gave itself: the first step that differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import nn

from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.golden import CaseArrays, read_case
from torchferry.bundle.reader import Bundle
from torchferry.compare.bisect import Bisection
from torchferry.intake.quiet import quiet
from torchferry.intake.reference import Reference
from torchferry.intake.stream import STREAM, Unrolled, of_step, steps_of, unrolled_contract, unrolled_inputs
from torchferry.proof.diff_layers import bisect, verdicts_of
from torchferry.proof.probe import write_bundle
from torchferry.proof.where import Where


@dataclass(frozen=True)
class StreamDiff:
    """The steps that were compared, and the first with an output out of its tolerance (None: there is none), and which.

    `layers`: of that step, where both sides are given the state that the reference has come to.
    """

    steps: tuple[str, ...]
    first: str | None = None
    problem: str = ""
    layers: Bisection | None = None


def diff_stream(bundle: Bundle, engine: str, where: Where, reference: nn.Module) -> StreamDiff | None:
    """Run the steps among the goldens in the engine and in the reference; None where the bundle has none. Raises FerryError."""
    inputs = [read_case(bundle, case).inputs for case in bundle.manifest.golden.cases if case.is_step]
    if not inputs:
        return None
    steps = _steps(bundle.contract, reference, inputs)
    names = tuple(step.name for step in steps)
    wrong = [verdict for verdict in _verdicts(bundle, engine, where, reference, steps) if not verdict["passed"]]
    if not wrong:
        return StreamDiff(names)
    first = min((verdict["case"] for verdict in wrong), key=names.index)
    at, (verdict, *_) = names.index(first), [verdict for verdict in wrong if verdict["case"] == first]
    given = {**steps[at].inputs, **_state(bundle.contract, steps, at)}
    return StreamDiff(names, first, _problem(verdict), bisect(bundle, engine, where, reference, first, given))


def _steps(contract: Contract, reference: nn.Module, inputs: Sequence[Mapping[str, Array]]) -> list[CaseArrays]:
    """Return the reference's answers [N, ...] to each step, from a state of zeros on."""
    whole = Unrolled(reference, contract, len(inputs)).eval()
    with quiet():
        case = Reference(whole, unrolled_contract(contract, len(inputs))).case(STREAM, unrolled_inputs(contract, inputs))
    return steps_of(contract, case, inputs)


def _verdicts(
    bundle: Bundle, engine: str, where: Where, reference: nn.Module, steps: Sequence[CaseArrays]
) -> list[dict[str, Any]]:
    """Return what the engine's own steps come to, held to those of the reference by the bundle's bounds."""
    artifact = bundle.artifact(engine)
    files = {entry.path: bundle.read(entry) for entry in bundle.present(artifact.files)}
    call = read_case(bundle, bundle.manifest.golden.calls[0])  # a bundle has one before its steps
    with quiet():
        before = Reference(reference, bundle.contract).case(call.name, call.inputs)
    rows = [row for row in bundle.manifest.tolerances if row.engine == engine and row.numerics == "any"]
    with TemporaryDirectory(prefix="ferry-stream-") as name:
        written = write_bundle(Path(name) / "stream", bundle, artifact, files, bundle.contract, [before, *steps], rows)
        names = {step.name for step in steps}
        return [verdict for verdict in verdicts_of(written, engine, where) if verdict["case"] in names]


def _state(contract: Contract, steps: Sequence[CaseArrays], at: int) -> Mapping[str, Array]:
    """Return the state [N, ...] that the reference has before a step."""
    if at == 0:
        zeros = unrolled_inputs(contract, [steps[0].inputs])
        return {name: zeros[of_step(name, 0)] for name in contract.state}
    return {name: steps[at - 1].float32[source] for name, source in contract.state.items()}


def _problem(verdict: Mapping[str, Any]) -> str:
    worst = verdict["worst"]
    where = verdict["problem"] or f"at {worst['index']} got {worst['actual']}, expected {worst['expected']}"
    return f"output {verdict['output']}: {where}"
