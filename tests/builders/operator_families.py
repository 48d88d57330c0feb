"""Every operator that `--to c` promises, by family, all on one input [N, 4, 6]: one network a family, one output an operator."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from builders.contracts import spec
from builders.functions import First
from builders.generated_c import Array, Subject, subject_of
from builders.networks import normal

Operator = Callable[[Tensor], Any] | nn.Module
SHAPE = (4, 6)
COUNT = 24


class On(nn.Module):
    """A module on a part or another shape of the input."""

    def __init__(self, view: Callable[[Tensor], Tensor], module: nn.Module) -> None:
        super().__init__()
        self.view, self.module = view, module

    def forward(self, x: Tensor) -> Any:
        return self.module(self.view(x))


class Cell(nn.Module):
    """A cell whose state is a part of the input."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> Any:
        state = x[:, 1], x[:, 2]
        return self.cell(x[:, 0], state if isinstance(self.cell, nn.LSTMCell) else state[0])


class Table(nn.Module):
    """A constant table of the module, and what is looked up in it."""

    table: Tensor

    def __init__(self, function: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.function = function
        self.register_buffer("table", torch.linspace(-1, 1, 15).reshape(5, 3))

    def forward(self, x: Tensor) -> Any:
        return self.function(self.table, x)


class Family(nn.Module):
    """Operators one after the other on the same input."""

    def __init__(self, operators: dict[str, Operator]) -> None:
        super().__init__()
        self.operators = list(operators.values())
        self.parts = nn.ModuleList(part for part in self.operators if isinstance(part, nn.Module))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        made: list[Tensor] = []
        for operator in self.operators:
            result = operator(x)
            made += result if isinstance(result, tuple | list) else [result]
        return tuple(made)


def plane(x: Tensor) -> Tensor:
    return x.unsqueeze(1)


def planes(x: Tensor) -> Tensor:
    return torch.stack([x, x.flip(2)], 1)


def volume(x: Tensor) -> Tensor:
    return x.reshape(-1, 2, 2, 3, 2)


def index(x: Tensor, size: int) -> Tensor:
    """Computed integers from 0 to `size` - 1."""
    return (x * 4).to(torch.int64) % size


def tokens(x: Tensor) -> Tensor:
    return index(x[:, 0], 5)


FIXED = torch.tensor([2, 0, 3, 3])
UNEVEN = torch.tensor([1.0, -0.5, 2.0, 0.25])


def convolutions() -> dict[str, Operator]:
    return {
        "conv1d": nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2),
        "depthwise conv1d": nn.Conv1d(4, 4, 3, padding=1, groups=4),
        **{f"conv1d {mode}": nn.Conv1d(4, 3, 3, padding=1, padding_mode=mode) for mode in ("reflect", "replicate", "circular")},
        "conv1d same": nn.Conv1d(4, 2, 4, padding="same"),
        "conv2d": On(planes, nn.Conv2d(2, 3, (2, 3), stride=(1, 2), padding=1)),
        "conv2d circular": On(planes, nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular")),
        "conv3d": On(volume, nn.Conv3d(2, 2, 2, padding=1)),
        "transposed conv1d": nn.ConvTranspose1d(4, 2, 3, stride=2, padding=1, output_padding=1),
        "transposed conv2d": On(planes, nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, groups=2)),
        "transposed conv3d": On(
            volume, nn.ConvTranspose3d(2, 4, (2, 3, 2), stride=2, padding=1, output_padding=1, groups=2, dilation=(1, 1, 2))
        ),
        "linear": nn.Linear(6, 5),
        "matmul": lambda x: x @ x.transpose(1, 2),
        "bmm": lambda x: torch.bmm(x.transpose(1, 2), x),
    }


