"""What an engine reached on a machine: the golden's bits, their bound, or neither."""

from __future__ import annotations

from typing import Literal

from typing_extensions import assert_never

from torchferry.attest.report import EngineReport, OutputReport
from torchferry.compare.kinds import kind_of

Level = Literal["bits", "bound", "failed", "unavailable"]
Promise = Literal["bits", "bound"]


def level_of(engine: EngineReport) -> Level:
    """Return the level of all outputs together."""
    match engine.status:
        case "unavailable":
            return "unavailable"
        case "failed":
            return "failed"
        case "passed":
            return "bits" if all(map(_has_the_bits, engine.verdicts)) else "bound"
    assert_never(engine.status)


def keeps(level: Level, promise: Promise) -> bool:
    """Say whether an engine that reached `level` keeps the promise; one that is not there breaks none."""
    match level:
        case "unavailable" | "bits":
            return True
        case "bound":
            return promise == "bound"
        case "failed":
            return False
    assert_never(level)


def worst_ulp(engine: EngineReport) -> float:
    """Return the largest distance of an output from its golden, in float steps; 0 for one that has the golden's bits."""
    return max((float(verdict.max_ulp) for verdict in engine.verdicts if not _has_the_bits(verdict)), default=0.0)


def bound_used(engine: EngineReport) -> float:
    """Return the largest difference of an output as a share of its bound: 1 is all of it; 0 where every output has the golden's bits."""
    others = (verdict for verdict in engine.verdicts if not _has_the_bits(verdict))
    shares = (kind_of(one.kind).share(float(one.max_abs), one.bound) for one in others)
    return max((share for share in shares if share is not None), default=0.0)


def _has_the_bits(verdict: OutputReport) -> bool:
    """Say whether an output has the bits of the golden: held to them, or by other kernels without a difference."""
    match verdict.kind:
        case "bits":
            return True
        case "label":
            return verdict.mismatches == 0 and verdict.within_margin == 0
        case "absolute":
            return verdict.other_kernels_ulp == 0
    assert_never(verdict.kind)
