"""Where a proof runs an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from torchferry.bundle.reader import Bundle
from torchferry.engines.base import Session
from torchferry.engines.deadline import Deadline, start_deadline
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry

Opened = TypeVar("Opened")


@dataclass(frozen=True)
class Where:
    """Device and threads of the sessions, what a bundle may do in them, and which program opens them."""

    device: str = "cpu"
    threads: int = 1
    allow_native: bool = False
    allow_ops: tuple[str, ...] = ()
    language: Literal["python", "cpp"] = "python"
    ferry_run: Path | None = None  # the program of language `cpp`; None: the one that find_ferry_run finds
    isolate: bool | None = None  # None: only in C++, where ferry-run's default says so
    timeout: float = 0  # seconds for opening a model and for each call; 0: no limit
    deadline: Deadline | None = None  # of the sessions of this process

    def with_deadline(self) -> Where:
        """Go on in a child process, which the parent ends where a step takes longer than `timeout`. Raises what start_deadline raises."""
        return replace(self, deadline=start_deadline(self.timeout))

    def open(self, bundle: Bundle, engine: str) -> Session:
        """Open a session of this process. Raises what Session raises, and FerryError(UNAVAILABLE) where it should be isolated."""
        if self.isolate:
            raise FerryError(ExitCode.UNAVAILABLE, _not_isolated(engine))
        return Session(
            bundle,
            engine,
            device=self.device,
            threads=self.threads,
            allow_native=self.allow_native,
            allow_ops=self.allow_ops,
            deadline=self.deadline,
        )

    def open_first(self, bundle: Bundle) -> Session:
        """Open the bundle's first engine that can run here. Raises FerryError(UNAVAILABLE) with each engine's reason."""
        return first_that_opens(bundle, lambda engine: self.open(bundle, engine))

    def require_isolation(self, engine: str | None) -> None:
        """Refuse an engine that ferry-run lacks where isolation is asked for. Raises FerryError(UNAVAILABLE)."""
        row = None if engine is None else registry.of_engine(engine)
        if row is not None and row.is_program:
            raise FerryError(ExitCode.UNAVAILABLE, _not_isolated(row.engine))

    @property
    def options(self) -> list[str]:
        """The same for ferry-run: device, threads, permissions, isolation and time."""
        allowed = [text for name in self.allow_ops for text in ("--allow-op", name)]
        native = ["--allow-native"] if self.allow_native else []
        isolation = [] if self.isolate is None else ["--isolate" if self.isolate else "--no-isolate"]
        timeout = ["--timeout", repr(self.timeout)] if self.timeout else []
        return ["--device", self.device, "--threads", str(self.threads), *native, *allowed, *isolation, *timeout]


def first_that_opens(bundle: Bundle, open_engine: Callable[[str], Opened]) -> Opened:
    """Return what `open_engine` opens of the bundle's first engine that can run here.

    Raises FerryError(UNAVAILABLE) with each engine's reason, and every other error of an engine.
    """
    reasons = []
    for artifact in bundle.manifest.artifacts:
        try:
            return open_engine(artifact.engine)
        except FerryError as error:
            if error.code != ExitCode.UNAVAILABLE:
                raise
            reasons.append(f"{artifact.engine}: {error}")
    raise FerryError(ExitCode.UNAVAILABLE, f"{bundle.folder}: no engine of this bundle can run here; {'; '.join(reasons)}")


def _not_isolated(engine: str) -> str:
    return f"--isolate: engine {engine}: got one that runs in Python, which isolates no model, expected one of ferry-run"
