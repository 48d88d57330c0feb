"""Replaying a bundle's goldens: everything runs first, then everything is compared."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torchferry.bundle.contract import Array
from torchferry.bundle.digest import sha256_of
from torchferry.bundle.float_mode import ieee_arithmetic
from torchferry.bundle.golden import CaseArrays, read_case
from torchferry.bundle.manifest import Tolerance
from torchferry.bundle.reader import Bundle
from torchferry.bundle.steps import Steps
from torchferry.compare.class_names import NAME_EVERY
from torchferry.compare.label_margin import Scores
from torchferry.compare.status import Status, did_run, is_failure
from torchferry.compare.telling import require_telling, resting_words
from torchferry.compare.verdict import Verdict, compare
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.machine import machine_json
from torchferry.proof.regroup import mixing_problem, regrouped

BROKEN_DOWN = (ExitCode.IO, ExitCode.INTERNAL)
"""How an engine may end, for want of memory say, that is its own failure where others are still to run."""


class Runnable(Protocol):
    """What a replay needs of a session."""

    @property
    def numerics(self) -> str:
        """What decides the bits of its float results."""

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run one batch: arrays [N, ...] by input name to arrays [N, ...] by output name."""


@dataclass(frozen=True)
class EngineVerdict:
    """All verdicts of one engine, or why it could not run here; `reason` of one that passed: what its bounds rest on."""

    engine: str
    device: str
    status: Status
    reason: str | None
    numerics: str
    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Did the engine run, and was every output within its tolerance?"""
        return self.status == "passed"


@ieee_arithmetic()
def replay(bundle: Bundle, session: Runnable, *, engine: str, device: str, calls: int = 1, groups: bool = True) -> EngineVerdict:
    """Run every golden case, all of them `calls` times, then compare each output. A stream begins anew each time.

    Where the contract calls its samples independent, each case is also run in other `groups`: an answer that changes then has failed.

    Raises what the session raises, and FerryError: FORMAT for a tolerance that is missing or so large that it proves nothing, MISMATCH
    for an engine that refuses a golden: these have been held to the contract.
    """
    cases = [read_case(bundle, case) for case in bundle.manifest.golden.cases]
    names = [spec.name for spec in bundle.contract.outputs]
    rows = [tolerance_of(bundle, name, engine=engine, device=device, numerics=session.numerics) for name in names]
    require_telling(bundle, cases)
    outputs = [list(answers(bundle, session, cases)) for _ in range(calls)]
    parts = [
        [(part, _answer(bundle, session, case.name, part.inputs)) for part in regrouped(bundle.contract, case) if groups]
        for case in cases
    ]
    verdicts = tuple(
        _held_to_samples(
            bundle,
            _verdict_of_call(bundle, case, actual, row, call, session.numerics),
            (case, actual),
            answered,
            (engine, device),
        )
        for call, answers in enumerate(outputs, 1)
        for case, actual, answered in zip(cases, answers, parts, strict=True)
        for row in rows
    )
    passed = is_whole(verdicts, cases, names, calls) and all(verdict.passed for verdict in verdicts)
    reason = resting_words(bundle, cases, rows) if passed else None
    return EngineVerdict(engine, device, "passed" if passed else "failed", reason, session.numerics, verdicts)


def answers(bundle: Bundle, session: Runnable, cases: Sequence[CaseArrays]) -> Iterator[Mapping[str, Array]]:
    """Yield the outputs [N, ...] of each case in turn; a step of a stream gets the state that the session itself gave before.

    Raises what the session raises, and FerryError(MISMATCH) where it refuses a golden.
    """
    steps = Steps(bundle.contract)
    for case in cases:
        outputs = _answer(bundle, session, case.name, steps.inputs(case))
        steps.keep(case, outputs)
        yield outputs


def _answer(bundle: Bundle, session: Runnable, case: str, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
    """Run a golden case, or a part of it. Raises FerryError(MISMATCH) for an engine that takes less than the contract promises."""
    try:
        return session.run(inputs)
    except FerryError as error:
        if error.code != ExitCode.BAD_INPUT:
            raise
        raise FerryError(ExitCode.MISMATCH, f"{bundle.folder}: golden case {case}: {error}") from None


def _verdict_of_call(
    bundle: Bundle, case: CaseArrays, actual: Mapping[str, Array], row: Tolerance, call: int, numerics: str
) -> Verdict:
    """Judge one output of one call, and say how far other kernels are from the golden's."""
    verdict = _named(bundle, dataclasses.replace(judge(bundle, case, actual, row), call=call), actual)
    golden = bundle.manifest.golden.numerics
    promised = bundle.manifest.tolerance(engine=row.engine, device=row.device, output=row.output, numerics=golden)
    if row.numerics == "golden" or not numerics or promised is None or promised.numerics == "any" or not verdict.compared:
        return verdict
    return dataclasses.replace(verdict, other_kernels_ulp=judge(bundle, case, actual, promised).max_ulp)


