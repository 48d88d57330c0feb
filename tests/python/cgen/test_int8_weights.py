"""Separate weights of int8: the bits of the built-in form, and one code for every training and calibration of an architecture."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import spec
from builders.edge_inventions import INVENTIONS, invention
from builders.generated_c import Array, Subject, address, load, quantized, same_bits, subject_of
from builders.image_nets import every_image_net
from builders.networks import deep, residual
from builders.separate_weights import OK, aligned, assert_bits, code_of, data_of, opened, run, separate, separate_int8
from builders.sound_nets import every_sound_net
from builders.spread import spread
from torchferry.cgen.emit.weights import HEADER
from torchferry.cgen.passes.byte_io import Io

OTHER_MODEL, PASSED = 7, -1
SUBJECTS: dict[str, Callable[[], Subject]] = {
    "images": every_image_net,
    "sounds": every_sound_net,
    "residual": residual,
    "deep": lambda: deep(depth=4, width=24),
    **{name: lambda name=name: invention(name) for name in INVENTIONS},  # type: ignore[misc]
}


@pytest.mark.parametrize("name", spread(SUBJECTS, 4))
def test_the_bits_are_those_of_the_built_in_form(name: str, tmp_path: Path) -> None:
    subject = SUBJECTS[name]()
    apart = separate_int8(subject)
    built_in = load(quantized(subject), tmp_path / "in", "gcc", "-O2").run(subject.samples)
    assert_bits(apart, built_in, tmp_path)


class Dense(nn.Module):
    """Products with a table of a function between them, and one with a clamp."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(7, 33), nn.Linear(33, 18), nn.Linear(18, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.last(torch.relu(self.second(torch.tanh(self.first(x) * 1.5)))), 1)


class Images(nn.Module):
    """Convolutions of three kinds, padding, a sum, a pool, a mean, all of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.depth = nn.Conv2d(2, 18, 3, padding=1), nn.Conv2d(18, 18, 3, padding=1, groups=18)
        self.point, self.last = nn.Conv2d(18, 18, 1), nn.Conv2d(18, 5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu6(self.first(x))
        y = nn.functional.max_pool2d(torch.relu(self.depth(x) + self.point(x)), 2)
        return torch.sigmoid(self.last(y)).mean((2, 3))


class Recurrent(nn.Module):
    """An LSTM in both directions, and a GRU whose steps a product reads."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 9, bidirectional=True, batch_first=True)
        self.gru, self.last = nn.GRU(18, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.gru(self.lstm(x)[0])[0])


SHAPES: dict[type[nn.Module], tuple[int, ...]] = {Dense: (7,), Images: (2, 6, 8), Recurrent: (6, 5)}


def trained(kind: type[nn.Module], seed: int, io: Io = "float") -> Subject:
    """A module whose weights and data `seed` decides, and so all that int8 measures. 0: as it is before its training."""
    torch.manual_seed(seed)
    module, rng = kind(), np.random.default_rng(seed)
    for parameter in module.parameters() if seed else ():
        nn.init.normal_(parameter, 0.02 * seed, 0.3 / seed)
    samples: Array = (rng.standard_normal((9, *SHAPES[kind])) * (seed + 0.5) + seed).astype(np.float32)
    return separate_int8(subject_of(module, (spec("x", shape=("N", *SHAPES[kind])),), ("y",), {"x": samples}), io)


@pytest.mark.parametrize("kind", SHAPES)
def test_trainings_differ_in_the_weights_only(kind: type[nn.Module], tmp_path: Path) -> None:
    first = trained(kind, 1)
    compiled = load(first, tmp_path)
    for seed in (0, 2, 3):
        other = trained(kind, seed)
        assert code_of(other) == code_of(first)
        weights = aligned(data_of(other))
        assert opened(compiled, weights) == OK
        own = load(quantized(other), tmp_path / str(seed)).run(other.samples)
        assert same_bits(run(compiled, weights, other.samples, batch=True), own)
        assert not same_bits(run(compiled, aligned(data_of(first)), other.samples, batch=True), own)
        assert compiled.function("selftest")(address(weights)) == PASSED


