"""What is served: a bundle as a version of a model, and the limits of the server. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torchferry.bundle.contract import Contract
from torchferry.bundle.digest import sha256_of
from torchferry.bundle.reader import open_bundle
from torchferry.bundle.trust import Trust, demands
from torchferry.proof.proven import Chosen
from torchferry.proof.where import Where


@dataclass(frozen=True)
class Limits:
    """What one server bears. `body_bytes`: of a request; `deadline_s`: for an answer; `queue`: requests that wait for one model."""

    body_bytes: int = 64 * 2**20
    deadline_s: float = 30.0
    queue: int = 64
    replicas: int = 1
    at_once: int = 1  # calls in one replica


@dataclass(frozen=True)
class Served:
    """One version of a model. `contract`: as the opened bundle has it."""

    name: str
    version: str
    chosen: Chosen
    contract: Contract

    @property
    def application(self) -> str:
        """The name of its application in Ray Serve."""
        return f"model-{self.name}-{self.version}"

    @property
    def about(self) -> dict[str, str]:
        """What metadata says of it besides the contract."""
        return {"engine": self.chosen.engine, "manifest_sha256": self.chosen.manifest_sha256}


def choose(path: str, version: str, where: Where, *, engine: str | None, trust: Trust | None) -> Served:
    """Open a bundle here, check it, and fix engine and digest for every replica. Raises what open_bundle and Session raise."""
    bundle = open_bundle(path, trust=trust)
    session = where.open_first(bundle) if engine is None else where.open(bundle, engine)
    asked = demands(trust)
    chosen = Chosen(
        str(Path(path).absolute()), sha256_of(bundle.manifest_json), asked[0] if asked else None, session.engine, where
    )
    return Served(bundle.manifest.name, version, chosen, bundle.contract)
