"""ONNX Runtime in C++ against ONNX Runtime in Python: the plugin's own declaration of the C ABI against the vendor's module."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

import torchferry
from builders.bundles import reseal
from builders.programs import BUILD, ROOT, Program
from builders.spread import spread
from builders.subjects import CppEngine, PythonEngine, Question
from builders.zoo import SPECIES, Zoo
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle

SIDES = (PythonEngine("onnxruntime"), CppEngine("onnxruntime", BUILD))


@pytest.mark.parametrize("threads", [1, 2])
def test_both_languages_get_the_same_bits_from_the_reference_bundles(reference_bundle: Path, threads: int) -> None:
    bundle = open_bundle(reference_bundle)
    requests = [read_case(bundle, case).inputs for case in bundle.manifest.golden.cases]
    python, cpp = (side.ask(reference_bundle, requests, Question(threads=threads)) for side in SIDES)
    for ours, theirs in zip(cpp, python, strict=True):
        assert list(ours.only) == list(theirs.only)
        for name, array in theirs.only.items():
            np.testing.assert_array_equal(ours.only[name].view(np.uint8), array.view(np.uint8), err_msg=name)


@pytest.mark.parametrize("name", SPECIES)
def test_every_dtype_and_rank_crosses_in_both_languages_alike(zoo: Zoo, name: str) -> None:
    bundle = zoo.bundle(name, "onnxruntime")
    if bundle is None:
        pytest.skip(f"{name} has no ONNX artifact")
    requests = [SPECIES[name].inputs(rows) for rows in (1, 7)]
    python, cpp = (side.ask(bundle, requests, Question()) for side in SIDES)
    for ours, theirs in zip(cpp, python, strict=True):
        for output, array in theirs.only.items():
            assert (ours.only[output].dtype, ours.only[output].shape) == (array.dtype, array.shape)
            assert ours.only[output].tobytes() == array.tobytes(), output


class Recurrent(nn.Module):
    """An input named as an operator that it calls, and a state that goes in and out under one name."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, cat: Tensor, h: Tensor) -> dict[str, Tensor]:
        state = self.cell(torch.cat([cat, cat], -1), h)
        return {"cat_0": state * 2, "h": state}


class Step(nn.Module):
    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return torch.tanh(x.mean(-1, keepdim=True) + h)


class Looped(Step):
    """A number of steps that is a value of the input: only the older exporter has a loop for it."""

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        for _ in range(int((x.abs().max() * 10).to(torch.int64))):
            h = torch.tanh(x.mean(-1, keepdim=True) + h)
        return h


@pytest.mark.parametrize("cell", spread([Step, Looped], 1))
def test_names_of_the_contract_may_clash_with_those_of_the_graph(program: Program, cell: type[nn.Module], tmp_path: Path) -> None:
    golden = {name: np.random.default_rng(3).normal(size=(6, 4)).astype(np.float32) for name in ("cat", "h")}
    torchferry.export(
        Recurrent(cell()).eval(), inputs=dict.fromkeys(golden, "float32[N,4]"), golden=golden, to=["onnx"], out=tmp_path / "clash"
    )
    done = program("verify", tmp_path / "clash", "--engine", "onnxruntime")
    assert done.code == 0, done.stderr
    graph = onnx.load(tmp_path / "clash" / "model.onnx").graph
    assert [value.name for value in graph.input] == ["cat", "h"]
    assert [value.name for value in graph.output] == ["cat_0", "h.out"]


def test_the_model_of_another_bundle_is_refused_alike(program: Program, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "exported" / "digits-mlp", tmp_path / "b")
    shutil.copy(ROOT / "exported" / "iris-adaline" / "model.onnx", tmp_path / "b" / "model.onnx")
    reseal(tmp_path / "b")
    done = program("verify", tmp_path / "b")
    expected = "error: engine onnxruntime: input image: got none of that name in the model, expected it; export it again\n"
    assert (done.code, done.stderr) == (3, expected)


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """digits-mlp with another manifest."""
    shutil.copytree(ROOT / "exported" / "digits-mlp", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_outputs_are_found_by_name_whatever_their_order(program: Program, tmp_path: Path) -> None:
    bundle = rewritten(tmp_path / "b", lambda manifest: manifest["contract"]["outputs"].reverse())
    done = program("verify", bundle, "--engine", "onnxruntime")
    assert done.code == 0, done.stderr


def free_height(manifest: dict[str, Any]) -> None:
    manifest["contract"]["symbols"]["H"] = {"min": 1, "max": None}
    manifest["contract"]["inputs"][0]["shape"] = ["N", "H", 8]


def test_the_models_sizes_are_held_to_the_contract(program: Program, tmp_path: Path) -> None:
    done = program("verify", rewritten(tmp_path / "b", free_height), "--engine", "onnxruntime")
    expected = "input image: got [?,8,8] in the model, expected [?,?,8] of the contract's dtype; export it again\n"
    assert (done.code, done.stderr) == (3, f"error: engine onnxruntime: {expected}")