def pools() -> dict[str, Operator]:
    return {
        "max_pool1d": nn.MaxPool1d(3, 2, 1, ceil_mode=True),
        "max_pool2d": On(planes, nn.MaxPool2d((2, 3), stride=2, padding=(1, 1), ceil_mode=True)),
        "max_pool3d": On(volume, nn.MaxPool3d(2, 1, 1, dilation=(1, 2, 1), ceil_mode=True)),
        "avg_pool1d": nn.AvgPool1d(3, 2, 1, ceil_mode=True, count_include_pad=False),
        "avg_pool2d": On(planes, nn.AvgPool2d(3, 2, 1, ceil_mode=True)),
        "avg_pool3d": On(volume, nn.AvgPool3d((2, 3, 2), 1, (1, 1, 0), count_include_pad=False)),
        "avg_pool3d padded": On(volume, nn.AvgPool3d(2, 2, 1, ceil_mode=True)),
        "adaptive avg 1d": nn.AdaptiveAvgPool1d(4),
        "adaptive avg 2d": On(planes, nn.AdaptiveAvgPool2d((3, 4))),
        "adaptive avg 3d": On(volume, nn.AdaptiveAvgPool3d((1, 2, 2))),
        "adaptive max 1d": nn.AdaptiveMaxPool1d(4),
        "adaptive max 2d": On(planes, nn.AdaptiveMaxPool2d((3, 4))),
        "adaptive max 3d": On(volume, nn.AdaptiveMaxPool3d((1, 2, 2))),
        "global average": On(planes, nn.AdaptiveAvgPool2d(1)),
        "global max": On(planes, nn.AdaptiveMaxPool2d(1)),
        "lp pool": On(planes, nn.LPPool2d(2, 2)),
        "upsample nearest": On(planes, nn.Upsample(scale_factor=2)),
        "upsample bilinear": On(planes, nn.Upsample(size=(5, 9), mode="bilinear")),
        "upsample bicubic": On(planes, nn.Upsample(size=(7, 5), mode="bicubic")),
        "upsample trilinear": On(volume, nn.Upsample(scale_factor=2, mode="trilinear")),
        "without aliases": lambda x: F.interpolate(planes(x), size=(3, 4), mode="bilinear", antialias=True),
    }


def norms() -> dict[str, Operator]:
    def settled(norm: nn.Module) -> nn.Module:
        for name, tensor in norm.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.linspace(0.5, 1.5, tensor.numel()).reshape(tensor.shape) - float("bias" in name))
        return norm

    return {
        "batch_norm": settled(nn.BatchNorm1d(4)),
        "batch_norm 2d": On(planes, settled(nn.BatchNorm2d(2))),
        "layer_norm": settled(nn.LayerNorm(6)),
        "group_norm": settled(nn.GroupNorm(2, 4)),
        "instance_norm": settled(nn.InstanceNorm1d(4, affine=True)),
        "instance_norm by statistics": settled(nn.InstanceNorm1d(4, track_running_stats=True)),
        "rms_norm": settled(nn.RMSNorm(6)),
        "local response": On(planes, nn.LocalResponseNorm(2)),
        "lstm": First(nn.LSTM(6, 3, num_layers=2, bidirectional=True, batch_first=True)),
        "gru": First(nn.GRU(6, 3, bidirectional=True, batch_first=True)),
        "rnn": First(nn.RNN(6, 3, batch_first=True)),
        "lstm cell": Cell(nn.LSTMCell(6, 6)),
        "gru cell": Cell(nn.GRUCell(6, 6)),
        "rnn cell": Cell(nn.RNNCell(6, 6)),
        "attention": lambda x: F.scaled_dot_product_attention(x, x.flip(1), x),
        "causal attention": lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
        "masked attention": lambda x: F.scaled_dot_product_attention(
            x, x, x, attn_mask=(x[:, :, :4] > -1) & (torch.arange(4)[:, None] != 2)
        ),
        "attention of groups": lambda x: F.scaled_dot_product_attention(
            x.view(-1, 4, 2, 3), x.view(-1, 4, 2, 3)[:, :2], x.view(-1, 4, 2, 3)[:, 1:3], enable_gqa=True
        ),
    }


