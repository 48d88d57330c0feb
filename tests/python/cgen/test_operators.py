"""Layers and functions: the C gives the bits of the definition at -O0 and -O2, and the definition is near float64 eager."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from builders.contracts import spec
from builders.functions import All, First, Of, differing, member, side_by_side
from builders.generated_c import Array, Subject, load, same_bits, subject_of
from builders.networks import normal
from builders.spread import spread
from torchferry.cgen import reference
from torchferry.errors import FerryError

FLAGS = [("-O0",), ("-O2",)]
Shape = tuple[int, ...]


class TimeFirst(nn.Module):
    """A recurrent layer whose first dim is time."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.transpose(0, 1))[0].transpose(0, 1)


class Cell(nn.Module):
    """A cell with its state in and out."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        made = self.cell(x, (h, c)) if isinstance(self.cell, nn.LSTMCell) else (self.cell(x, h), c)
        return made[0], made[1]


class Attention(nn.Module):
    """Self-attention as torch's module has it."""

    def __init__(self, *, weights: bool = False, **options: object) -> None:
        super().__init__()
        self.attention, self.weights = nn.MultiheadAttention(8, 2, batch_first=True, **options), weights  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        y, weights = self.attention(x, x, x, need_weights=self.weights)
        return torch.cat([y, weights], 2) if self.weights else y


class Causal(nn.Module):
    """Attention with a constant mask of -infinity, and one with is_causal."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.full((5, 5), float("-inf")).triu(1))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = x.view(-1, 5, 3, 8).unbind(2)
        one = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        two = F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask)
        return torch.cat([one, two, F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask == 0, scale=0.25)], 2)


class Block(nn.Module):
    """Attention and a gated product with RMS norms, as small language models have them."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.out = nn.RMSNorm(8), nn.Linear(16, 8)
        self.qkv, self.gate = nn.Linear(8, 24, bias=False), nn.Linear(8, 32)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).view(-1, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)
        x = x + F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        a, b = self.gate(self.norm(x)).chunk(2, -1)
        return x + self.out(F.silu(a) * b)


