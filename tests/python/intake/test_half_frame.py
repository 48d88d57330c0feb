"""Modules in float16 and bfloat16 take and give float32, or what the contract has; what they cannot be is said in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.half_frame import find_narrow
from torchferry.intake.specs import parse_input

X = {"x": np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)}


class Inside(nn.Module):
    """Half precision between conversions of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 2).bfloat16()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.bfloat16()).float()  # type: ignore[no-any-return]  # of a module


class Named(nn.Module):
    """Half precision throughout, with outputs by name, one of them nested."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 3).half()

    def forward(self, x: Tensor) -> dict[str, object]:
        y = self.layer(x)
        return {"parts": [y, y * 2], "label": y.argmax(-1)}


def test_a_module_that_takes_half_precision_only_is_given_rounded_inputs() -> None:
    found = find_narrow(nn.Linear(8, 2).half(), ["x"], None, X)
    assert found is not None
    assert found.dtype == torch.float16


def test_a_module_that_converts_by_itself_is_left_alone() -> None:
    assert find_narrow(Inside(), ["x"], None, X) is None
    assert find_narrow(nn.Linear(8, 2), ["x"], None, X) is None


def test_outputs_in_half_precision_become_float32_wherever_they_stand(tmp_path: Path) -> None:
    notes: list[str] = []
    module = Named().eval()
    bundle = torchferry.export(module, inputs={"x": X["x"]}, golden=X, out=tmp_path / "b", to=["torchscript"], note=notes.append)
    assert [spec.dtype for spec in bundle.contract.outputs] == ["float32", "float32", "int64"]
    assert any("the module takes float16: the contract has float32" in note for note in notes)
    found = torchferry.Session(bundle, "torchscript").run(X)
    expected = module(torch.from_numpy(X["x"]).half())["parts"][1]  # type: ignore[index]  # a list
    assert np.array_equal(
        found["output_1"] if "output_1" in found else list(found.values())[1], expected.detach().float().numpy()
    )


def test_goldens_in_half_precision_are_taken_as_the_float32_that_they_are(tmp_path: Path) -> None:
    golden = {"x": torch.from_numpy(X["x"]).bfloat16()}
    bundle = torchferry.export(
        nn.Linear(8, 2).bfloat16().eval(),
        inputs={"x": "float32[N,8]"},
        golden=golden,
        out=tmp_path / "b",
        to=["torchscript"],
        note=str,
    )
    assert bundle.contract.inputs[0].dtype == "float32"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_contract_with_an_input_of_half_precision_has_such_outputs(dtype: str, tmp_path: Path) -> None:
    module = nn.Linear(8, 2).to(getattr(torch, dtype)).eval()
    example = torch.from_numpy(X["x"]).to(getattr(torch, dtype))
    bundle = torchferry.export(
        module, inputs={"x": example}, golden={"x": example}, out=tmp_path / "b", to=["torchscript"], note=str
    )
    assert [spec.dtype for spec in (*bundle.contract.inputs, *bundle.contract.outputs)] == [dtype, dtype]
    given = bundle.read_arrays(bundle.manifest.golden.cases[0].inputs)["x"]
    assert given.view(np.int16).tolist() == example.view(torch.int16).tolist()


@pytest.mark.parametrize(("dtype", "limit"), [("float16", "65520"), ("bfloat16", "3.4e38")])
def test_a_range_that_16_bits_cannot_hold_is_refused(dtype: str, limit: str) -> None:
    with pytest.raises(FerryError, match=f"range: got .* expected numbers that {dtype} has"):
        parse_input("x", f"{dtype}[N,8]:0..{limit}")


def test_weights_in_float64_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FerryError, match="got float64, expected float32, float16 or bfloat16") as caught:
        torchferry.export(nn.Linear(8, 2).double().eval(), inputs={"x": "float32[N,8]"}, out=tmp_path / "b", note=str)
    assert caught.value.code == ExitCode.BAD_INPUT
    assert not (tmp_path / "b").exists()
