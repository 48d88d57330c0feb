"""Where a proof runs an engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torchferry.bundle.reader import Bundle
from torchferry.engines.base import Session


@dataclass(frozen=True)
class Where:
    """Device and threads of the sessions, what a bundle may do in them, and which program opens them."""

    device: str = "cpu"
    threads: int = 1
    allow_native: bool = False
    allow_ops: tuple[str, ...] = ()
    language: Literal["python", "cpp"] = "python"
    ferry_run: Path = Path("build/bin/ferry-run")  # the program of language `cpp`

    def open(self, bundle: Bundle, engine: str) -> Session:
        """Open a session of this process. Raises what Session raises."""
        return Session(
            bundle,
            engine,
            device=self.device,
            threads=self.threads,
            allow_native=self.allow_native,
            allow_ops=self.allow_ops,
        )

    @property
    def options(self) -> list[str]:
        """The same for ferry-run: device, threads and permissions."""
        allowed = [text for name in self.allow_ops for text in ("--allow-op", name)]
        native = ["--allow-native"] if self.allow_native else []
        return ["--device", self.device, "--threads", str(self.threads), *native, *allowed]
