"""Inputs find their place in `forward`: by name, by position, inside its dictionaries and lists; what does not fit is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.framing import framed

A, B, C = (torch.full((2,), value) for value in (1.0, 2.0, 4.0))


class Subtract(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a - b


class Scaled(nn.Module):
    def forward(self, x: Tensor, scale: float = 2.0, shift: Tensor | None = None) -> Tensor:
        return x * scale if shift is None else x * scale + shift


class ByKeyword(nn.Module):
    def forward(self, a: Tensor, *, b: Tensor) -> Tensor:
        return a - b


class Table(nn.Module):
    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return batch["a"] - batch["b"]


class Sequence(nn.Module):
    def forward(self, xs: list[Tensor]) -> Tensor:
        return xs[0] - xs[1]


class Pair(nn.Module):
    def forward(self, xs: tuple[Tensor, Tensor]) -> Tensor:
        return xs[0] - xs[1]


class Nested(nn.Module):
    def forward(self, batch: dict[str, list[Tensor]], c: Tensor) -> Tensor:
        return batch["pair"][0] - batch["pair"][1] + c


CASES = {
    "names in another order": (Subtract(), {"b": B, "a": A}, A - B),
    "names that forward does not have": (Subtract(), {"left": A, "right": B}, A - B),
    "an argument left to its default": (Scaled(), {"x": A}, 2 * A),
    "an argument skipped": (Scaled(), {"x": A, "shift": C}, 2 * A + C),
    "another name, defaults left": (Scaled(), {"image": A}, 2 * A),
    "an argument by keyword only": (ByKeyword(), {"b": B, "a": A}, A - B),
    "a dictionary": (Table(), {"b": B, "a": A}, A - B),
    "a list": (Sequence(), {"first": A, "second": B}, A - B),
    "a tuple": (Pair(), {"first": A, "second": B}, A - B),
    "entries of a dictionary": (Table(), {"batch.b": B, "batch.a": A}, A - B),
    "entries of a list": (Sequence(), {"xs.1": B, "xs.0": A}, A - B),
    "a list in a dictionary": (Nested(), {"c": C, "batch.pair.1": B, "batch.pair.0": A}, A - B + C),
}


@pytest.mark.parametrize("name", CASES)
def test_an_input_goes_where_forward_has_it(name: str) -> None:
    module, inputs, expected = CASES[name]
    frame = framed(module.eval(), list(inputs), None, None)
    assert torch.equal(frame(*inputs.values()), expected)
    again = framed(frame, ["x1", "x0", "x2"][: len(inputs)], None, None)  # names that the frame's own arguments have too
    assert torch.equal(again(*inputs.values()), expected)
    assert torch.equal(torch.jit.script(frame)(*inputs.values()), expected)


REFUSED = {
    "an argument without a value": (Subtract(), ["a"], "none for b"),
    "an input that forward does not have": (Table(), ["batch.a", "other.b"], "got 'other', expected arguments of Table.forward: batch"),
    "an argument and an entry of it": (Table(), ["batch.a", "batch.a.b"], "got 'batch.a.b' and 'a'"),
    "a list with a gap": (Sequence(), ["xs.0", "xs.2"], "got entries 0, 2, expected 0, 1 ... without a gap"),
    "a name at another place beside a name that is none": (Subtract(), ["b", "left"], "got 'b' as number 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_inputs_that_do_not_fit_are_refused(name: str) -> None:
    module, inputs, words = REFUSED[name]
    with pytest.raises(FerryError, match=r"^inputs: ") as caught:
        framed(module, inputs, None, None)
    assert caught.value.code == ExitCode.USAGE
    assert words in str(caught.value)


def test_a_nested_input_is_named_by_its_path_in_the_contract(tmp_path: Path) -> None:
    golden: Mapping[str, np.ndarray] = {
        name: np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32) for name in ("batch.pair.0", "batch.pair.1", "c")
    }
    bundle = torchferry.export(
        Nested().eval(), inputs=dict.fromkeys(golden, "float32[N,3]"), golden=golden, out=tmp_path / "nested"
    )
    assert [spec.name for spec in bundle.contract.inputs] == ["batch_pair_0", "batch_pair_1", "c"]
    assert {artifact.format for artifact in bundle.manifest.artifacts} == {"torchscript", "onnx", "export"}