@pytest.mark.parametrize("kind", SHAPES)
def test_one_calibration_of_the_same_weights_is_exchanged_for_another(kind: type[nn.Module], tmp_path: Path) -> None:
    """A range of inputs that is found later needs no compiler either."""
    torch.manual_seed(4)
    module = kind()
    x = np.random.default_rng(4).standard_normal((9, *SHAPES[kind])).astype(np.float32)
    narrow, wide = (
        separate_int8(subject_of(module, (spec("x", shape=("N", *SHAPES[kind])),), ("y",), {"x": samples}))
        for samples in (x, 5 * x - 2)
    )
    assert code_of(narrow) == code_of(wide)
    assert data_of(narrow) != data_of(wide)
    compiled, weights = load(narrow, tmp_path), aligned(data_of(wide))
    assert opened(compiled, weights) == OK
    assert compiled.function("selftest")(address(weights)) == PASSED


def test_the_self_test_sees_weights_that_answer_otherwise(tmp_path: Path) -> None:
    subject = trained(Dense, 1)
    weights = aligned(data_of(subject))
    weights[HEADER + 3] ^= 0x01  # the exponent of the scale of the inputs
    assert load(subject, tmp_path).function("selftest")(address(weights)) >= 0


class Steep(nn.Module):
    """A function that is too steep for bytes where its arguments come near zero, and so decides where float32 ends."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 12), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.log(torch.relu(self.first(x)) + 1e-4))


def test_a_calibration_that_decides_for_other_layers_is_refused(tmp_path: Path) -> None:
    def made(offset: float) -> Subject:
        torch.manual_seed(5)
        module = Steep()
        with torch.no_grad():
            module.first.bias += offset
        x = np.random.default_rng(5).standard_normal((40, 6)).astype(np.float32)
        return separate_int8(subject_of(module, (spec("x", shape=("N", 6)),), ("y",), {"x": x}))

    steep, flat = made(0), made(50)
    assert code_of(steep) != code_of(flat)
    assert opened(load(steep, tmp_path), aligned(data_of(flat))) == OTHER_MODEL


def test_weights_of_float32_are_refused_by_code_of_int8(tmp_path: Path) -> None:
    whole = trained(Dense, 1)
    assert opened(load(whole, tmp_path), aligned(data_of(separate(whole)))) == OTHER_MODEL


MEANINGS = """
float meaning(const void *weights, int *zero_point);
float meaning(const void *weights, int *zero_point) {
  *zero_point = NET_INPUT_X_ZERO_POINT(weights);
  return NET_INPUT_X_SCALE(weights);
}
"""


@pytest.mark.parametrize("io", ["bytes", "int8"])
def test_what_the_bytes_of_structs_mean_comes_with_the_weights(io: Io, tmp_path: Path) -> None:
    first, other = trained(Dense, 1, io), trained(Dense, 2, io)
    assert code_of(first) == code_of(other)
    first.generated.files["model.c"] += MEANINGS  # type: ignore[index]
    compiled, weights = load(first, tmp_path), aligned(data_of(other))
    assert opened(compiled, weights) == OK
    assert compiled.function("selftest")(address(weights)) == PASSED
    own = load(other, tmp_path / "own")
    assert same_bits(run(compiled, weights, other.samples, batch=True), run(own, weights, other.samples, batch=True))
    compiled.library.meaning.restype = ctypes.c_float
    for subject in (first, other):
        interface, zero = subject.generated.interface, ctypes.c_int()
        assert interface is not None
        scale = compiled.library.meaning(address(aligned(data_of(subject))), ctypes.byref(zero))
        assert (scale, zero.value) == (np.float32(interface.inputs["x"].scale), interface.inputs["x"].zero_point)