def moves() -> dict[str, Operator]:
    return {
        "cat": lambda x: torch.cat([x, x[:, :1]], 1),
        "stack": lambda x: torch.stack([x, x], 2),
        "split": lambda x: x.split([1, 3], 1),
        "chunk": lambda x: x.chunk(2, 2),
        "unbind": lambda x: x.unbind(1)[2],
        "slice": lambda x: x[:, 1:, ::2],
        "select": lambda x: x.select(1, 2),
        "narrow": lambda x: x.narrow(2, 1, 3),
        "permute": lambda x: x.permute(0, 2, 1),
        "transpose": lambda x: x.transpose(1, 2),
        "expand": lambda x: x[:, :1].expand(-1, 3, -1),
        "repeat": lambda x: x.repeat(1, 2, 1),
        "flip": lambda x: x.flip(1, 2),
        "roll": lambda x: x.roll(2, 1),
        "pad": lambda x: F.pad(x, (1, 2), value=1),
        "index_select": lambda x: x.index_select(1, FIXED),
        "index_select computed": Table(lambda table, x: table.index_select(0, tokens(x).flatten()).view(-1, 6, 3)),
        "index computed": Table(lambda table, x: table[tokens(x)]),
        "index of a column": Table(lambda table, x: table[:, tokens(x) % 3].transpose(0, 1)),
        "index of each sample": lambda x: x[torch.arange(x.shape[0]), index(x[:, 0, 0], 4)],
        "gather": lambda x: x.gather(1, index(x, 4)[:, :2, :5]),
        "gather of the last dim": lambda x: x.gather(2, index(x, 6)),
        "embedding": On(tokens, nn.Embedding(5, 3)),
        "embedding_bag": On(tokens, nn.EmbeddingBag(5, 3, mode="sum")),
        "embedding_bag mean": On(tokens, nn.EmbeddingBag(5, 3, mode="mean")),
        "embedding_bag max": On(tokens, nn.EmbeddingBag(5, 3, mode="max")),
        "one_hot": lambda x: F.one_hot(tokens(x), 5),
        "scatter": lambda x: x.scatter(1, index(x, 4)[:, :3, :4], x.flip(1)),
        "scatter of a number": lambda x: torch.zeros_like(x).scatter(2, index(x, 6), 1.0),
        "scatter_add": lambda x: torch.zeros_like(x).scatter_add(1, index(x, 4), x),
        "scatter_reduce": lambda x: x.scatter_reduce(2, index(x, 6), x.flip(2), "amax"),
        "scatter_reduce prod": lambda x: x.scatter_reduce(2, index(x, 6)[:, :, :3], x.flip(2), "prod"),
        "index_add": lambda x: x.index_add(1, FIXED, x.flip(1)),
        "index_copy": lambda x: x.index_copy(1, torch.tensor([2, 0]), x[:, :2]),
        "sort": lambda x: x.round().sort(dim=2, stable=True),
        "sort descending": lambda x: x.round().sort(dim=1, descending=True, stable=True),
        "argsort": lambda x: x.argsort(dim=2, stable=True),
        "topk": lambda x: [x.topk(3, 2).values, x.gather(2, x.topk(3, 2).indices)],  # torch leaves open which of equal numbers
        "topk smallest": lambda x: [x.topk(2, 1, largest=False)[0], x.gather(1, x.topk(2, 1, largest=False)[1])],
    }


