"""What is served: a bundle as a version of a model, and the limits of the server. Plain values."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from torchferry.bundle.contract import Contract
from torchferry.bundle.digest import sha256_of
from torchferry.bundle.reader import open_bundle
from torchferry.bundle.trust import Trust, demands
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.fastest import choose_fastest
from torchferry.proof.proven import Chosen
from torchferry.proof.where import Where
from torchferry.serve.joining import Joining
from torchferry.serve.log import open_log


@dataclass(frozen=True)
class Place:
    """Where the server listens, for gRPC only where a port is given, and where Ray runs: None: on this machine alone."""

    host: str
    port: int
    grpc_port: int | None = None
    ray_address: str | None = None


@dataclass(frozen=True)
class Limits:
    """What one server bears. `body_bytes`: of a request; `deadline_s`: for an answer; `queue`: requests that wait for one model."""

    body_bytes: int = 64 * 2**20
    deadline_s: float = 30.0
    queue: int = 64
    replicas: int = 1
    joining: Joining = field(default_factory=Joining)

    @property
    def calls(self) -> int:
        """How many calls of one model are borne: those that wait and those that its replicas compute."""
        return self.queue + self.replicas * max(1, self.joining.rows)


@dataclass(frozen=True)
class Watch:
    """What is kept of requests. `log`: a file that gets a JSON line for each; `shadow`: an engine that repeats one call of `every`."""

    log: str | None = None
    shadow: str | None = None
    every: int = 100


@dataclass(frozen=True)
class Served:
    """One version of a model. `contract`: as the opened bundle has it."""

    name: str
    version: str
    chosen: Chosen
    contract: Contract
    why: str = ""  # this engine: one line

    @property
    def application(self) -> str:
        """The name of its application in Ray Serve."""
        return f"model-{self.name}-{self.version}"

    @property
    def shadow(self) -> str:
        """The name of its shadow's application."""
        return f"shadow-{self.name}-{self.version}"

    @property
    def about(self) -> dict[str, str]:
        """What metadata says of it besides the contract."""
        return {"engine": self.chosen.engine, "manifest_sha256": self.chosen.manifest_sha256}


def choose(
    path: str, version: str, where: Where, *, engine: str | None, trust: Trust | None, joining: Joining | None = None
) -> Served:
    """Open a bundle here, check it, and fix engine and digest for every replica; without an engine, the fastest that passes its goldens.

    Raises what open_bundle, Session and choose_fastest raise, and USAGE for calls that are not to be joined.
    """
    bundle, joining = open_bundle(path, trust=trust), joining or Joining()
    why = "as asked"
    if engine is None:
        joining.require_possible(bundle.contract, bundle.manifest.name)
        choice = choose_fastest(bundle, where, problem=lambda name: joining.problem(bundle.contract, name))
        engine, why = choice.engine, choice.describe()
    else:
        joining.require(bundle.contract, engine, bundle.manifest.name)
        where.open(bundle, engine)
    asked = demands(trust)
    chosen = Chosen(str(Path(path).absolute()), sha256_of(bundle.manifest_json), asked[0] if asked else None, engine, where)
    return Served(bundle.manifest.name, version, chosen, bundle.contract, why)


def checked_watch(watch: Watch, served: Sequence[Served]) -> Watch:
    """Return what is kept of requests, with the path of the log whole. Raises FerryError: IO, and what opening the shadow's engine raises."""
    for one in served if watch.shadow else ():
        chosen = one.chosen
        if watch.shadow == chosen.engine:
            raise FerryError(
                ExitCode.USAGE, f"--shadow: got {watch.shadow}, which answers for {one.name}, expected another engine of it"
            )
        chosen.where.open(open_bundle(chosen.bundle, trust=chosen.trust), str(watch.shadow))
    if watch.log is None:
        return watch
    os.close(open_log(watch.log))
    return replace(watch, log=str(Path(watch.log).absolute()))
