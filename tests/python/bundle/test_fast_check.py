"""The fast checks of a call say what the full ones say: of every tensor here, with the same words."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from torchferry.bundle.call_checks import check_inputs, check_outputs
from torchferry.bundle.contract import Contract, SymbolRange, TensorSpec
from torchferry.bundle.fast_check import FastChecks
from torchferry.errors import FerryError


def spec(
    name: str, dtype: str, *shape: int | str, allow_nonfinite: bool = False, bounds: tuple[float, float] | None = None
) -> TensorSpec:
    return TensorSpec.model_validate(
        {"name": name, "dtype": dtype, "shape": shape, "range": bounds, "unit": None, "allow_nonfinite": allow_nonfinite}
    )


def contract(inputs: list[TensorSpec], outputs: list[TensorSpec], **symbols: tuple[int, int | None]) -> Contract:
    ranges = {name: SymbolRange(min=least, max=most) for name, (least, most) in symbols.items()}
    return Contract(inputs=tuple(inputs), outputs=tuple(outputs), symbols=ranges, classes=None, samples="independent")


Y = spec("y", "float32", "N", 2)
CONTRACTS = {
    "batched": contract([spec("x", "float32", "N", 2)], [Y], N=(1, 4)),
    "may be empty": contract([spec("x", "float32", "N", 2)], [Y], N=(0, None)),
    "fixed": contract([spec("x", "float64", 3, 2)], [spec("y", "float32", 3, 2)]),
    "two symbols": contract([spec("x", "float32", "N", "T")], [Y], N=(1, 4), T=(2, 3)),
    "indices": contract([spec("x", "int64", "N", 2, bounds=(0, 9))], [Y], N=(1, 4)),
    "bools": contract([spec("x", "bool", "N", 2)], [Y], N=(1, 4)),
    "any float": contract([spec("x", "float32", "N", 2, allow_nonfinite=True)], [Y], N=(1, 4)),
    "two inputs": contract([spec("x", "float32", "N", 2), spec("z", "uint8", "N", 2)], [Y], N=(1, 4)),
    "no dims": contract([spec("x", "float32"), spec("z", "uint8", "N", 2)], [Y], N=(1, 4)),
}
SHAPES: list[tuple[int, ...]] = [(), (2,), (0, 2), (1, 2), (3, 2), (4, 2), (5, 2), (3, 3), (3, 2, 1), (40, 2)]
DTYPES = ["float32", ">f4", "float64", "int64", "uint8", "bool"]
VALUES: list[float] = [1, np.nan, np.inf, 3e38, 200]


def arrays() -> Iterator[np.ndarray[Any, Any]]:
    """Every shape in every dtype, with one value at the end that may be no number, too large or, as a byte, no bool."""
    for shape, dtype, value in itertools.product(SHAPES, DTYPES, VALUES):
        array = np.zeros(shape, dtype)
        if dtype == "bool":
            array = np.full(shape, 2 if value == 200 else 1, np.uint8).view(bool)
        elif array.size:
            is_whole = array.dtype.kind in "iu"
            array.flat[-1] = (value if value == 200 else 1) if is_whole else value
        yield array
    yield np.full((4, 2), 3e38, np.float32)  # finite, and the sum of them is not in float32
    yield np.full((3, 2), 1.7e308)  # the same in float64
    yield np.zeros((2, 3), np.float32).T


def told(check: Callable[[], Any]) -> tuple[Any, str]:
    try:
        return check(), ""
    except FerryError as error:
        return None, f"{error.code} {error}"


@pytest.mark.parametrize("name", CONTRACTS)
def test_inputs_get_the_same_answer(name: str) -> None:
    checked = CONTRACTS[name]
    fast = FastChecks(checked)
    others = [("z", value) for value in (np.zeros((3, 2), np.uint8), np.zeros((1, 2), np.uint8))]
    given: list[dict[str, Any]] = [{}, {"w": np.zeros((3, 2), np.float32)}]
    for array in arrays():
        given += [{"x": array}, *({"x": array, key: other} for key, other in others)]
    passed = 0
    for tensors in given:
        expected = told(lambda tensors=tensors: check_inputs(checked, tensors))  # type: ignore[misc]
        assert told(lambda tensors=tensors: dict(fast.inputs(tensors))) == expected  # type: ignore[misc]
        passed += not expected[1]
    assert 0 < passed < len(given)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", ["batched", "may be empty", "two symbols"])
def test_outputs_get_the_same_answer(name: str, batch: int) -> None:
    checked = CONTRACTS[name]
    fast, sizes = FastChecks(checked), {"N": batch, **({"T": 2} if name == "two symbols" else {})}
    answers = [told(lambda array=array: check_outputs(checked, {"y": array}, sizes)) for array in arrays()]  # type: ignore[misc]
    assert [told(lambda array=array: fast.outputs({"y": array}, sizes)) for array in arrays()] == answers  # type: ignore[misc]
    assert 0 < sum(not text for _, text in answers) < len(answers)


def test_a_call_that_fits_is_not_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the fast way is only one more way."""
    for full in ("check_inputs", "check_outputs"):
        monkeypatch.setattr(f"torchferry.bundle.fast_check.{full}", lambda *_: pytest.fail("looked at twice"))
    fast = FastChecks(CONTRACTS["batched"])
    assert fast.inputs({"x": np.ones((3, 2), np.float32)}) == {"N": 3}
    fast.outputs({"y": np.ones((3, 2), np.float32)}, {"N": 3})