def reductions() -> dict[str, Operator]:
    return {
        "sum": lambda x: x.sum(1),
        "mean": lambda x: x.float().mean((1, 2)),
        "amax": lambda x: x.amax(2),
        "amin": lambda x: x.amin((1, 2), keepdim=True),
        "max": lambda x: x.max(1),
        "min": lambda x: x.min(2),
        "argmax": lambda x: x.argmax(1),
        "argmin": lambda x: x.argmin(2),
        "prod": lambda x: x.prod(2),
        "any": lambda x: (x > 1).any(1),
        "all": lambda x: (x > -1).all(2),
        "count": lambda x: (x > 0).sum(1),
        "cumsum": lambda x: x.cumsum(2),
        "var": lambda x: x.var(2),
        "var of dims": lambda x: x.var((1, 2), correction=2),
        "std": lambda x: x.std(1, correction=0),
        "var_mean": lambda x: torch.var_mean(x, 2),
        "norm": lambda x: x.norm(dim=1),
        "norms of orders": lambda x: [x.norm(p=p, dim=2) for p in (0, 1, 3, float("inf"))],
        "normalize": lambda x: F.normalize(x, dim=2),
        "logsumexp": lambda x: x.logsumexp(2),
        "softmax": lambda x: x.softmax(1),
        "log_softmax": lambda x: x.log_softmax(2),
    }


