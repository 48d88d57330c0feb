"""Inputs that hurt lie inside the contract, keep what may be an index, and are only those that the module answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from builders.contracts import contract, spec
from torchferry.bundle.contract import Array, Contract, SymbolRange, TensorSpec
from torchferry.intake.reference import Reference
from torchferry.intake.stress import NotStressedError, stress_inputs


class Function(nn.Module):
    """A module out of a function."""

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__()
        self._function = function

    def forward(self, *inputs: torch.Tensor) -> object:
        return self._function(*inputs)


Y = spec("y", shape=("N",))
GOLDEN = np.random.default_rng(1).uniform(0.5, 2.5, (8, 5)).astype(np.float32)


def stressed(function: Callable[..., object], given: Contract, **goldens: Array) -> dict[str, Array]:
    return stress_inputs(Reference(Function(function).eval(), given), given, goldens)


def test_a_few_samples_are_the_first_that_the_module_answers() -> None:
    def picky(x: torch.Tensor) -> torch.Tensor:
        if (x.max(1).values == x.min(1).values).any():
            raise ValueError("a constant sample")
        return total(x)

    def taken(most: int | None) -> Array:
        return stress_inputs(Reference(Function(picky).eval(), given), given, {"x": GOLDEN}, most)["x"]

    given = contract((spec("x", shape=("N", 5)),), (Y,))
    every = taken(None)
    assert len(every) == 3
    assert [np.array_equal(taken(most), every[:most]) for most in (1, 2)] == [True, True]
    assert len(stress_inputs(Reference(Function(total).eval(), given), given, {"x": GOLDEN}, 2)["x"]) == 2


def total(*inputs: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = sum(x.reshape(len(x), -1).float().sum(1) * 1e-30 for x in inputs)  # type: ignore[assignment]
    return found


def of_one(tensor: TensorSpec) -> Contract:
    return contract((tensor,), (Y,))


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        ("float32", 0.1, 0.7),
        ("float32", -0.3, -0.1),
        ("float32", -3.3, 7.7),
        ("float32", 1e-42, 1e38),
        ("float32", 0.1, 0.1 + 2.0**-26),
        ("float64", 0.1, 0.7),
        ("uint8", 0, 255),
        ("uint8", 0.5, 254.5),
        ("int8", -128, 127),
        ("int32", -(2.0**31), 2.0**31 - 1),
        ("int64", 1, 2.0**53),
    ],
)
def test_every_value_lies_inside_the_range(dtype: str, low: float, high: float) -> None:
    x = spec("x", dtype, ("N", 5), range=(low, high))
    golden = np.full((8, 5), max(np.ceil(low), 1) if "int" in dtype else low, dtype)
    found = stressed(total, of_one(x), x=golden)["x"]
    assert found.dtype == golden.dtype
    assert all(low <= float(value) <= high for value in found.flat)


def test_ends_zeros_subnormals_ties_and_unequal_magnitudes_are_all_there() -> None:
    found = stressed(total, of_one(spec("x", shape=("N", 5), range=(-2.0, 6.0))), x=GOLDEN)["x"]
    rows = [row.tolist() for row in found]
    for row in ([-2, 6, -2, 6, -2], [6, -1, 1.5, -0.25, 0.375], [6] * 5, [0] * 5, [-2] * 5, [2] * 5, [6, -2, -2, -2, -2]):
        assert row in rows
    assert any(0 < abs(value) < np.finfo(np.float32).tiny for row in rows for value in row)


def test_without_a_range_the_goldens_have_the_ends() -> None:
    found = stressed(total, of_one(spec("x", shape=("N", 5))), x=GOLDEN)["x"]
    assert (found.min(), found.max()) == (GOLDEN.min(), GOLDEN.max())


def test_what_may_be_an_index_or_a_mask_stays_as_in_the_goldens() -> None:
    inputs = (spec("x", shape=("N", 5)), spec("lengths", "int64", ("N",)), spec("mask", "bool", ("N", 5)))
    lengths = np.array([3, 1, 4, 1, 5, 2, 2, 5])
    mask = np.arange(40).reshape(8, 5) % 3 > 0
    found = stressed(total, contract(inputs, (Y,)), x=GOLDEN, lengths=lengths, mask=mask)
    assert np.array_equal(found["lengths"], lengths[: len(found["lengths"])])
    assert np.array_equal(found["mask"], mask[: len(found["mask"])])
    assert not np.array_equal(found["x"], GOLDEN)


def test_grey_levels_without_a_range_go_to_the_ends_of_the_goldens() -> None:
    levels = np.random.default_rng(0).integers(3, 201, (8, 5), dtype=np.uint8)
    found = stressed(total, of_one(spec("x", "uint8", ("N", 5))), x=levels)["x"]
    assert (found.min(), found.max()) == (levels.min(), levels.max())
    assert any(np.array_equal(row, np.full(5, levels.max())) for row in found)


def test_an_index_stays_inside_its_range() -> None:
    table = nn.Embedding(10, 3)
    ids = spec("ids", "int64", ("N", 5), range=(0, 9))
    found = stressed(lambda x: table(x).sum((1, 2)).float() * 1e-3, of_one(ids), ids=np.arange(40).reshape(8, 5) % 10)["ids"]
    assert (found.min(), found.max()) == (0, 9)


def test_indices_without_a_range_are_no_stress() -> None:
    with pytest.raises(NotStressedError, match="may be an index: an integer without a range"):
        stressed(total, of_one(spec("ids", "int64", ("N", 5))), ids=np.arange(40).reshape(8, 5))


def test_a_range_of_more_than_float64_can_count_is_not_gone_to_the_ends_of() -> None:
    inputs = (spec("x", shape=("N", 5)), spec("hash", "int64", ("N",), range=(-(2.0**63), 2.0**63)))
    hashes = np.arange(8) + 2**62
    assert np.array_equal(stressed(total, contract(inputs, (Y,)), x=GOLDEN, hash=hashes)["hash"], hashes)


def test_a_sample_without_an_answer_in_numbers_is_left_out() -> None:
    x = spec("x", shape=("N", 5), range=(0, 3))
    found = stressed(lambda x: torch.log(x).sum(1), of_one(x), x=GOLDEN)["x"]
    assert len(found) > 0
    assert (found > 0).all()


def test_a_sample_that_the_module_raises_on_is_left_out() -> None:
    def picky(x: torch.Tensor) -> torch.Tensor:
        if (x.amax(1) == x.amin(1)).any():
            raise ValueError("constant")
        return x.sum(1)

    found = stressed(picky, of_one(spec("x", shape=("N", 5), range=(0, 3))), x=GOLDEN)["x"]
    assert len(found) > 0
    assert (found.max(1) > found.min(1)).all()


def test_a_module_that_answers_no_sample_has_no_stress_case() -> None:
    def none(x: torch.Tensor) -> torch.Tensor:
        return torch.full((len(x),), torch.inf)

    with pytest.raises(NotStressedError, match="no answer in numbers"):
        stressed(none, of_one(spec("x", shape=("N", 5))), x=GOLDEN)


def test_a_label_that_hangs_on_the_last_bit_is_left_out() -> None:
    given = contract((spec("x", shape=("N", 2), range=(0, 1)),), (spec("label", "int64", ("N",)),))
    golden = np.random.default_rng(1).uniform(0, 1, (8, 2)).astype(np.float32)
    found = stressed(lambda x: (x[:, 0] * 3 > x[:, 1] * 3 * (1 + 2.0**-30)).long(), given, x=golden)["x"]
    assert len(found) > 0
    tied = found[:, 0] == found[:, 1]
    assert not found[tied].any()  # zeros stay zeros, however they are nudged


def test_a_contract_without_batch_gets_one_sample() -> None:
    given = contract((spec("x", shape=(4, 3), range=(-1, 2)),), (spec("y", shape=(4, 3)),))
    found = stressed(lambda x: x, given, x=GOLDEN.flat[:12].reshape(4, 3))["x"]
    assert found.shape == (4, 3)
    assert set(found.flat) == {-1, 2}


def test_the_batch_is_what_the_contract_allows_and_no_larger_than_the_goldens() -> None:
    x = spec("x", shape=("N", 5), range=(-1, 2))
    assert len(stressed(total, of_one(x), x=GOLDEN[:3])["x"]) == 3
    assert len(stressed(total, of_one(x).with_max_batch(2), x=GOLDEN[:2])["x"]) == 2
    many = of_one(x).model_copy(update={"symbols": {"N": SymbolRange(min=6, max=None)}})
    found = stressed(lambda x: torch.log(x).sum(1), many, x=np.abs(GOLDEN))["x"]
    assert len(found) >= 6
    assert (found > 0).all()


def test_inputs_without_batch_stay_goldens() -> None:
    inputs = (spec("x", shape=("N", 5)), spec("table", shape=(5,)))
    found = stressed(lambda x, table: x @ table, contract(inputs, (Y,)), x=GOLDEN, table=GOLDEN[0])
    assert np.array_equal(found["table"], GOLDEN[0])
