"""A session that has proven itself: the bundle's goldens were replayed on this machine before it answers anybody."""

from __future__ import annotations

from dataclasses import dataclass

from torchferry.bundle.digest import sha256_of
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.bundle.trust import Trust
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.replay import EngineVerdict
from torchferry.proof.verify import verify
from torchferry.proof.where import Where


@dataclass(frozen=True)
class Chosen:
    """Which bundle runs on which engine: what one machine chose, and every other one has to find in its place."""

    bundle: str
    manifest_sha256: str
    trust: Trust | None
    engine: str
    where: Where


def open_proven(chosen: Chosen) -> tuple[Bundle, Session]:
    """Open the bundle on this machine and replay its goldens.

    Raises FerryError: what open_bundle and Session raise, INTEGRITY for another bundle than the chosen one, MISMATCH where an answer
    is outside its bound.
    """
    bundle = open_bundle(chosen.bundle, trust=chosen.trust)
    if sha256_of(bundle.manifest_json) != chosen.manifest_sha256:
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{chosen.bundle}: got another bundle here, expected {chosen.manifest_sha256[:16]}... as where it was chosen; copy that one",
        )
    session = chosen.where.open(bundle, chosen.engine)
    require_passed(bundle, verify(bundle, session))
    return bundle, session


def require_passed(bundle: Bundle, verdict: EngineVerdict) -> None:
    """Require that every output of every golden is within its bound. Raises FerryError(MISMATCH) with the first that is not."""
    if verdict.passed:
        return
    failed = next((one for one in verdict.verdicts if not one.passed), None)
    what = ""
    if failed is not None:
        problem = failed.problem or f"{failed.mismatches} of {failed.compared} wrong"
        what = f": output {failed.output} of {failed.case}: {problem}"
    raise FerryError(
        ExitCode.MISMATCH,
        f"{bundle.folder}: engine {verdict.engine} fails the goldens on this machine{what}; see `ferry verify` there",
    )
