"""What the exporters of AOTInductor and ExecuTorch refuse, and that the other formats do not suffer from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
from torchferry.engines import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import aoti

INPUTS = {"x": np.linspace(-2, 2, 12, dtype=np.float32).reshape(4, 3)}


class Bessel(nn.Module):
    """An operator for which ExecuTorch has no kernel."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.special.bessel_j0(x)


def export(module: nn.Module, to: str, out: Path) -> object:
    return torchferry.export(module.eval(), inputs={"x": "float32[N,3]"}, outputs=["y"], golden=INPUTS, to=[to], out=out)


def refusal(module: nn.Module, to: str, out: Path) -> FerryError:
    with pytest.raises(FerryError) as caught:
        export(module, to, out)
    assert not out.exists()
    assert "\n" not in str(caught.value)
    return caught.value


def test_without_a_compiler_aoti_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    error = refusal(nn.Linear(3, 2), "aoti", tmp_path / "out")
    assert error.code == ExitCode.UNAVAILABLE
    assert "no-such-compiler" in str(error)


def test_without_executorch_its_format_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(_: str) -> str:
        raise ImportError("no executorch")

    monkeypatch.setattr("torchferry.formats.executorch.version", missing)
    error = refusal(nn.Linear(3, 2), "executorch", tmp_path / "out")
    assert error.code == ExitCode.UNAVAILABLE
    assert "torchferry[executorch]" in str(error)


def test_without_executorch_the_other_engines_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("executorch")
    bundle = torchferry.export(
        nn.Linear(3, 2).eval(),
        inputs={"x": "float32[N,3]"},
        golden=INPUTS,
        to=["executorch", "torchscript"],
        out=tmp_path / "both",
    )
    monkeypatch.setitem(sys.modules, "executorch.extension.pybindings._C", None)
    with pytest.raises(FerryError) as caught:
        Session(bundle, "executorch")
    assert caught.value.code == ExitCode.UNAVAILABLE
    assert Session(bundle, "torchscript").run(INPUTS)


def test_an_operator_that_executorch_lacks_is_named_with_its_line(tmp_path: Path) -> None:
    pytest.importorskip("executorch")
    error = refusal(Bessel(), "executorch", tmp_path / "out")
    assert error.code == ExitCode.FORMAT
    assert "bessel_j0" in str(error)
    assert f"{Path(__file__).name}:" in str(error)


@pytest.mark.parametrize(("march", "expected"), [("x86-64-v3", "-O3 -march=x86-64-v3 a b.cpp"), ("", "-O3 a b.cpp")])
def test_a_torch_without_the_option_compiles_for_the_class_of_processors_too(
    march: str, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compiler = tmp_path / "a folder" / "g++"
    compiler.parent.mkdir()
    compiler.write_text("#!/bin/sh\necho $#: $*\n")
    compiler.chmod(0o700)
    monkeypatch.setenv("CXX", str(compiler))
    with aoti._compiler_for(march) as named:
        said = subprocess.run([named, "-O3", "-march=native", "a b.cpp"], capture_output=True, text=True, check=True).stdout
    assert said == f"{3 if march else 2}: {expected}\n"
    assert not named.exists()
