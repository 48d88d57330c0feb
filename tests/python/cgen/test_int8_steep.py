"""A product before a function that is too steep for bytes, as the logarithm of power, stays in float32: soft sounds count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import spec
from builders.functions import Of
from builders.generated_c import Array, Subject, load, quantized, subject_of
from builders.networks import normal
from torchferry.cgen import reference
from torchferry.cgen.ops.integer_linear import IntegerLinear
from torchferry.cgen.ops.linear import Linear

SOFT = 1e-2  # of the loudest


class Powers(nn.Module):
    """The power of a sound at some frequencies, in bands, to scores: what a product reads spans many powers of two."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bands", torch.rand(9, 6).softmax(0))
        self.scores = nn.Linear(6, 3)

    def forward(self, sound: Tensor) -> Tensor:
        x = sound.to(self.bands.dtype) / 32768
        power = torch.stft(x, 16, 8, window=torch.hann_window(16).to(x), center=False, return_complex=True).abs().square()
        return self.scores(torch.log(power.transpose(1, 2) @ self.bands + 1e-5).mean(1))


def sounds(count: int, seed: int) -> tuple[Array, Array]:
    """Sounds [N, 64] from soft to loud, and how loud each is [N]."""
    rng = np.random.default_rng(seed)
    loud = 10.0 ** rng.uniform(-3.5, 0.0, (count, 1))
    tones = np.sin(np.arange(64) * rng.uniform(0.1, 3.0, (count, 1))) * 20000 + rng.standard_normal((count, 64)) * 2000
    return np.clip(np.rint(loud * tones), -32768, 32767).astype(np.int16), loud[:, 0]


@pytest.fixture(scope="module")
def powers() -> Subject:
    torch.manual_seed(0)
    samples = {"sound": sounds(150, 0)[0]}
    return quantized(subject_of(Powers(), (spec("sound", "int16", ("N", 64)),), ("y",), samples))


def test_soft_sounds_are_as_exact_as_loud_ones(powers: Subject, tmp_path: Path) -> None:
    sound, loud = sounds(150, 1)
    with torch.no_grad():
        exact = powers.module.double()(torch.from_numpy(sound)).numpy()
    powers.module.float()
    found = load(powers, tmp_path, "gcc", "-O2").run({"sound": sound})["y"]
    assert np.array_equal(found, reference.run(powers.generated.graph, {"sound": sound})[0])
    for some in (loud < SOFT, loud >= SOFT):
        assert np.sqrt(np.mean((found - exact)[some] ** 2)) < 0.01 * exact.std()


def test_the_other_product_is_of_bytes(powers: Subject) -> None:
    kinds = [type(node) for node in powers.generated.graph.nodes if isinstance(node, IntegerLinear | Linear)]
    assert kinds == [Linear, IntegerLinear]


FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], bool]] = {
    "sigmoid": (torch.sigmoid, False),
    "steep sigmoid": (lambda x: torch.sigmoid(50 * x), False),
    "tanh": (torch.tanh, False),
    "gelu": (nn.functional.gelu, False),
    "exp": (torch.exp, False),
    "a jump": (torch.sign, False),
    "steps": (torch.round, False),
    "log of its absolute value": (lambda x: torch.log(x.abs() + 1e-4), True),
    "reciprocal": (lambda x: 1 / (x.abs() + 1e-3), True),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_only_steep_functions_leave_bytes(name: str) -> None:
    function, is_steep = FUNCTIONS[name]
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 40), Of(function), nn.Linear(40, 3))
    subject = quantized(subject_of(module, (spec("x", shape=("N", 5)),), ("y",), {"x": normal(60, 5)}))
    kinds = [type(node) for node in subject.generated.graph.nodes if isinstance(node, IntegerLinear | Linear)]
    assert kinds == [Linear if is_steep else IntegerLinear, IntegerLinear]