def _named(bundle: Bundle, verdict: Verdict, actual: Mapping[str, Array]) -> Verdict:
    """Return the verdict, failed where an answer counts a class without a name: `predict` has to tell it."""
    classes = bundle.contract.classes
    if not verdict.passed or classes is None or classes.output != verdict.output:
        return verdict
    problem = classes.problem(actual[verdict.output])
    return verdict if problem is None else dataclasses.replace(verdict, passed=False, problem=f"{problem}, {NAME_EVERY}")


def _held_to_samples(
    bundle: Bundle,
    verdict: Verdict,
    whole: tuple[CaseArrays, Mapping[str, Array]],
    parts: Sequence[tuple[CaseArrays, Mapping[str, Array]]],
    where: tuple[str, str],
) -> Verdict:
    """Return the verdict of a case, failed where the same samples in other groups have other answers.

    Bits depend on the batch: where the verdict asks for equality, the row that holds on any machine judges. It says nothing of samples
    where the whole batch itself is not what that row expects: then the golden is at fault.
    """
    if not verdict.passed or verdict.call != 1 or not parts:
        return verdict
    row = verdict.tolerance
    if row.bound == 0:
        row = tolerance_of(bundle, verdict.output, engine=where[0], device=where[1], numerics="")
    if not judge(bundle, *whole, row).passed:
        return verdict

    def held(part: CaseArrays, actual: Mapping[str, Array], output: str) -> Verdict:
        del output  # of the row
        return judge(bundle, part, actual, row)

    problem = mixing_problem(verdict.output, [part for part, _ in parts], [answer for _, answer in parts], held)
    return verdict if problem is None else dataclasses.replace(verdict, passed=False, problem=problem)


def is_whole(verdicts: Sequence[Verdict], cases: Sequence[CaseArrays], outputs: Sequence[str], calls: int) -> bool:
    """Say whether every element of every output of every case and call was compared. A comparison that skips one proves nothing."""
    goldens = {case.name: case for case in cases}
    expected = {(call, name, output) for call in range(1, calls + 1) for name in goldens for output in outputs}
    found = {(verdict.call, verdict.case, verdict.output): verdict for verdict in verdicts}
    return (
        bool(expected)
        and len(verdicts) == len(expected)
        and set(found) == expected
        and all(verdict.compared == _golden(goldens[verdict.case], verdict).size > 0 for verdict in verdicts)
    )


def _golden(case: CaseArrays, verdict: Verdict) -> Array:
    """Return what the verdict's tolerance compares with."""
    return case.expected(verdict.tolerance.reference)[verdict.output]


def tolerance_of(bundle: Bundle, output: str, *, engine: str, device: str, numerics: str) -> Tolerance:
    """Return the row of the tolerances that holds. Raises FerryError(FORMAT) where the manifest has none."""
    row = bundle.manifest.tolerance(engine=engine, device=device, output=output, numerics=numerics)
    if row is None:
        raise FerryError(
            ExitCode.FORMAT,
            f"{bundle.folder}: tolerances: got no row for engine {engine}, device {device}, output {output}, expected one; "
            "nothing is compared against nothing: export the bundle again",
        )
    return row


