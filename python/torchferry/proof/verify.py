"""Verify: replay a bundle's goldens on its engines, and say what that comes to."""

from __future__ import annotations

from collections.abc import Sequence

from torchferry.bundle.reader import Bundle
from torchferry.compare.status import Status, did_run
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.replay import EngineVerdict, contract_broken, replay, unavailable
from torchferry.proof.where import Where


def verify_engines(bundle: Bundle, where: Where, *, engine: str | None = None, calls: int = 1) -> list[EngineVerdict]:
    """Replay the goldens `calls` times on one engine, or on every engine of the bundle that can run here.

    Raises FerryError: UNAVAILABLE where the chosen engine cannot run here, FORMAT or INTEGRITY for a broken bundle.
    """
    names = [artifact.engine for artifact in bundle.manifest.artifacts] if engine is None else [engine]
    return [_verify(bundle, name, where, calls, must_run=engine is not None) for name in names]


def _verify(bundle: Bundle, engine: str, where: Where, calls: int, *, must_run: bool) -> EngineVerdict:
    try:
        return replay(bundle, where.open(bundle, engine), engine=engine, device=where.device, calls=calls)
    except FerryError as error:
        if error.code == ExitCode.MISMATCH:
            return contract_broken(engine, where.device, str(error))
        if must_run or error.code != ExitCode.UNAVAILABLE:
            raise
        return unavailable(engine, where.device, str(error))


def require_one_ran(bundle: Bundle, statuses: Sequence[Status]) -> None:
    """Require one engine that ran. Raises FerryError(UNAVAILABLE) where none could: nothing was compared."""
    if not any(map(did_run, statuses)):
        raise FerryError(ExitCode.UNAVAILABLE, f"{bundle.folder}: no engine of this bundle can run here, expected at least one")
