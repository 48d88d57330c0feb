"""Rules of selections, powers, gates, running and indexed sums: no value inside the bounds of its argument leaves the bound."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from builders.contracts import contract, spec
from builders.functions import Of
from builders.spread import spread
from torchferry.bounds import certified
from torchferry.bounds.certified import certified_bounds
from torchferry.bounds.error_bound import INFLATION, Bounded, NotCertifiedError, exact
from torchferry.bundle.contract import Array
from torchferry.cgen import float_graph, reference
from torchferry.intake.source import ExportSource

INDEX = torch.tensor([2, 0, 3, 3])
SLOPES = torch.tensor([-1.5, -0.25, 0.5, 2.0])
SQUARES = torch.tensor([2.25, 0.0625, 0.25, 4.0])
KERNEL = torch.randn(4, 4, 3, generator=torch.Generator().manual_seed(5))
EACH = torch.tensor([[0, 3, 1, 2, 2, 0], [3, 3, 1, 0, 2, 1]])
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "maximum": lambda x: torch.maximum(x, x.flip(1)),
    "minimum": lambda x: torch.minimum(x, 0.25 * x.flip(2)),
    "clamp between values": lambda x: torch.clamp(x, SLOPES[:, None].to(x.dtype), x.flip(1) * 0.5),
    "clamp below values": lambda x: torch.clamp(x, max=x.flip(2) * 0.3),
    "amax": lambda x: x.amax(1),
    "amin": lambda x: x.amin((1, 2)),
    "max": lambda x: x.max(2).values,
    "min": lambda x: x.min(1).values,
    "sort": lambda x: x.sort(2).values,
    "sort descending": lambda x: x.sort(1, descending=True)[0],
    "topk": lambda x: x.topk(2, 2).values,
    "index_select": lambda x: x.index_select(1, INDEX),
    "index": lambda x: x[:, INDEX],
    "gather": lambda x: x.gather(1, EACH.expand(x.shape[0], 2, 6)),
    "roll": lambda x: x.roll(2, 1).repeat(1, 2, 1),
    "pad": lambda x: F.pad(x, (1, 2), value=0.1) + F.pad(x, (2, 1), mode="reflect"),
    "cumsum": lambda x: x.cumsum(1),
    "prod": lambda x: x.prod(2),
    "var": lambda x: x.var(2),
    "var of dims": lambda x: x.var((1, 2), correction=0),
    "std": lambda x: x.std(1, unbiased=False),
    "norm": lambda x: x.norm(dim=2),
    "norm of order 1": lambda x: x.norm(p=1, dim=1),
    "scatter_add": lambda x: torch.zeros_like(x).scatter_add(1, EACH.expand(x.shape[0], 2, 6), x),
    "index_add": lambda x: x.index_add(1, INDEX, x * 0.7),
    "sqrt": lambda x: (x * x).sum(1).sqrt(),
    "rsqrt": lambda x: (x * x + 1).rsqrt(),
    "log": lambda x: (x * x + 0.5).log(),
    "sin": torch.sin,
    "cos": torch.cos,
    "square": torch.square,
    "abs": torch.abs,
    "reciprocal": lambda x: 1 / (x * x + 1) + torch.reciprocal(x * x + 2),
    "pow of whole numbers": lambda x: x**3,
    "pow of numbers": lambda x: (x * x + 0.3) ** 1.7,
    "pow below 0": lambda x: (x * x + 0.5) ** -0.6,
    "pow of a number": lambda x: 2.5**x,
    "pow of tensors": lambda x: (x * x + 0.5) ** x,
    "glu": lambda x: F.glu(x, 2),
    "mish": F.mish,
    "logsigmoid": F.logsigmoid,
    "softsign": F.softsign,
    "softshrink": F.softshrink,
    "tanhshrink": F.tanhshrink,
    "conv1d": lambda x: F.conv1d(x, KERNEL.to(x.dtype), SLOPES.to(x.dtype), padding=1),
    "conv1d of groups": lambda x: F.conv1d(x, KERNEL[:, :2].to(x.dtype), SLOPES.to(x.dtype), stride=2, groups=2),
    "conv2d": lambda x: F.conv2d(x[:, None], KERNEL[:, :1, None].to(x.dtype), SLOPES.to(x.dtype), dilation=2)[:, :, 0],
    "conv3d": lambda x: F.conv3d(x[:, None, None], KERNEL[:, :1, None, None].to(x.dtype), padding="same")[:, :, 0, 0],
    "conv_transpose1d": lambda x: F.conv_transpose1d(x, KERNEL.to(x.dtype), SLOPES.to(x.dtype), stride=2, output_padding=1),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x[:, :, None], KERNEL[:, :2, None].to(x.dtype), groups=2)[:, :, 0],
    "max_pool1d": lambda x: F.max_pool1d(x, 2),
    "max_pool2d": lambda x: F.max_pool2d(x, (3, 2), stride=1, padding=1),
    "avg_pool1d": lambda x: F.avg_pool1d(x, 3, padding=1),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False),
    "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x, 4),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, (1, 1)),
    "batch_norm": lambda x: F.batch_norm(x, SLOPES.to(x.dtype), SQUARES.to(x.dtype), SLOPES.to(x.dtype), SQUARES.to(x.dtype)),
    "product of two": lambda x: x @ (x.transpose(1, 2) * 0.7),
    "prelu": lambda x: F.prelu(x, SLOPES.to(x.dtype)),
}
WINDOWS = {name for name in FUNCTIONS if "conv" in name or "pool" in name} | {"batch_norm", "product of two"}
X = np.random.default_rng(3).standard_normal((24, 4, 6)).astype(np.float32)


@cache
def source(name: str) -> ExportSource:
    made = FUNCTIONS[name](torch.from_numpy(X))
    kinds = contract((spec("x", shape=("N", 4, 6)),), (spec("y", shape=("N", *made.shape[1:])),))
    return ExportSource(Of(FUNCTIONS[name]).eval(), kinds, {"x": X[:4]})


def in_float64(name: str, x: Array) -> Array:
    torch.set_default_dtype(torch.float64)
    try:
        return FUNCTIONS[name](torch.from_numpy(x.astype(np.float64))).numpy()
    finally:
        torch.set_default_dtype(torch.float32)


def bounded_with(name: str, error: float, monkeypatch: pytest.MonkeyPatch) -> Bounded:
    """The walk over the program with inputs that are off by up to `error`."""
    with monkeypatch.context() as patch:
        patch.setattr(
            certified, "exact", lambda value: Bounded(value, np.full(value.shape, error)) if value is X else exact(value)
        )
        found = certified._Walk(source(name).program).run([X])
    return found[0]


@pytest.mark.parametrize("name", spread(FUNCTIONS, 12))
def test_float32_and_c_are_within_the_bound_of_exact_inputs(name: str) -> None:
    kinds = source(name).contract
    bound = certified_bounds(source(name).program, kinds, {"x": X})["y"]
    wanted = in_float64(name, X)
    eager = FUNCTIONS[name](torch.from_numpy(X)).numpy()
    assert np.abs(eager - wanted).max() <= bound
    if name not in WINDOWS:  # C takes them in other shapes: tests/python/cgen/test_windows.py
        c = reference.run(float_graph(source(name).functional_program, kinds), {"x": X})[0]
        assert np.abs(c - wanted).max() <= bound
    assert bound <= 3e3 * 2.0**-24 * (1 + np.abs(wanted).max()), "nor does the bound say nothing"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_of_the_input_stay_inside(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for error in (1e-5, 0.02):
        found = bounded_with(name, error, monkeypatch)
        assert np.isfinite(found.error).all()
        for share in [rng.uniform(-1, 1, X.shape), *(rng.choice([-1, 1], X.shape) for _ in range(6)), 1, -1]:
            moved = in_float64(name, X.astype(np.float64) + share * error)
            assert (np.abs(moved - found.value) <= found.error * INFLATION + 1e-12).all()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: (x * 0.1).argmax(1, keepdim=True).expand(-1, 4, -1).float() + x, "no finite bound"),
        (lambda x: x.gather(1, (x * 0.1).argmax(1, keepdim=True)).expand(-1, 4, -1), "an index made of rounded numbers"),
        (lambda x: (x * 0.1) % 0.3, "no finite bound"),
        (lambda x: (x * 0.1).sqrt(), "no finite bound"),
        (lambda x: (x * 0.1).log(), "no finite bound"),
        (lambda x: (x * 0.1) ** 0.5, "no finite bound"),
        (lambda x: x.norm(p=3, dim=2, keepdim=True).expand(-1, -1, 6), "a norm of order 3"),
    ],
)
def test_what_may_jump_is_not_certified(function: Callable[[Tensor], Tensor], words: str) -> None:
    kinds = contract((spec("x", shape=("N", 4, 6)),), (spec("y", shape=("N", 4, 6)),))
    made = ExportSource(Of(function).eval(), kinds, {"x": X[:4]})
    with pytest.raises(NotCertifiedError, match=words):
        certified_bounds(made.program, kinds, {"x": X})


def test_a_remainder_of_exact_numbers_is_certified() -> None:
    kinds = contract((spec("x", shape=("N", 4, 6)),), (spec("y", shape=("N", 4, 6)),))
    made = ExportSource(Of(lambda x: x % -0.75).eval(), kinds, {"x": X[:4]})
    bound = certified_bounds(made.program, kinds, {"x": X})["y"]
    assert np.abs(np.remainder(X, np.float32(-0.75)) - np.remainder(X.astype(np.float64), -0.75)).max() <= bound < 1e-6


def test_an_edge_that_an_error_may_cross_counts_whole() -> None:
    from torchferry.bounds.rules import rules

    x = Bounded(np.array([0.5, 0.49, 2.0]), np.full(3, 0.02))
    found = rules()["hardshrink"](x)
    assert (found.error >= [0.5, 0.5, 0.02]).all()
    assert found.value.tolist() == [0.0, 0.0, 2.0]