def judge(bundle: Bundle, case: CaseArrays, actual: Mapping[str, Array], row: Tolerance) -> Verdict:
    """Compare one output of one call with the golden; `actual` holds arrays in the contract's shapes."""
    allow_nan = bundle.contract.output(row.output).allow_nonfinite
    expected, scores = case.expected(row.reference)[row.output], golden_scores(bundle, case, row)
    return compare(actual.get(row.output), expected, row, case=case.name, allow_nan=allow_nan, scores=scores)


def compare_output(
    bundle: Bundle, case: CaseArrays, actual: Mapping[str, Array], output: str, *, engine: str, device: str, numerics: str
) -> Verdict:
    """Compare one output of one case, in the contract's shape, under the tolerance that holds.

    Raises FerryError(FORMAT) where the manifest has none.
    """
    return judge(bundle, case, actual, tolerance_of(bundle, output, engine=engine, device=device, numerics=numerics))


def golden_scores(bundle: Bundle, case: CaseArrays, row: Tolerance) -> Scores | None:
    """Return the scores [N, classes] that a row of kind `label` names, with their class axis."""
    if row.scores is None:
        return None
    axis = bundle.contract.output(row.scores).class_axis(bundle.contract.output(row.output))
    return None if axis is None else Scores(case.float64[row.scores], axis)


def unavailable(engine: str, device: str, reason: str) -> EngineVerdict:
    """Return the verdict for an engine that cannot run here."""
    return EngineVerdict(engine, device, "unavailable", reason, "", ())


def contract_broken(engine: str, device: str, reason: str) -> EngineVerdict:
    """Return the verdict for an engine that gives no outputs, or others than the contract promises: nothing could be compared."""
    return EngineVerdict(engine, device, "failed", reason, "", ())


def all_passed(engines: Sequence[EngineVerdict]) -> bool:
    """Say whether at least one engine ran, and every one that ran passed."""
    return any(did_run(engine.status) for engine in engines) and not any(is_failure(engine.status) for engine in engines)


def to_json(bundle: Bundle, engines: Sequence[EngineVerdict]) -> dict[str, object]:
    """Return the object that `verify --json` prints (FORMAT.md section 9)."""
    return {
        "bundle": str(bundle.folder),
        "name": bundle.manifest.name,
        "source": bundle.manifest.golden.source,
        "passed": all_passed(engines),
        "manifest_sha256": sha256_of(bundle.manifest_json),
        "machine": machine_json(),
        "engines": [engine_json(engine) for engine in engines],
    }


def engine_json(engine: EngineVerdict) -> dict[str, Any]:
    """Return one entry of `engines` in that object."""
    return {
        "engine": engine.engine,
        "device": engine.device,
        "status": engine.status,
        "reason": engine.reason,
        "numerics": engine.numerics or None,
        "verdicts": [_verdict_json(verdict) for verdict in engine.verdicts],
    }


def _verdict_json(verdict: Verdict) -> dict[str, object]:
    row: Tolerance = verdict.tolerance
    worst = verdict.worst
    return {
        "case": verdict.case,
        "call": verdict.call,
        "output": verdict.output,
        "passed": verdict.passed,
        "kind": row.kind,
        "reference": row.reference,
        "bound": row.bound,
        "reason": row.reason,
        "compared": verdict.compared,
        "mismatches": verdict.mismatches,
        "max_abs": json_number(verdict.max_abs),
        "max_rel": json_number(verdict.max_rel),
        "max_ulp": json_number(verdict.max_ulp),
        "worst": None
        if worst is None
        else {"index": list(worst.index), "actual": json_number(worst.actual), "expected": json_number(worst.expected)},
        "problem": verdict.problem,
        "near_ties": verdict.near_ties,
        "near_tie_indices": [list(index) for index in verdict.near_tie_indices],
        "within_margin": verdict.within_margin,
        "other_kernels_ulp": None if verdict.other_kernels_ulp is None else json_number(verdict.other_kernels_ulp),
    }


def json_number(value: float) -> float | int | str:
    """Return a number for JSON: whole numbers as integers, what is not finite as `nan`, `inf`, `-inf`."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
