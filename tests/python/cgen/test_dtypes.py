"""Inputs of every dtype: arithmetic, comparisons and conversions give eager's own bits, and integers wrap as torch's do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import spec
from builders.generated_c import Array, load, same_bits, subject_of
from builders.spread import spread
from torchferry.cgen import reference

SAFE = ("-O2", "-fsanitize=undefined,bounds", "-fsanitize-undefined-trap-on-error")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")


def odd(y: Tensor) -> Tensor:
    """Numbers to divide by: neither 0 nor -1, by which torch lets the lowest number trap."""
    return torch.where((y | 1) == -1, 3, y | 1)


# Of two tensors of one dtype of integers.
OF_INTEGERS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": lambda x, y: x + y + 3,
    "sub": lambda x, y: x - y,
    "rsub": lambda x, _: 3 - x,
    "alpha": lambda x, y: torch.add(x, y, alpha=3),
    "mul": lambda x, y: x * y * 5,
    "div": lambda x, y: x / (y.float().abs() + 1),
    "floor divide": lambda x, y: x // odd(y),
    "trunc divide": lambda x, y: torch.div(x, odd(y), rounding_mode="trunc"),
    "remainder": lambda x, y: x % odd(y),
    "fmod": lambda x, y: torch.fmod(x, odd(y)),
    "remainder of a number": lambda x, _: x % 7,
    "neg": lambda x, _: -x,
    "abs": lambda x, _: x.abs(),
    "sign": lambda x, _: x.sign(),
    "relu": lambda x, _: x.relu(),
    "floor": lambda x, y: x.floor() + y.round(),
    "maximum": lambda x, y: torch.maximum(x, y),
    "minimum": lambda x, y: torch.minimum(x, y),
    "where": lambda x, y: torch.where(x > y, x, y + 1),
    "masked": lambda x, y: x.masked_fill(y > 3, 9),
    "bits": lambda x, y: (x & y) | (x ^ 5),
    "not": lambda x, _: ~x,
    "square": lambda x, y: x**2 + y**3,
    "meets float": lambda x, y: x * 0.5 + y,
    "meets int64": lambda x, y: x + y.to(torch.int64) * 1000,
    "sin": lambda x, _: x.sqrt().isnan(),
    "copied": lambda x, y: torch.cat([x.flip(1), y[:, 1:]], 1),
    "filled": lambda x, _: nn.functional.pad(x, (1, 2), value=7),
}
# Of two tensors of any dtype.
OF_ALL: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gt": lambda x, y: x > y,
    "ge": lambda x, _: x >= 1,
    "lt": lambda x, _: x < 0.5,
    "le": lambda x, y: x <= y,
    "eq": lambda x, y: x == y,
    "ne": lambda x, _: x != 0,
    "and": lambda x, y: torch.logical_and(x, y),
    "or": lambda x, y: torch.logical_or(x, y > 0),
    "xor": lambda x, y: torch.logical_xor(x, y),
    "not": lambda x, _: torch.logical_not(x),
    **{f"to {name}": lambda x, _, name=name: x.to(getattr(torch, name)) for name in (*INTEGERS, "bool", "float32")},
}


class All(nn.Module):
    """Many functions of two tensors, one output each."""

    def __init__(self, functions: dict[str, Callable[[Tensor, Tensor], Tensor]]) -> None:
        super().__init__()
        self.functions = list(functions.values())

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        return tuple(function(x, y) for function in self.functions)


def numbers(dtype: str, seed: int) -> Array:
    """Numbers of a dtype, zeros and the ends of its range among them."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, (40, 6)).astype(bool)
    if dtype == "float32":
        return np.where(rng.random((40, 6)) < 0.2, 0, rng.standard_normal((40, 6)) * 100).astype(np.float32)
    ends = np.iinfo(dtype)
    small = rng.integers(max(ends.min, -9), 9, (40, 6))
    rare = rng.choice(np.array([0, 1, ends.min, ends.max, ends.max // 3], dtype), (40, 6))
    return np.where(rng.random((40, 6)) < 0.3, rare, small).astype(dtype)


@pytest.mark.parametrize("dtype", spread([*INTEGERS, "bool", "float32"], 3))
def test_functions_of_every_dtype_give_the_bits_of_eager(dtype: str, tmp_path: Path) -> None:
    functions = {**OF_ALL, **({f"of {k}": f for k, f in OF_INTEGERS.items()} if dtype in INTEGERS else {})}
    if dtype == "float32":  # what torch makes of negative numbers as uint8 is left to the processor
        functions = {name: function for name, function in functions.items() if name not in ("to uint8", "to int8")}
    samples = {"x": numbers(dtype, 0), "y": numbers(dtype, 1)}
    names = tuple(f"out{number}" for number in range(len(functions)))
    subject = subject_of(All(functions), (spec("x", dtype, ("N", 6)), spec("y", dtype, ("N", 6))), names, samples)
    expected = subject.float32()
    outputs = reference.run(subject.generated.graph, samples)
    for name, output, function in zip(names, outputs, functions, strict=True):
        assert output.tobytes() == expected[name].tobytes(), (function, output, expected[name])
    for flags in (("-O0",), SAFE):
        compiled = load(subject, tmp_path, "gcc", *flags)
        assert same_bits(compiled.run(samples), expected), flags
        assert compiled.selftest() == -1


def test_numbers_outside_become_the_nearest_integers(tmp_path: Path) -> None:
    x = np.array([[np.nan, np.inf, -np.inf, 1e30, -1e30, 9.3e18, -2.7, 255.9]] * 2, np.float32)
    module = All({"whole": lambda x, _: x.to(torch.int64), "byte": lambda x, _: x.to(torch.uint8)})
    kinds = (spec("x", shape=("N", 8)), spec("y", shape=("N", 8)))
    subject = subject_of(
        module, kinds, ("whole", "byte"), {"x": np.abs(np.nan_to_num(x, posinf=1, neginf=1)) % 7, "y": np.ones_like(x)}
    )
    got = load(subject, tmp_path, "gcc", *SAFE).run({"x": x, "y": x})
    assert same_bits(got, dict(zip(got, reference.run(subject.generated.graph, {"x": x, "y": x}), strict=True)))
    ends = np.iinfo(np.int64)
    assert got["whole"].tolist() == [[0, ends.max, ends.min, ends.max, ends.min, ends.max, -2, 255]] * 2
    assert got["byte"].tolist() == [[0, 255, 0, 255, 0, 255, 254, 255]] * 2


def with_infinity(x: Tensor) -> Tensor:
    return torch.cat([x, x.new_full((x.shape[0], 1), float("inf"))], 1)


def test_infinity_of_the_users_code_is_a_constant(tmp_path: Path) -> None:
    masked, filled = lambda x, y: x.masked_fill(y > 0, float("-inf")).softmax(1), lambda x, y: with_infinity(x) > y
    y = np.concatenate(
        [np.abs(numbers("float32", 1)) * np.array([1, -1, 1, -1, 1, -1], np.float32), numbers("float32", 2)[:, :1]], 1
    )
    samples = {"x": numbers("float32", 0), "y": y}
    module = All({"masked": lambda x, y: masked(x, y[:, :6]), "filled": filled})
    subject = subject_of(module, (spec("x", shape=("N", 6)), spec("y", shape=("N", 7))), ("masked", "filled"), samples)
    got = load(subject, tmp_path, "gcc", "-O2").run(samples)
    assert same_bits(got, dict(zip(got, reference.run(subject.generated.graph, samples), strict=True)))
    assert np.abs(got["masked"] - subject.float32()["masked"]).max() < 1e-6
    assert (got["filled"] == subject.float32()["filled"]).all()


SPECIAL = np.array(
    [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-40, 3.4e38, -3.4e38, 0.5, -0.7, 1.5, 1.1754944e-38, 7.0], np.float32
)


def exact(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return fmod, which float64 has exactly, or torch's remainder: the divisor is added where the signs differ."""
    with np.errstate(all="ignore"):
        rest = np.fmod(x.astype(np.float64), y.astype(np.float64))
        moved = (name == "remainder") & (rest != 0) & ((rest < 0) != (y < 0))
        return np.where(moved, rest + y, rest).astype(np.float32)


@pytest.mark.parametrize("name", ["remainder", "fmod", "floor divide", "trunc divide"])
def test_remainders_of_special_numbers_are_exact(name: str, tmp_path: Path) -> None:
    functions = {
        "remainder": torch.remainder,
        "fmod": torch.fmod,
        "floor divide": torch.floor_divide,
        "trunc divide": lambda x, y: torch.div(x, y, rounding_mode="trunc"),
    }
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 2**32, (2, 3000, 4), dtype=np.uint64).astype(np.uint32).view(np.float32)
    near = np.where(rng.random((2, 3000, 4)) < 0.3, rng.choice(SPECIAL, (2, 3000, 4)), rng.standard_normal((2, 3000, 4)) * 9)
    both = np.where(rng.random((2, 3000, 4)) < 0.5, patterns, near).astype(np.float32)
    both[:, :8] = np.abs(rng.standard_normal((2, 8, 4))) + 1
    samples = {"x": both[0], "y": both[1]}
    subject = subject_of(All({name: functions[name]}), (spec("x", shape=("N", 4)), spec("y", shape=("N", 4))), ("out",), samples)
    got = load(subject, tmp_path, "gcc", *SAFE).run(samples)["out"]
    eager = functions[name](torch.from_numpy(both[0]), torch.from_numpy(both[1])).numpy()
    assert got.tobytes() == reference.run(subject.generated.graph, samples)[0].tobytes()
    told = (
        np.isnan(eager) | (np.abs(eager) < 2**22) if name == "floor divide" else np.ones(eager.shape, bool)
    )  # beyond, torch rounds otherwise
    if name in ("remainder", "fmod"):
        overflows = np.isnan(eager) & ~np.isnan(exact(name, *both))  # vectorised torch gives NaN where the quotient overflows
        assert overflows.any()
        eager = np.where(overflows, exact(name, *both), eager)
    assert ((got == eager) | (np.isnan(got) & np.isnan(eager)))[told].all()
    assert (np.signbit(got) == np.signbit(eager))[told & (eager == 0)].all()
