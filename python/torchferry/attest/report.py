"""What `verify --json` prints, as a reader of other machines' reports takes it: nothing missing, nothing that contradicts itself.

FORMAT.md section 9 has the meaning of every key.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import assert_never

from torchferry.bundle.contract import Number, Size, Strict
from torchferry.bundle.manifest import Reference
from torchferry.bundle.problem import read_model
from torchferry.compare.kinds import KindName
from torchferry.compare.kinds.kind import naming_problem
from torchferry.compare.status import Status, did_run, is_failure

ADVICE = "make the report again with `verify --json`"
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Real = Number | Literal["nan", "inf", "-inf"]


class Place(Strict):
    """The element with the largest difference."""

    index: Annotated[tuple[Size, ...], Field(strict=False)]
    actual: Real
    expected: Real


class OutputReport(Strict):
    """The verdict of one output of one case and call."""

    case: str
    call: Size
    output: str
    passed: bool
    kind: KindName
    reference: Reference
    bound: Number
    reason: str
    compared: Size
    mismatches: Size
    max_abs: Real
    max_rel: Real
    max_ulp: Real
    worst: Place | None
    problem: str | None
    near_ties: Size
    near_tie_indices: Annotated[tuple[Annotated[tuple[Size, ...], Field(strict=False)], ...], Field(strict=False)]
    within_margin: Size
    other_kernels_ulp: Real | None

    @model_validator(mode="after")
    def _check(self) -> OutputReport:
        if self.passed and (self.compared == 0 or self.mismatches > 0 or self.problem is not None):
            raise ValueError("passed: got true, expected false where nothing was compared, or something does not match")
        for key in ("max_abs", "max_rel", "max_ulp"):
            if not float(getattr(self, key)) >= 0:
                raise ValueError(f"{key}: got {getattr(self, key)}, expected a distance")
        if self.passed and not _may_pass(self):
            raise ValueError(f"max_abs: got {self.max_abs} of an output that passed, expected what kind {self.kind} lets pass")
        if problem := _bound_problem(self):
            raise ValueError(problem)
        return self


class EngineReport(Strict):
    """What became of one engine."""

    engine: str
    device: str
    status: Status
    reason: str | None
    numerics: str | None
    verdicts: Annotated[tuple[OutputReport, ...], Field(strict=False)]

    @model_validator(mode="after")
    def _check(self) -> EngineReport:
        whole = bool(self.verdicts) and all(verdict.passed for verdict in self.verdicts)
        if whole != (self.status == "passed") or (self.verdicts and not did_run(self.status)):
            raise ValueError(f"status: got {self.status}, expected what its {len(self.verdicts)} verdicts say")
        if len(set(map(_cell, self.verdicts))) != len(self.verdicts):
            raise ValueError("verdicts: got two of one case, call and output, expected one")
        return self


class Machine(Strict):
    """The machine and the program that made a report."""

    language: Literal["python", "c++"]
    system: str
    architecture: str
    processor: str
    versions: dict[str, str]
    switches: dict[str, str]


class Report(Strict):
    """One machine's verdicts of one bundle."""

    bundle: str
    name: str
    source: Literal["real", "synthetic"]
    passed: bool
    manifest_sha256: Digest
    machine: Machine
    engines: Annotated[tuple[EngineReport, ...], Field(min_length=1, strict=False)]

    @model_validator(mode="after")
    def _check(self) -> Report:
        statuses = [engine.status for engine in self.engines]
        if self.passed != (any(map(did_run, statuses)) and not any(map(is_failure, statuses))):
            raise ValueError("passed: got another answer than the engines give, expected theirs")
        if len({(engine.engine, engine.device) for engine in self.engines}) != len(self.engines):
            raise ValueError("engines: got one twice on one device, expected it once")
        return self


def _may_pass(verdict: OutputReport) -> bool:
    """Say whether the figures of a verdict are those of an output that passed: none is beyond the bound, and equal bits have no distance."""
    far, steps = float(verdict.max_abs), float(verdict.max_ulp)
    match verdict.kind:
        case "bits":
            return far == 0 and steps == 0
        case "absolute":
            return far <= verdict.bound
        case "label":
            return far < math.inf and (far == 0) == (verdict.within_margin == 0)
    assert_never(verdict.kind)


def _bound_problem(verdict: OutputReport) -> str | None:
    """Return why the bound is not the one that its reason names."""
    match verdict.kind:
        case "bits":
            return f"bound: got {verdict.bound!r}, expected 0 for kind bits" if verdict.bound else None
        case "absolute" | "label":
            return naming_problem(verdict)
    assert_never(verdict.kind)


def _cell(verdict: OutputReport) -> tuple[str, int, str]:
    return verdict.case, verdict.call, verdict.output


def parse_report(value: object, where: str) -> Report:
    """Return a checked report; `where` names its file in messages. Raises FerryError(FORMAT)."""
    return read_model(Report, value, where, what="the object of `verify --json`", advice=ADVICE)
