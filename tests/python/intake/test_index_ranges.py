"""Indices get the range that torch itself takes: tried with every index around it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from torchferry.bundle.contract import BATCH, Contract, SymbolRange, TensorSpec
from torchferry.intake.index_ranges import index_ranges, with_index_ranges
from torchferry.intake.source import ExportSource

ROWS, WIDER = 7, 10
Forward = Callable[[Tensor, Tensor], Tensor]
LOOK_UPS: dict[str, Forward] = {
    "embedding": lambda table, ids: nn.functional.embedding(ids, table),
    "embedding of another shape": lambda table, ids: nn.functional.embedding(ids.reshape(-1, 1, 2).transpose(0, 1), table),
    "embedding of another dtype": lambda table, ids: nn.functional.embedding(ids.to(torch.int64), table),
    "index": lambda table, ids: table[ids.long()],
    "index of the second dim": lambda table, ids: table.t()[:, ids.long()],
    "index_select": lambda table, ids: table.index_select(0, ids.reshape(-1)),
    "gather": lambda table, ids: table.gather(0, ids.long()),
    "the smaller of two tables": lambda table, ids: (
        nn.functional.embedding(ids, table) + nn.functional.embedding(ids, torch.ones(WIDER, 3))
    ),
    "from both sides": lambda table, ids: nn.functional.embedding(ids, table) + torch.ones(WIDER, 3)[ids.long()],
}


def written_into(table: Tensor, ids: Tensor) -> Tensor:
    """Look up what is left of the indices, in their own memory."""
    ids.view(-1).remainder_(5)
    return nn.functional.embedding(ids, table)


UNKNOWN: dict[str, Forward] = {
    "clamped": lambda table, ids: nn.functional.embedding(ids.clamp(0, 3), table),
    "one column": lambda table, ids: nn.functional.embedding(ids[:, :1], table),
    "moved": lambda table, ids: nn.functional.embedding(ids + 1, table),
    "written into": written_into,
    "rounded to float32": lambda table, ids: nn.functional.embedding(ids.float().long(), table),
    "no index": lambda table, ids: table[0, 0] * ids,
    "a table without rows": lambda table, ids: table[:0].index_select(0, ids.reshape(-1)),
    "a table of the input's size": lambda _, ids: ids.index_select(0, ids[0]),
}


class LookUp(nn.Module):
    """A table of ROWS rows, and a way to look into it."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.arange(ROWS * 3.0).reshape(ROWS, 3))
        self.look_up = forward

    def forward(self, ids: Tensor) -> Tensor:
        """Map ids [N,2] to rows."""
        return self.look_up(self.table, ids)


def source_of(forward: Forward, dtype: str = "int64", declared: tuple[float, float] | None = None) -> ExportSource:
    ids = TensorSpec(name="ids", dtype=dtype, shape=(BATCH, 2), range=declared, unit=None, allow_nonfinite=False)
    rows = TensorSpec(name="rows", dtype="float32", shape=(BATCH, 2, 3), range=None, unit=None, allow_nonfinite=False)
    symbols = {BATCH: SymbolRange(min=0, max=None)}
    contract = Contract(inputs=(ids,), outputs=(rows,), symbols=symbols, classes=None, samples="independent")
    return ExportSource(LookUp(forward).eval(), contract, {"ids": np.zeros((3, 2), dtype)})


def takes(forward: Forward, index: int, dtype: str) -> bool:
    try:
        LookUp(forward)(torch.full((3, 2), index, dtype=getattr(torch, dtype)))
    except (IndexError, RuntimeError):
        return False
    return True


@pytest.mark.parametrize("dtype", ["int64", "int32"])
@pytest.mark.parametrize("name", LOOK_UPS)
def test_the_range_is_what_torch_takes(name: str, dtype: str) -> None:
    source = source_of(LOOK_UPS[name], dtype)
    (low, high) = index_ranges(source.program, source.contract)["ids"]
    taken = [index for index in range(-2 * WIDER, 2 * WIDER) if takes(LOOK_UPS[name], index, dtype)]
    assert [low, high] == [min(taken), max(taken)]
    assert taken == list(range(low, high + 1))


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_no_index_itself_gets_no_range(name: str) -> None:
    source = source_of(UNKNOWN[name])
    assert index_ranges(source.program, source.contract) == {}


def test_the_range_of_the_user_stays() -> None:
    notes: list[str] = []
    source = with_index_ranges(source_of(LOOK_UPS["embedding"], declared=(0, 2)), notes.append)
    assert source.contract.inputs[0].range == (0, 2)
    assert notes == []


def test_a_range_is_noted_and_the_programs_are_kept() -> None:
    notes: list[str] = []
    before = source_of(LOOK_UPS["embedding"])
    program = before.program
    after = with_index_ranges(before, notes.append)
    assert after.contract.inputs[0].range == (0, ROWS - 1)
    assert after.program is program
    assert notes == ["input ids: the contract gets the range 0 to 6: it is an index into a table of the module"]


def test_a_module_without_a_program_stays_as_it_is() -> None:
    source = source_of(lambda table, ids: table[ids] if ids.sum() > 0 else table)
    assert with_index_ranges(source, lambda _: pytest.fail("a note")) is source
