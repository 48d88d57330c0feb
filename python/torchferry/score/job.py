"""What a worker is given: where the bundle and the answers lie, how the files are read, and how the model runs. Plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torchferry.errors import ExitCode, FerryError
from torchferry.proof.proven import Chosen
from torchferry.samples.columns import TableOptions

BadRows = Literal["fail", "skip"]
Promise = Literal["bits", "bound"]
_PROMISES: dict[str, Promise] = {"bits": "bits", "bound": "bound"}
_POLICIES: dict[str, BadRows] = {"fail": "fail", "skip": "skip"}


@dataclass(frozen=True)
class Job:
    """One scoring run, as every worker sees it.

    `batch`: samples of one call. `numerics`: what decides the bits on the machine that planned the run; a worker whose kernels are
    others is refused where `allow` is "bits".
    """

    chosen: Chosen
    numerics: str
    batch: int
    output: str
    format: str
    select: str | None = None
    top: int | None = None
    table: TableOptions = field(default_factory=TableOptions)
    bad_rows: BadRows = "fail"
    allow: Promise = "bits"


def promise_of(word: str) -> Promise:
    """Return what --allow says. Raises FerryError(USAGE)."""
    if word not in _PROMISES:
        raise FerryError(ExitCode.USAGE, f"--allow: got {word!r}, expected bits or bound")
    return _PROMISES[word]


def policy_of(word: str) -> BadRows:
    """Return what --bad-rows says. Raises FerryError(USAGE)."""
    if word not in _POLICIES:
        raise FerryError(ExitCode.USAGE, f"--bad-rows: got {word!r}, expected fail or skip")
    return _POLICIES[word]
