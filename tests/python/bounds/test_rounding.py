"""The stated errors of elementary functions, measured again on what is installed here."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from builders.spread import spread
from torchferry.bounds.rounding import FUNCTIONS, Float64, gamma, represented

ROOT_HALF = math.sqrt(0.5)


def _erf(x: Float64) -> Float64:
    return np.vectorize(math.erf)(x)


def _gelu(x: Float64) -> Float64:
    return x * 0.5 * np.vectorize(math.erfc)(-x * ROOT_HALF)


def _sigmoid(x: Float64) -> Float64:
    with np.errstate(over="ignore"):
        return np.where(x >= 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x)))


def _tanh_gelu(x: Float64) -> Float64:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


# The function in PyTorch beside its definition with float64 from NumPy and the C library.
EXACT: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Float64], Float64]]] = {
    "exp": (torch.exp, np.exp),
    "sigmoid": (torch.sigmoid, _sigmoid),
    "tanh": (torch.tanh, np.tanh),
    "erf": (torch.erf, _erf),
    "gelu": (F.gelu, _gelu),
    "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), _tanh_gelu),
    "silu": (F.silu, lambda x: x * _sigmoid(x)),
    "elu": (F.elu, lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    "softplus": (F.softplus, lambda x: np.logaddexp(0, x)),
    "mish": (F.mish, lambda x: x * np.tanh(np.logaddexp(0, x))),
    "hardswish": (F.hardswish, lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "log": (lambda x: torch.log(x.abs()), lambda x: np.log(np.abs(x))),
    "sqrt": (lambda x: torch.sqrt(x.abs()), lambda x: np.sqrt(np.abs(x))),
    "rsqrt": (lambda x: torch.rsqrt(x.abs()), lambda x: 1 / np.sqrt(np.abs(x))),
    "sin": (torch.sin, np.sin),
    "cos": (torch.cos, np.cos),
}


class Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def arguments() -> np.ndarray[Any, np.dtype[np.float32]]:
    random = np.random.default_rng(0)
    tiny = 10.0 ** random.uniform(-30, 1.9, 8_000) * random.choice([-1, 1], 8_000)
    parts = [random.uniform(-20, 20, 24_000), random.uniform(-1, 1, 16_000), random.uniform(-87, 87, 16_000), tiny]
    return np.concatenate(parts).astype(np.float32)


def onnx_values(function: Callable[[Tensor], Tensor], x: np.ndarray[Any, np.dtype[np.float32]]) -> Float64:
    with contextlib.redirect_stdout(io.StringIO()):
        program = torch.onnx.export(Function(function).eval(), (torch.from_numpy(x),), dynamo=True, verbose=False)
    assert program is not None
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    values: Float64 = session.run(None, {session.get_inputs()[0].name: x})[0].astype(np.float64)
    return values


def test_every_function_with_a_constant_is_measured() -> None:
    assert set(FUNCTIONS) - set(EXACT) == {"pow"}


@pytest.mark.parametrize("name", spread(EXACT, 8))
@pytest.mark.parametrize("engine", ["eager", "onnxruntime"])
def test_no_engine_is_further_off_than_stated(name: str, engine: str) -> None:
    function, definition = EXACT[name]
    x = arguments()
    expected = definition(x.astype(np.float64))
    actual = function(torch.from_numpy(x)).numpy().astype(np.float64) if engine == "eager" else onnx_values(function, x)
    representable = np.abs(expected) < float(np.finfo(np.float32).max)
    error, bound = np.abs(actual - expected), FUNCTIONS[name].bound(x.astype(np.float64), expected)
    assert (error <= bound)[representable].all()


def test_gamma_is_the_textbooks() -> None:
    assert float(gamma(2)) == 2 * 2.0**-24 / (1 - 2 * 2.0**-24)
    assert float(gamma(0)) == 0


def test_a_constant_loses_what_float32_cannot_hold() -> None:
    assert float(represented(np.asarray(0.5))) == 0
    assert float(represented(np.asarray(0.1))) == abs(float(np.float32(0.1)) - 0.1)
