"""Calls that wait are joined to one, and its answer is cut again. Pure functions of arrays, and the options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from torchferry.bundle.contract import BATCH, Array, Contract
from torchferry.bundle.printable import quoted
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.joined import why_bits_change, why_never_joined

Keeps = Literal["bits", "bound"]
Tensors = dict[str, Array]


@dataclass(frozen=True)
class Joining:
    """Up to how many samples are joined (0: none are), how long a call waits for others, and what its answer keeps."""

    rows: int = 0
    wait_s: float = 0.002
    keeps: Keeps = "bits"

    def problem(self, contract: Contract, engine: str) -> str | None:
        """Return why calls of this engine are not joined; None where they may be, or nobody asked for it."""
        if not self.rows:
            return None
        return why_never_joined(contract) or (why_bits_change(engine) if self.keeps == "bits" else None)

    def require(self, contract: Contract, engine: str, name: str) -> None:
        """Refuse an engine whose calls do not keep what is promised. Raises FerryError(USAGE)."""
        self.require_possible(contract, name)
        problem = self.problem(contract, engine)
        if problem is not None:
            raise FerryError(
                ExitCode.USAGE, f"--join: {name}: {problem}, expected c or c-int8; leave --join out, or pass --join-keeps bound"
            )

    def require_possible(self, contract: Contract, name: str) -> None:
        """Refuse a contract whose calls cannot be joined. Raises FerryError(USAGE)."""
        problem = why_never_joined(contract) if self.rows else None
        if problem is not None:
            raise FerryError(ExitCode.USAGE, f"--join: {name}: {problem}, expected independent samples; leave --join out")

    def most(self, contract: Contract) -> int:
        """Return how many samples one call may have."""
        limit = contract.symbols[BATCH].max if BATCH in contract.symbols else None
        return self.rows if limit is None else min(self.rows, limit)

    def describe(self) -> str:
        """Return what a client is told: `off`, `bits` or `bound`."""
        return self.keeps if self.rows else "off"


def keeps_of(text: str) -> Keeps:
    """Return what --join-keeps asks for. Raises FerryError(USAGE)."""
    known: dict[str, Keeps] = {"bits": "bits", "bound": "bound"}
    if text in known:
        return known[text]
    raise FerryError(ExitCode.USAGE, f"--join-keeps: got {quoted(text)}, expected bits or bound")


def rows_of(inputs: Mapping[str, Array]) -> int:
    """Return the samples of inputs [N, ...]."""
    return len(next(iter(inputs.values())))


def kind_of_call(inputs: Mapping[str, Array]) -> tuple[tuple[object, ...], ...]:
    """Return what calls [N, ...] must share to be joined: names, dtypes and all sizes but the batch."""
    return tuple(sorted((name, array.dtype.str, array.shape[1:]) for name, array in inputs.items()))


def join(calls: Sequence[Mapping[str, Array]]) -> Tensors:
    """Return the samples of all calls [N, ...] as one call."""
    return {name: np.concatenate([call[name] for call in calls]) for name in calls[0]}


def cut(outputs: Mapping[str, Array], sizes: Sequence[int]) -> list[Tensors]:
    """Return the part of each call [n, ...], in the order in which they were joined."""
    ends = np.cumsum(sizes)
    return [
        {name: array[end - size : end] for name, array in outputs.items()} for size, end in zip(sizes, ends.tolist(), strict=True)
    ]