def functions() -> dict[str, Operator]:
    return {
        "pow of whole numbers": lambda x: x**3,
        "pow of numbers": lambda x: x.abs() ** 0.3,
        "pow of nothing": lambda x: x**0,
        "pow below 0": lambda x: (x.abs() + 0.5) ** -1.7,
        "pow of a number": lambda x: 2.5**x,
        "pow of tensors": lambda x: (x.abs() + 0.1) ** x.flip(2),
        "sqrt": lambda x: x.abs().sqrt(),
        "rsqrt": lambda x: (x.abs() + 0.1).rsqrt(),
        "log": lambda x: (x.abs() + 0.1).log(),
        "exp": lambda x: x.exp(),
        "sin": lambda x: x.sin(),
        "cos": lambda x: x.cos(),
        "floor": lambda x: x.floor(),
        "ceil": lambda x: x.ceil(),
        "round": lambda x: x.round(),
        "trunc": lambda x: x.trunc(),
        "remainder": lambda x: [x % 0.75, x % -1.25, x.remainder(x.flip(2).round() + 0.5)],
        "fmod": lambda x: x.fmod(0.75),
        "floor_divide": lambda x: [x // 0.75, torch.div(x, 0.75, rounding_mode="trunc")],
        "minimum": lambda x: torch.minimum(x, x.flip(2)),
        "maximum": lambda x: torch.maximum(x, x.flip(2)),
        "clamp": lambda x: [x.clamp(-0.5, 0.75), x.clamp(x.flip(2) - 1, x.flip(2))],
        "logical": lambda x: [torch.logical_and(x, x > 0), torch.logical_or(x > 1, x < 0), torch.logical_xor(x, x > 0), ~(x > 0)],
        "comparisons": lambda x: [x > 0.5, x >= 0.5, x < x.flip(2), x <= 0, x == x.round(), x != x.flip(2)],
        "where": lambda x: torch.where(x > 0, x, -1.0),
        "masked_fill": lambda x: x.masked_fill(x > 1, float("-inf")).softmax(2),
        "prelu": On(lambda x: x, nn.PReLU(4)),
        "softplus": nn.Softplus(2.0),
        "mish": nn.Mish(),
        "glu": nn.GLU(2),
        "logsigmoid": nn.LogSigmoid(),
        "softsign": nn.Softsign(),
        "hardshrink": nn.Hardshrink(),
        "softshrink": nn.Softshrink(),
        "tanhshrink": nn.Tanhshrink(),
        "rfft": lambda x: torch.view_as_real(torch.fft.rfft(x)),
        "fft magnitudes": lambda x: torch.fft.fft(x.flatten(1)).abs(),
        "fft of two dims": lambda x: torch.fft.fft2(x).real,
        "irfft": lambda x: torch.fft.irfft(torch.fft.rfft(x, norm="ortho") * 2, n=6, norm="ortho"),
        "irfft of an odd size": lambda x: torch.fft.irfft(torch.fft.rfft(x[:, :, :5]), n=5),
        "stft": lambda x: torch.view_as_real(torch.stft(x.flatten(1), 8, 4, window=torch.hann_window(8), return_complex=True)),
        "stft power": lambda x: torch.stft(x.flatten(1), 6, 2, center=False, return_complex=True).abs() ** 2,
        "complex product": lambda x: (torch.fft.rfft(x) * torch.fft.rfft(x.flip(1)).conj()).imag,
    }


def whole_numbers() -> dict[str, Operator]:
    """Integers computed from the input: their arithmetic wraps, their reductions are exact."""

    def whole(x: Tensor) -> Tensor:
        return (x * 9).to(torch.int64)

    return {
        "to integers": lambda x: [(x * 1e18).to(torch.int64), (x * 40).to(torch.int8), (x * 9000).to(torch.int16)],
        "arithmetic": lambda x: whole(x) * 3_000_000_019 * whole(x.flip(1)) - whole(x),
        "narrow arithmetic": lambda x: whole(x).to(torch.int8) * 31 + whole(x.flip(2)).to(torch.int8),
        "quotients": lambda x: [whole(x) // 7, torch.div(whole(x), -4, rounding_mode="trunc"), whole(x) % -5, whole(x).fmod(6)],
        "powers": lambda x: whole(x) ** 5,
        "bits": lambda x: (whole(x) & 12) | (whole(x.flip(1)) ^ 3),
        "reduced": lambda x: [whole(x).sum(1), whole(x).prod(2), whole(x).amax(1), whole(x).amin(2)],
        "running": lambda x: whole(x).cumsum(2),
        "places": lambda x: [whole(x).argmax(1), whole(x).argmin(2)],
        "sorted": lambda x: whole(x).sort(dim=2, stable=True),
        "scattered": lambda x: torch.zeros_like(whole(x)).scatter_add(1, index(x, 4), whole(x)),
    }


OF_NEW_KERNELS = """
    transposed conv3d, max_pool3d, avg_pool3d, adaptive max 2d, adaptive avg 3d, index computed, gather, embedding_bag mean, scatter,
    scatter_add, scatter_reduce, index_add, sort, topk, pow of numbers, pow of a number, pow of tensors, remainder, fmod, floor_divide,
    masked attention, rfft, fft magnitudes, irfft of an odd size, stft
"""


def of_new_kernels() -> dict[str, Operator]:
    """One operator for each kernel that no layer of an ordinary network calls, and all of whole numbers."""
    named = {name: operator for make in (convolutions, pools, norms, moves, functions) for name, operator in make().items()}
    return {**{name.strip(): named[name.strip()] for name in OF_NEW_KERNELS.split(",")}, **whole_numbers()}


FAMILIES: dict[str, Callable[[], dict[str, Operator]]] = {
    "convolutions": convolutions,
    "pools": pools,
    "norms": norms,
    "moves": moves,
    "reductions": reductions,
    "functions": functions,
    "whole_numbers": whole_numbers,
    "of_new_kernels": of_new_kernels,
}


def numbers(dtype: str, count: int = COUNT, seed: int = 0) -> Array:
    """Samples [count, 4, 6] of a dtype."""
    if dtype == "float32":
        return normal(count, *SHAPE, seed=seed)
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, (count, *SHAPE)).astype(bool)
    return rng.integers(0 if dtype == "uint8" else -9, 10, (count, *SHAPE)).astype(dtype)


def of_family(name: str, dtype: str = "float32", *, only: Callable[[Operator], bool] = lambda _: True) -> Subject:
    """The network of a family's operators that `only` takes."""
    torch.manual_seed(0)
    operators = {key: operator for key, operator in FAMILIES[name]().items() if only(operator)}
    module, samples = Family(operators).eval(), {"x": numbers(dtype)}
    with torch.no_grad():
        count = len(module(torch.from_numpy(samples["x"])))
    names = tuple(f"out{number}" for number in range(count))
    return subject_of(module, (spec("x", dtype, ("N", *SHAPE)),), names, samples, name=name)


@cache
def family(name: str) -> Subject:
    """The network of all operators of a family, in float32."""
    return of_family(name)