def bias_of(module: nn.Module) -> nn.Module:
    """Batch norms with statistics that are not 0 and 1."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(part.running_mean, 0.0, 0.3)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
            nn.init.normal_(part.bias)
    return module


# name -> (module, shapes of samples)
LAYERS: dict[str, tuple[Callable[[], nn.Module], Shape]] = {
    "conv1d": (lambda: nn.Conv1d(3, 4, 3, stride=2, padding=2, dilation=2), (3, 11)),
    "conv1d same": (lambda: nn.Conv1d(2, 4, 4, padding="same", groups=2), (2, 9)),
    "conv1d circular": (lambda: nn.Conv1d(2, 3, 3, padding=1, padding_mode="circular"), (2, 9)),
    "conv2d reflect": (lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), (2, 5, 6)),
    "conv3d": (
        lambda: nn.Conv3d(2, 4, (2, 3, 1), stride=(1, 2, 1), padding=(1, 2, 0), dilation=(1, 1, 2), groups=2),
        (2, 4, 5, 3),
    ),
    "transposed conv1d": (lambda: nn.ConvTranspose1d(3, 2, 4, stride=3, padding=1, output_padding=1), (3, 6)),
    "transposed conv2d": (lambda: nn.ConvTranspose2d(4, 6, (3, 2), stride=2, padding=1, dilation=(2, 1), groups=2), (4, 5, 4)),
    "batch norm after a convolution": (
        lambda: bias_of(nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU())),
        (2, 5, 6),
    ),
    "batch norm after a transposed one": (
        lambda: bias_of(nn.Sequential(nn.ConvTranspose2d(2, 4, 3, groups=2), nn.BatchNorm2d(4))),
        (2, 5, 6),
    ),
    "batch norm after conv3d": (lambda: bias_of(nn.Sequential(nn.Conv3d(1, 2, 2), nn.BatchNorm3d(2))), (1, 3, 4, 3)),
    "batch norm alone": (lambda: bias_of(nn.BatchNorm2d(3)), (3, 4, 5)),
    "max pool1d": (lambda: nn.MaxPool1d(3, stride=2, padding=1, ceil_mode=True), (2, 10)),
    "avg pool1d": (lambda: nn.AvgPool1d(3, stride=2, padding=1), (2, 10)),
    "global average": (lambda: nn.AdaptiveAvgPool2d(1), (3, 5, 4)),
    "adaptive average": (lambda: nn.AdaptiveAvgPool2d((3, 2)), (3, 7, 4)),
    "adaptive average of one dim": (lambda: nn.AdaptiveAvgPool1d(3), (3, 7)),
    "bilinear": (lambda: nn.Upsample(scale_factor=(2, 1.5), mode="bilinear"), (2, 4, 6)),
    "bilinear with aligned corners": (lambda: nn.Upsample(size=(7, 3), mode="bilinear", align_corners=True), (2, 4, 6)),
    "bicubic": (lambda: nn.Upsample(size=(9, 5), mode="bicubic"), (2, 6, 7)),
    "linear": (lambda: nn.Upsample(scale_factor=2.5, mode="linear"), (2, 6)),
    "layer norm": (lambda: nn.LayerNorm((4, 5)), (3, 4, 5)),
    "layer norm without weights": (lambda: nn.LayerNorm(5, elementwise_affine=False), (3, 5)),
    "group norm": (lambda: nn.GroupNorm(2, 6), (6, 3, 4)),
    "instance norm": (lambda: nn.InstanceNorm2d(3, affine=True), (3, 4, 5)),
    "rms norm": (lambda: nn.RMSNorm(5), (3, 5)),
    "lstm": (lambda: First(nn.LSTM(4, 5, num_layers=2, bidirectional=True, batch_first=True)), (6, 4)),
    "gru": (lambda: First(nn.GRU(4, 5, num_layers=2, bidirectional=True, batch_first=True)), (6, 4)),
    "gru without bias": (lambda: First(nn.GRU(4, 5, bias=False, batch_first=True)), (6, 4)),
    "rnn": (lambda: First(nn.RNN(4, 5, batch_first=True)), (6, 4)),
    "rnn of relu": (lambda: First(nn.RNN(4, 5, nonlinearity="relu", batch_first=True)), (6, 4)),
    "lstm with time first": (lambda: TimeFirst(nn.LSTM(4, 5)), (6, 4)),
    "attention": (Attention, (5, 8)),
    "attention with its weights": (lambda: Attention(weights=True), (5, 8)),
    "causal attention": (Causal, (5, 24)),
    "block": (Block, (5, 8)),
    "transformer layer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (5, 8)),
    "prelu": (lambda: nn.PReLU(3, init=0.3), (3, 4)),
}
# On x and y [4, 5], numbers; the largest error in units of 2^-24 (1 + the largest magnitude of the result).
FUNCTIONS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], float]] = {
    "sum": (lambda x, y: x.sum(1) + y.sum((1, 2), keepdim=True).squeeze(2), 16),
    "sum of dims apart": (lambda x, y: x.view(-1, 2, 2, 5).sum((1, 3)) + y[:, 0, :2], 16),
    "mean": (lambda x, y: x.mean(1) * y.mean((1, 2))[:, None], 8),
    "amax and amin": (lambda x, y: x.amax(2) + y.amin((1, 2))[:, None], 1),
    "max over a dim": (lambda x, y: x.max(1).values - y.min(1)[0], 1),
    "prod": (lambda x, y: x.prod(2) + y.prod(1, keepdim=True)[:, :, 0], 8),
    "var": (lambda x, y: x.var(1) + y.var(1, unbiased=False), 16),
    "std": (lambda x, y: x.std((1, 2), keepdim=True) / (y.std(2, keepdim=True) + 1), 16),
    "norm": (lambda x, y: x.norm(dim=2) + y.norm(p=1, dim=2) + x.norm(p=float("inf"), dim=2), 16),
    "cumsum": (lambda x, y: x.cumsum(1) + y.cumsum(2) + x.view(-1, 2, 2, 5).cumsum(2).view(-1, 4, 5), 8),
    "normalize": (lambda x, y: F.normalize(x, dim=1) + F.normalize(y, dim=2), 8),
    "logsumexp": (lambda x, y: x.logsumexp(2) + y.logsumexp(2), 8),
    "pow": (lambda x, y: x**2 + y**3 + x.abs() ** 0.5 + (y.abs() + 1) ** -1.5, 8),
    "sqrt and rsqrt": (lambda x, y: x.abs().sqrt() + (y.abs() + 0.1).rsqrt(), 4),
    "logarithms": (lambda x, y: x.abs().log() + y.abs().log2() + x.abs().log10() + y.abs().log1p(), 12),
    "sin and cos": (lambda x, y: (x * 64).sin() + (y * 8192).cos(), 4),
    "whole numbers": (lambda x, y: x.floor() + (y * 2).ceil() * 4 + (x * 3).round() * 16 + (y * 5).trunc() * 64, 0),
    "sign": (lambda x, y: x.sign() + y.sign() * 3, 0),
    "minimum and maximum": (lambda x, y: torch.minimum(x, y) * 3 + torch.maximum(x, y), 2),
    "comparisons, of equal numbers too": (
        lambda x, y: (
            (x.round() >= y.round()).float()
            + (x.round() <= y.round()) * 2.0
            + (x.round() > y.round()) * 4.0
            + (x.round() < y.round()) * 8.0
            + (x.round() == y.round()) * 16.0
            + (x.round() != y.round()) * 32.0
        ),
        0,
    ),
    "logic": (lambda x, y: torch.where((x > 0) & ~(y > 0) | (x < y) ^ (y < -1), x, y), 0),
    "written where": (lambda x, y: x.clone().masked_fill_(y > 0, 2.0) + y.clone().index_put_((x < 0,), torch.tensor(3.0)), 1),
    "softplus": (lambda x, y: F.softplus(x) + F.softplus(y * 9, beta=2.0), 8),
    "mish": (lambda x, y: F.mish(x) + F.mish(y), 8),
    "glu": (lambda x, y: F.glu(torch.cat([x, y], 2), 2), 4),
    "logsigmoid": (lambda x, y: F.logsigmoid(x * 4) + F.logsigmoid(y), 8),
    "softsign and shrinks": (lambda x, y: F.softsign(x) + F.hardshrink(y) + F.softshrink(x) + F.tanhshrink(y), 8),
    "alpha": (lambda x, y: torch.add(x, y, alpha=3) - torch.sub(y, x, alpha=0.5), 4),
    "broadcast": (lambda x, y: x[:, :, :1] * y[:, :1] + x.mean((1, 2), keepdim=True), 4),
    "matmul": (lambda x, y: x @ y.transpose(1, 2), 32),
    "bmm": (lambda x, y: torch.bmm(x.transpose(1, 2), y), 32),
    "einsum": (lambda x, y: torch.einsum("nij,nkj->nik", x, y), 32),
    "softmax of another dim": (lambda x, y: x.softmax(1) + y.log_softmax(1), 8),
    "argmax of another dim": (lambda x, y: x.argmax(1).float() + y.argmax(1, keepdim=True).squeeze(1).float() * 8, 0),
}


def subject_for(module: nn.Module, *shapes: Shape) -> Subject:
    names = ("x", "y", "z")
    samples = {name: normal(6, *shape, seed=number) for number, (name, shape) in enumerate(zip(names, shapes, strict=False))}
    specs = tuple(spec(name, shape=("N", *shape)) for name, shape in zip(names, shapes, strict=False))
    with torch.no_grad():
        made = module.eval()(*(torch.from_numpy(array) for array in samples.values()))
    count = len(made) if isinstance(made, tuple) else 1
    return subject_of(module, specs, tuple(f"out{number}" for number in range(count)), samples)


def definition(subject: Subject, samples: dict[str, Array] | None = None) -> dict[str, Array]:
    results = reference.run(subject.generated.graph, samples or subject.samples)
    return {s.name: array for s, array in zip(subject.contract.outputs, results, strict=True)}


def float64(subject: Subject) -> dict[str, Array]:
    try:
        with torch.no_grad():
            made = subject.module.double()(*(torch.from_numpy(array.astype(np.float64)) for array in subject.samples.values()))
    finally:
        subject.module.float()
    results = made if isinstance(made, tuple) else (made,)
    return {s.name: result.numpy() for s, result in zip(subject.contract.outputs, results, strict=True)}


def check(subject: Subject, units: Mapping[str, float], folder: Path) -> None:
    """Hold the definition to `units` for each output, and the C to the definition. One network has a whole table of operators."""
    expected, exact = definition(subject), float64(subject)
    limits = {name: units[name] * 2.0**-24 * (1 + np.abs(array).max()) for name, array in exact.items()}
    assert [name for name, array in expected.items() if np.abs(array - exact[name]).max() > limits[name]] == []
    for flags in FLAGS:
        compiled = load(subject, folder, "gcc", *flags)
        assert differing(compiled.run(subject.samples), expected) == [], flags
        assert differing(compiled.run(subject.samples, batch=True), expected) == [], flags
        assert compiled.selftest() == -1


@pytest.mark.slow
def test_every_layer_gives_the_bits_of_the_definition_near_float64(tmp_path: Path) -> None:
    torch.manual_seed(0)
    samples = {name: normal(6, *shape) for name, (_, shape) in LAYERS.items()}
    check(side_by_side({name: make() for name, (make, _) in LAYERS.items()}, samples), defaultdict(lambda: 32), tmp_path)


def test_every_function_gives_the_bits_of_the_definition_near_float64(tmp_path: Path) -> None:
    samples = {"x": normal(6, 4, 5), "y": normal(6, 4, 5, seed=1)}
    specs = tuple(spec(name, shape=("N", 4, 5)) for name in samples)
    module = All(function for function, _ in FUNCTIONS.values())
    subject = subject_of(module, specs, tuple(map(member, FUNCTIONS)), samples)
    check(subject, {member(name): units for name, (_, units) in FUNCTIONS.items()}, tmp_path)


@pytest.mark.parametrize("cell", spread([nn.LSTMCell, nn.GRUCell, nn.RNNCell], 1))
def test_a_cell_takes_its_state_and_gives_it(cell: type[nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    check(subject_for(Cell(cell(4, 5)), (4,), (5,), (5,)), defaultdict(lambda: 8), tmp_path)


SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-40, 3.4e38, -3.4e38, 0.5, -0.5, 1.5, 2.5, -3.0], np.float32)


OF_SPECIAL: dict[str, Callable[[Tensor], Tensor]] = {
    **{name: getattr(torch, name) for name in ("sqrt", "rsqrt", "log", "log1p", "sin", "cos", "floor", "ceil", "round", "trunc")},
    "maximum": lambda x: torch.maximum(x, x.flip(1)),
    "minimum": lambda x: torch.minimum(x, x.flip(1)),
    "amax": lambda x: x.amax(1),
}


def test_special_numbers_come_out_as_in_eager(tmp_path: Path) -> None:
    names = tuple(OF_SPECIAL)
    subject = subject_of(All(OF_SPECIAL.values()), (spec("x", shape=("N", 4)),), names, {"x": np.abs(normal(6, 4)) + 0.5})
    samples = {"x": np.random.default_rng(1).choice(SPECIAL, (300, 4))}
    got = load(subject, tmp_path, "gcc", "-O2").run(samples)
    assert differing(got, definition(subject, samples)) == []
    for name, function in OF_SPECIAL.items():
        eager = function(torch.from_numpy(samples["x"])).numpy()
        assert (np.isnan(got[name]) == np.isnan(eager)).all(), name
        # eager flushes log1p of the smallest number
        assert np.allclose(got[name], eager, rtol=1e-6, atol=1e-44, equal_nan=True), name


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "bool"])
def test_inputs_of_every_dtype_become_floats(dtype: str, tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).integers(-100, 100, (6, 5))
    samples = {"x": (numbers > 0) if dtype == "bool" else numbers.astype(dtype)}
    subject = subject_of(Of(lambda x: x.flip(1).float() / 7), (spec("x", dtype, ("N", 5)),), ("y",), samples)
    got = load(subject, tmp_path, "gcc", "-O2").run(samples)
    assert same_bits(got, subject.float32())


def test_an_index_outside_a_table_counts_as_the_nearest_inside(tmp_path: Path) -> None:
    samples = {"x": np.random.default_rng(0).integers(0, 7, (6, 3))}
    subject = subject_of(nn.Embedding(7, 4), (spec("x", "int64", ("N", 3)),), ("y",), samples)
    compiled = load(subject, tmp_path, "gcc", "-O2", "-fsanitize=undefined,bounds", "-fsanitize-undefined-trap-on-error")
    assert same_bits(compiled.run(samples), subject.float32())
    assert "An index outside" in subject.generated.files["model.c"]
    outside = compiled.run({"x": np.array([[-1, 7, 2**62]])})["y"]
    assert (outside == compiled.run({"x": np.array([[0, 6, 6]])})["y"]).all()


def test_a_mask_that_leaves_a_row_nothing_is_refused() -> None:
    mask = torch.tensor([[True, True], [False, False]])
    with pytest.raises(FerryError, match="a mask that leaves a row nothing"):
        subject_for(Of(lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=mask)), (2, 4))


def test_one_changed_weight_changes_the_bits_of_a_recurrent_layer() -> None:
    torch.manual_seed(0)
    layer = nn.GRU(3, 4, batch_first=True)
    before = definition(subject_for(TimeFirst(nn.GRU(3, 4)), (5, 3)))
    layer.weight_hh_l0.data[7, 2] += 1e-3
    assert not same_bits(definition(subject_for(First(layer), (5, 3))), {**before, "out1": before["out0"]})
