"""Which engine of a bundle answers fastest here, of those that pass its goldens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torchferry.bundle.contract import BATCH, Array
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.bench import tiled
from torchferry.proof.proven import require_passed
from torchferry.proof.timing import time_calls
from torchferry.proof.verify import verify
from torchferry.proof.where import Where

_CALLS, _BUDGET_NS = 200, 100_000_000  # of one engine
_ALIKE = 1.2  # engines whose times differ by less count as equally fast: the bundle's order decides, not chance


@dataclass(frozen=True)
class Choice:
    """The engine, what the engines that passed take for a call of one sample in microseconds, and why each other one is out."""

    engine: str
    times_us: dict[str, float]
    reasons: dict[str, str]

    def describe(self) -> str:
        """Return one line: the engine, the times, and who is out."""
        times = ", ".join(f"{engine} {us:.0f} us" for engine, us in sorted(self.times_us.items(), key=lambda item: item[1]))
        out = f"; not {', '.join(self.reasons)}" if self.reasons else ""
        return f"engine {self.engine}, the fastest that passes its goldens here ({times} a call{out})"


def choose_fastest(bundle: Bundle, where: Where, *, problem: Callable[[str], str | None] = lambda _: None) -> Choice:
    """Prove and time every engine of a bundle that can run here; `problem` says why an engine is not wanted, None: it is.

    Raises FerryError(UNAVAILABLE) with each engine's reason where none is left, and FORMAT or INTEGRITY for a broken bundle.
    """
    times: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for engine in dict.fromkeys(artifact.engine for artifact in bundle.manifest.artifacts):
        reason = problem(engine)
        if reason is None:
            try:
                times[engine] = _prove_and_time(bundle, where, engine)
                continue
            except FerryError as error:
                if error.code not in (ExitCode.UNAVAILABLE, ExitCode.MISMATCH):
                    raise
                reason = str(error)
        reasons[engine] = reason
    if not times:
        told = "; ".join(f"{engine}: {reason}" for engine, reason in reasons.items())
        raise FerryError(ExitCode.UNAVAILABLE, f"{bundle.folder}: no engine of this bundle can answer here; {told}")
    least = min(times.values())
    return Choice(next(engine for engine, us in times.items() if us <= _ALIKE * least), times, reasons)


def _prove_and_time(bundle: Bundle, where: Where, engine: str) -> float:
    """Return the median time of a call in microseconds. Raises what opening a session raises, and MISMATCH."""
    session = where.open(bundle, engine)
    require_passed(bundle, verify(bundle, session))
    return time_calls(session, one_sample(bundle), _CALLS, budget_ns=_BUDGET_NS).quantile_us(0.5)


def one_sample(bundle: Bundle) -> dict[str, Array]:
    """Return the smallest call [n, ...] that the contract allows, from the first golden; all of it where samples depend on each other."""
    golden = read_case(bundle, bundle.manifest.golden.cases[0]).inputs
    limits = bundle.contract.symbols.get(BATCH)
    if limits is None or bundle.contract.samples == "batch":
        return dict(golden)
    return tiled(bundle.contract, golden, max(limits.min, 1))
