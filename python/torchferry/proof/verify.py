"""Verify: replay a bundle's goldens on its engines, and say what that comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torchferry.bundle.reader import Bundle
from torchferry.compare.status import Status, did_run
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_VERIFY_CALLS
from torchferry.proof.replay import BROKEN_DOWN, EngineVerdict, contract_broken, replay, unavailable
from torchferry.proof.where import Where


def verify(bundle: Bundle, session: Session, *, calls: int = 1) -> EngineVerdict:
    """Replay every golden case of `bundle` in `session`, all of them `calls` times, then compare each output with its golden.

    The result has one Verdict per call, case and output; its `status` is "passed" only if every element of all of them is within
    its tolerance. Raises FerryError: USAGE for `calls` outside 1 to 100, FORMAT where a tolerance is missing or so large that it
    proves nothing, and what `session.run` raises.
    """
    require_calls(calls)
    return replay(bundle, session, engine=session.engine, device=session.device, calls=calls)


def require_calls(calls: int) -> None:
    """Refuse a number of calls whose outputs could not all be kept until they are compared. Raises FerryError(USAGE)."""
    if not 1 <= calls <= MAX_VERIFY_CALLS:
        raise FerryError(ExitCode.USAGE, f"--calls: got {calls}, expected 1 to {MAX_VERIFY_CALLS}")


def verify_engines(bundle: Bundle, where: Where, *, engine: str | None = None, calls: int = 1) -> list[EngineVerdict]:
    """Replay the goldens `calls` times on one engine, or on every engine of the bundle that can run here.

    Raises FerryError: USAGE for `calls` outside 1 to 100, UNAVAILABLE where the chosen engine cannot run here, FORMAT or INTEGRITY for a broken bundle.
    """
    require_calls(calls)
    names = [artifact.engine for artifact in bundle.manifest.artifacts] if engine is None else [engine]
    return [_verify(bundle, name, where, calls, must_run=engine is not None) for name in names]


def _verify(bundle: Bundle, engine: str, where: Where, calls: int, *, must_run: bool) -> EngineVerdict:
    try:
        return replay(bundle, where.open(bundle, engine), engine=engine, device=where.device, calls=calls)
    except FerryError as error:
        if error.code == ExitCode.MISMATCH or (error.code in BROKEN_DOWN and not must_run):
            return contract_broken(engine, where.device, str(error))
        if must_run or error.code != ExitCode.UNAVAILABLE:
            raise
        return unavailable(engine, where.device, str(error))


def require_one_ran(bundle: Bundle, statuses: Sequence[Status]) -> None:
    """Require one engine that ran. Raises FerryError(UNAVAILABLE) where none could: nothing was compared."""
    if not any(map(did_run, statuses)):
        raise FerryError(ExitCode.UNAVAILABLE, f"{bundle.folder}: no engine of this bundle can run here, expected at least one")


def require_these_ran(names: Sequence[str], ran: Iterable[tuple[str, str]]) -> None:
    """Require that each name, of an engine or of a language (`python`, `cpp`), ran; `ran` has engine and language of what did.

    Raises FerryError(UNAVAILABLE), also for a name that no engine of the bundle has: nothing was compared there.
    """
    found = sorted(set(ran))
    missing = [name for name in dict.fromkeys(names) if not any(name in pair for pair in found)]
    if missing:
        did = ", ".join(f"{engine} ({language})" for engine, language in found) or "none"
        raise FerryError(
            ExitCode.UNAVAILABLE, f"--require: {', '.join(missing)} did not run here, expected to; ran: {did}; see why above"
        )
