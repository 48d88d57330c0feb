"""A host program that flushes subnormal numbers to zero gets the answers that every other program gets, in both languages."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import torchferry
from builders.programs import BUILD
from torchferry.bundle.contract import Array
from torchferry.bundle.float_mode import ieee_arithmetic, is_ieee
from torchferry.bundle.reader import open_bundle
from torchferry.engines.base import Session
from torchferry.proof.verify import verify

ENGINES = ("torchscript", "onnxruntime", "c")
INPUTS = np.array([[1e-10], [3e-10], [0.5], [1.0]], np.float32)
FACTOR = np.float32(1e-30)


class Tiny(nn.Module):
    """What is small becomes subnormal in float32."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale x [N,1]."""
        return x * 1e-30


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose goldens are subnormal numbers, among others."""
    target = tmp_path_factory.mktemp("tiny") / "tiny"
    torchferry.export(
        Tiny().eval(), inputs={"x": "float32[N,1]:0..1"}, golden=INPUTS, out=target, to=("torchscript", "onnx", "c")
    )
    return target


@pytest.fixture
def flushing() -> Iterator[None]:
    """A host program that asked PyTorch for speed."""
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormal numbers to zero")
    assert not is_ieee()
    yield
    torch.set_flush_denormal(False)


def expected() -> Array:
    """NumPy's answer, with subnormal numbers in it."""
    answer = INPUTS * FACTOR
    assert 0 < answer[0, 0] < np.finfo(np.float32).smallest_normal
    return answer


@pytest.mark.parametrize("engine", ENGINES)
def test_python_answers_as_ever_where_torch_flushes_subnormal_numbers(
    tiny: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    answer = expected().tobytes()
    request.getfixturevalue("flushing")
    bundle = open_bundle(tiny)
    session = Session(bundle, engine, allow_native=True)
    (output,) = session.run({bundle.contract.inputs[0].name: INPUTS}).values()
    assert output.tobytes() == answer
    assert verify(bundle, session).passed
    assert verify(bundle, session).passed
    assert not is_ieee(), "what the host program set is restored"


@pytest.mark.parametrize("engine", ENGINES)
def test_cpp_answers_as_ever_in_a_host_with_fast_math(tiny: Path, engine: str) -> None:
    host = BUILD / "tests" / "bin" / "ferry_fast_math_host"
    done = subprocess.run([host, tiny, engine], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == expected().tobytes().hex()


@pytest.mark.usefixtures("flushing")
def test_the_mode_is_restored_after_an_error() -> None:
    inside = []
    with contextlib.suppress(KeyError), ieee_arithmetic():
        inside.append(is_ieee())
        raise KeyError
    assert inside == [True]
    assert not is_ieee()


def test_a_wrong_rounding_is_seen() -> None:
    code = (
        "import ctypes\nfrom torchferry.bundle.float_mode import ieee_arithmetic, is_ieee\n"
        "for mode in (0x400, 0x800, 0xC00):\n"  # <fenv.h> of x86-64: down, up, to zero
        "    assert ctypes.CDLL(None).fesetround(mode) == 0\n"
        "    assert not is_ieee()\n"
        "    with ieee_arithmetic():\n        assert is_ieee()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_library_that_flushes_where_it_is_loaded_changes_nothing_for_the_host() -> None:
    with ieee_arithmetic():
        flushed = torch.set_flush_denormal(True)
    assert is_ieee()
    assert flushed
