"""Where a proof runs an engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torchferry.bundle.reader import Bundle
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError


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

    def open_first(self, bundle: Bundle) -> Session:
        """Open the bundle's first engine that can run here. Raises FerryError(UNAVAILABLE) with each engine's reason."""
        reasons = []
        for artifact in bundle.manifest.artifacts:
            try:
                return self.open(bundle, artifact.engine)
            except FerryError as error:
                if error.code != ExitCode.UNAVAILABLE:
                    raise
                reasons.append(f"{artifact.engine}: {error}")
        raise FerryError(ExitCode.UNAVAILABLE, f"{bundle.folder}: no engine of this bundle can run here; {'; '.join(reasons)}")

    @property
    def options(self) -> list[str]:
        """The same for ferry-run: device, threads and permissions."""
        allowed = [text for name in self.allow_ops for text in ("--allow-op", name)]
        native = ["--allow-native"] if self.allow_native else []
        return ["--device", self.device, "--threads", str(self.threads), *native, *allowed]
