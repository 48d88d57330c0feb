"""int16 in an int8 graph: what reads a 16-bit sound has products of int16, loses nothing of it, and no sum overflows."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import spec
from builders.generated_c import COMPILERS, Array, Subject, address, load, quantized, same_bits, subject_of
from builders.sound_nets import NETS, sound_net, sounds
from builders.spread import spread
from python.cgen.test_kernels import build
from torchferry.cgen import generate_int8, reference
from torchferry.cgen.ir import Map
from torchferry.cgen.ops.int16_conv2d import Int16Conv2d
from torchferry.cgen.ops.int16_linear import Int16Linear, in_narrow_steps, narrowed
from torchferry.cgen.ops.integer_conv2d import IntegerConv2d
from torchferry.cgen.ops.integer_linear import SUM_MOST, IntegerLinear, product_tables
from torchferry.cgen.ops.quantize import Quantize, nearest_int16
from torchferry.cgen.scales import INT16_LEAST, INT16_MOST, Bytes
from torchferry.cgen.verify import verify
from torchferry.cgen.windows import Window
from torchferry.errors import FerryError

Kind = TypeVar("Kind")
RNG = np.random.default_rng(0)
SOUND = Bytes(1 / 32768, 0, INT16_MOST, INT16_LEAST)
FLAGS = {
    "AVX2": ("-O3", "-march=x86-64-v3"),
    "native": ("-O3", "-march=native"),
    "SSE2": ("-O2", "-march=x86-64"),
    "plain": ("-O2", "-U__SSE2__"),
}
TRAP = ("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")


def nodes(subject: Subject, kind: type[Kind]) -> list[Kind]:
    return [node for node in subject.generated.graph.nodes if isinstance(node, kind)]


def answers(subject: Subject, samples: dict[str, Array]) -> dict[str, Array]:
    results = reference.run(subject.generated.graph, samples)
    return {s.name: array for s, array in zip(subject.contract.outputs, results, strict=True)}


# ---- the C ----


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("path", spread(FLAGS, 1))
@pytest.mark.parametrize("name", NETS)
def test_every_path_gives_the_integers_of_the_definition(name: str, path: str, compiler: str, tmp_path: Path) -> None:
    subject = quantized(sound_net(name))
    compiled = load(subject, tmp_path, compiler, *FLAGS[path], *(TRAP if compiler == "gcc" else ()))
    expected = answers(subject, subject.samples)
    assert same_bits(compiled.run(subject.samples), expected)
    assert same_bits(compiled.run(subject.samples, batch=True), expected)
    assert compiled.selftest() == -1


PRODUCT = (
    "void apply(size_t i, size_t o, int bits, const int16_t *x, const int8_t *w, const int8_t *n, const int32_t *b, int32_t *s)"
)


@pytest.mark.parametrize("path", FLAGS)
def test_a_product_is_exact_or_rounded_once(path: str, tmp_path: Path) -> None:
    """Of the largest numbers too: 9,001 times -32768 * -127 is more than 2^35."""
    body = f"{PRODUCT};\n{PRODUCT} {{ model_int16_columns(i, o, bits, x, w, n, b, s); }}\n"
    library = build("int16_columns", body, tmp_path, "gcc", *FLAGS[path], *TRAP)
    for inputs, outputs, bits in ((1, 1, 0), (3, 5, 0), (80, 64, 0), (130, 145, 0), (516, 3, 0), (9001, 19, 5), (700, 40, 1)):
        for x in (RNG.integers(INT16_LEAST, INT16_MOST + 1, inputs), np.full(inputs, INT16_LEAST), np.full(inputs, INT16_MOST)):
            weight = RNG.integers(-127, 128, (outputs, inputs))
            weight[0] = -127
            bias = np.zeros(outputs, np.int64) if inputs == 516 else RNG.integers(-(10**6), 10**6, outputs)
            assert_product(library, x.astype(np.int16), weight, bias, bits)


def assert_product(library: ctypes.CDLL, x: Array, weight: Array, bias: Array, bits: int) -> None:
    tables = [np.ascontiguousarray(table.array) for table in product_tables(weight, bias)]
    sums = np.zeros(len(weight), np.int32)
    sizes = ctypes.c_size_t(weight.shape[1]), ctypes.c_size_t(len(weight)), bits
    library.apply(*sizes, address(x), *map(address, tables), address(sums))
    exact = (weight.astype(np.int64) @ x.astype(np.int64)).tolist()
    assert sums.tolist() == [(s + (1 << bits >> 1) >> bits) + b for s, b in zip(exact, bias.tolist(), strict=True)]


def test_floats_become_the_nearest_int16(tmp_path: Path) -> None:
    signature = "void apply(size_t n, const float *x, int16_t *y)"
    body = f"{signature};\n{signature} {{ for (size_t i = 0; i < n; ++i) y[i] = model_quantize_int16(x[i], 8.0f, -1000); }}\n"
    library = build("quantize_int16", body, tmp_path)
    x = np.concatenate([RNG.standard_normal(900) * 2000, [np.nan, np.inf, -np.inf, -0.0, 1e-40, 4220.9]]).astype(np.float32)
    made = np.zeros(len(x), np.int16)
    library.apply(ctypes.c_size_t(len(x)), address(x), address(made))
    wide = np.nan_to_num(x.astype(np.float64), nan=0.0, posinf=1e30, neginf=-1e30)
    assert (made == np.clip(np.rint(wide * 8) - 1000, -32768, 32767)).all()
    assert (made == nearest_int16(x, 8.0, -1000)).all()


@pytest.mark.parametrize("last", [0, 1])
def test_a_patch_is_the_window_with_zeros_after_it(last: int, tmp_path: Path) -> None:
    window = Window(4, (5, 6), (4, 3), (3, 2), (2, 2), (2, 1), (1, 3))
    signature = "void apply(size_t row, size_t column, const int16_t *x, int16_t *patch)"
    struct = window.expression().replace("§", "model_")
    body = f"{signature};\n{signature} {{ model_int16_patch({struct}, {last}, 77, 1, 3, row, column, x, patch); }}\n"
    library = build("int16_conv2d", body, tmp_path, "gcc", "-O1", *TRAP)
    x = RNG.integers(-9, 9, (4, 5, 6)).astype(np.int16)
    given = np.ascontiguousarray(np.moveaxis(x, 0, -1) if last else x)
    padded = np.pad(x, ((0, 0), (2, 9), (1, 9)), constant_values=77)
    for row, column in np.ndindex(window.results):
        patch = np.full(20, 5, np.int16)
        library.apply(ctypes.c_size_t(row), ctypes.c_size_t(column), address(given), address(patch))
        expected = padded[1:4, 2 * row : 2 * row + 3, 2 * column : 2 * column + 4 : 3].transpose(1, 2, 0)
        assert (patch == [*expected.ravel(), 0, 0]).all()


# ---- the graph ----


def test_the_first_layer_reads_the_callers_int16_and_later_ones_bytes() -> None:
    first, *rest = quantized(sound_net("waves")).generated.graph.nodes
    assert isinstance(first, Int16Conv2d)
    assert first.x.dtype == "int16"
    assert [type(node).__name__ for node in rest] == ["IntegerConv2d", "IntegerReduce", "IntegerLinear"]
    assert not any(isinstance(node, Int16Linear | Map | Quantize) for node in rest)


def test_moved_samples_are_the_samples() -> None:
    """Mirrored and cut into frames they are floats, whose int16 are the caller's again, to the last bit."""
    subject = quantized(sound_net("frames"))
    (rounding,) = nodes(subject, Quantize)
    values = reference.run_all(subject.generated.graph, subject.samples)
    sound = np.pad(subject.samples["sound"], ((0, 0), (15, 15)), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(sound, 30, axis=1)[:, ::15]
    assert (values[rounding.output].reshape(frames.shape) == frames).all()


def test_sums_beyond_32_bits_are_of_64_and_no_steps_are_lost() -> None:
    wide, narrow = nodes(quantized(sound_net("frames")), Int16Linear)
    assert (wide.bits, narrow.bits) == (1, 0)
    assert int(np.abs(wide.weight).sum(axis=1).max()) * 32768 > SUM_MOST


def test_the_steps_are_the_finest_that_32_bits_hold() -> None:
    for inputs, bits in ((500, 0), (516, 0), (520, 1), (1032, 1), (1040, 2), (100_000, 8)):
        weight, bias, unit, found = in_narrow_steps(np.ones((2, inputs)), np.zeros(2), SOUND)
        assert found == bits, inputs
        assert unit.tolist() == [2.0**bits / 127 / 32768] * 2
        largest = narrowed(np.array([inputs * 127 * 32768, -inputs * 127 * 32768]), found)
        assert np.abs(largest).max() <= SUM_MOST
        assert (weight == 127).all()
        assert not bias.any()


def test_a_large_bias_counts() -> None:
    weight, bias, unit, bits = in_narrow_steps(np.ones((1, 510)), np.array([100.0]), SOUND)
    assert bits > 0
    assert abs(bias[0] * unit[0] - 100.0) <= unit[0]
    assert (narrowed(np.abs(weight).sum(axis=1) * 32768, bits) + np.abs(bias)).max() <= SUM_MOST


def test_sums_that_could_overflow_are_found_before_they_are_printed() -> None:
    subject = quantized(sound_net("frames"))
    wide, *_ = nodes(subject, Int16Linear)
    graph = subject.generated.graph
    broken = tuple(replace(wide, bits=0) if node is wide else node for node in graph.nodes)
    with pytest.raises(FerryError, match=r"sums up to .* expected at most 2147483647"):
        verify(replace(graph, nodes=broken), "quantize")


class Index(nn.Module):
    """An int16 that is an index: what it picks has nothing of its 16 bits."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.scores = nn.Embedding(9, 6), nn.Linear(6, 3)

    def forward(self, token: Tensor) -> Tensor:
        return self.scores(self.table(token.long())).flatten(1)


def test_an_index_of_16_bits_is_no_sound() -> None:
    samples = {"token": RNG.integers(0, 9, (30, 4)).astype(np.int16)}
    subject = quantized(subject_of(Index(), (spec("token", "int16", ("N", 4)),), ("y",), samples))
    assert [type(node) for node in nodes(subject, IntegerLinear)] == [IntegerLinear]


class Two(nn.Module):
    """A product of a sound, and one of what depends on that."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(20, 16), nn.Linear(16, 3)

    def forward(self, sound: Tensor) -> Tensor:
        return self.second(torch.relu(self.first((sound.to(self.first.weight.dtype) - 100.5) / 4096)))


def test_what_is_subtracted_is_taken_out_of_the_exact_sums() -> None:
    samples = {"sound": RNG.integers(-30000, 30000, (40, 20)).astype(np.int16)}
    subject = quantized(subject_of(Two(), (spec("sound", "int16", ("N", 20)),), ("y",), samples))
    assert [type(node) for node in subject.generated.graph.nodes] == [Int16Linear, IntegerLinear]
    assert np.abs(answers(subject, samples)["y"] - subject.float64()["y"]).max() < 0.05


# ---- what it is for ----


def bytes_of(subject: Subject, name: str) -> Subject:
    """The same module whose first layer reads bytes: the caller has made floats of its int16."""
    kinds = tuple(spec(s.name, "float32", s.shape) for s in subject.contract.inputs)
    samples = {key: array.astype(np.float32) for key, array in subject.samples.items()}
    outputs = tuple(s.name for s in subject.contract.outputs)
    return quantized(subject_of(subject.module, kinds, outputs, samples, name=name))


def rms(subject: Subject, exact: Subject, kept: Array) -> float:
    found, expected = answers(subject, subject.samples), exact.float64()
    return float(np.sqrt(np.mean([np.mean((found[key][kept] - expected[key][kept]) ** 2) for key in found])))


class Scaled(nn.Module):
    """int16 as -1 to 1, through one layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, sound: Tensor) -> Tensor:
        return self.layer(sound.to(next(self.parameters()).dtype) / 32768)


LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "Linear": (nn.Linear(20, 8), (20,)),
    "Conv1d": (nn.Conv1d(1, 8, 9, 2, 4), (1, 60)),
    "Conv2d": (nn.Conv2d(2, 6, 3, padding=1), (2, 7, 7)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_error_of_a_layer_is_below_half_of_that_of_bytes(name: str) -> None:
    """What is left is that of the weights: 0.14 to 0.29 of the other over four draws."""
    layer, shape = LAYERS[name]
    subject = subject_of(Scaled(layer), (spec("sound", "int16", ("N", *shape)),), ("y",), {"sound": sounds(*shape)})
    every = np.ones(len(subject.samples["sound"]), bool)
    assert rms(quantized(subject), subject, every) < rms(bytes_of(subject, "bytes"), subject, every) / 2


@pytest.mark.parametrize("name", NETS)
def test_the_error_of_a_network_is_not_above_that_of_bytes(name: str) -> None:
    """Later layers read bytes in both and err as much; their draws differ by a few parts in a hundred."""
    subject = sound_net(name)
    every = np.ones(len(subject.samples["sound"]), bool)
    assert rms(quantized(subject), subject, every) < 1.05 * rms(bytes_of(subject, "bytes"), subject, every)


def test_a_soft_sound_is_heard() -> None:
    """One of 40 steps beside one of 32,767: in bytes of the range of both it is nearly nothing."""
    rng = np.random.default_rng(4)
    samples = {"sound": rng.integers(-40, 41, (60, 20)).astype(np.int16)}
    samples["sound"][::2] = rng.integers(-32768, 32768, (30, 20))
    soft = np.arange(60) % 2 == 1
    torch.manual_seed(1)
    subject = subject_of(Scaled(nn.Linear(20, 8)), (spec("sound", "int16", ("N", 20)),), ("y",), samples)
    spread_of = subject.float64()["y"][soft].std(axis=0).mean()
    assert rms(quantized(subject), subject, soft) < 0.01 * spread_of
    assert rms(bytes_of(subject, "bytes"), subject, soft) > 0.3 * spread_of


def test_the_text_says_what_is_exact() -> None:
    subject = quantized(sound_net("waves"))
    text = " ".join(subject.generated.files["model.h"].split())
    assert "int16 x int8 Conv2d 1 -> 20" in text
    assert "Products of what is computed of an int16 input are of int16 and int8 weights" in text


def test_two_generations_are_equal() -> None:
    subject = sound_net("frames")
    made = [
        generate_int8(subject.program, subject.contract, name="net", goldens=subject.samples, calibration=subject.samples).files
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert isinstance(nodes(quantized(sound_net("depths")), IntegerConv2d)[0], Int16Conv2d)
