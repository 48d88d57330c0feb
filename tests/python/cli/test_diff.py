"""`ferry diff`: two engines, the layers of one, or two bundles."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import torchferry
from builders.bundles import edit_manifest, reseal
from builders.programs import ROOT, Program
from torchferry.engines.c_build import find_compiler
from torchferry.errors import ExitCode
from torchferry.preprocess import Standardize

PAIR = "torchscript,onnxruntime"


@pytest.fixture
def wrong(bundle_copy: Path) -> Path:
    """A bundle whose ONNX model has one output bias that is off by 5."""
    path = bundle_copy / "model.onnx"
    model = onnx.load(path)
    (bias,) = [tensor for tensor in model.graph.initializer if tensor.name.endswith("output.bias")]
    values = numpy_helper.to_array(bias).copy()
    values[0] += 5
    bias.CopyFrom(numpy_helper.from_array(values, bias.name))
    onnx.save(model, path)
    reseal(bundle_copy)
    return bundle_copy


def test_two_right_engines_are_the_same_within_the_bound_of_float32(ferry_here: Program, reference_bundle: Path) -> None:
    done = ferry_here("diff", reference_bundle, "--engines", PAIR)
    text = done.stdout.decode()
    assert (done.code, done.stderr) == (ExitCode.OK, "")
    assert "SAME within the bound of float32: onnxruntime may stand for torchscript" in text
    assert "labels changed" in text
    assert "label " in text


def test_a_wrong_weight_is_told_with_its_labels(ferry_here: Program, wrong: Path) -> None:
    done = ferry_here("diff", wrong, "--engines", PAIR, "--json")
    found = json.loads(done.stdout)
    logits, probabilities, label = found["outputs"]
    assert done.code == ExitCode.MISMATCH
    assert found["same"] is False
    assert not logits["same"]
    assert logits["max_abs"] == pytest.approx(5, abs=1e-4)
    assert not probabilities["same"]
    assert label["labels_changed"] > 0
    assert not label["same"]


def test_a_wrong_weight_is_told_in_words(ferry_here: Program, wrong: Path) -> None:
    text = ferry_here("diff", wrong, "--engines", PAIR).stdout.decode()
    assert "DIFFERENT logits: the bounds of torchscript" in text
    assert "NOT the same within the bound of float32: onnxruntime must not stand for torchscript" in text


def test_own_samples_are_compared_instead_of_the_goldens(ferry_here: Program, bundle_copy: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.random.default_rng(0).integers(0, 17, (300, 8, 8), np.uint8))
    done = ferry_here("diff", bundle_copy, "--engines", PAIR, "--input", tmp_path / "images.npy", "--json")
    found = json.loads(done.stdout)
    assert done.code == ExitCode.OK
    assert [output["compared"] for output in found["outputs"]] == [3000, 3000, 300]
    assert found["inputs"].endswith("images.npy")


@pytest.mark.parametrize("engines", ["torchscript", "torchscript,torchscript", "a,b,c", ",", ""])
def test_anything_but_two_engines_is_a_usage_error(ferry_here: Program, reference_bundle: Path, engines: str) -> None:
    done = ferry_here("diff", reference_bundle, "--engines", engines)
    assert done.code == ExitCode.USAGE
    assert "two different engines" in done.stderr


def test_an_engine_that_the_bundle_lacks_is_unavailable(ferry_here: Program, reference_bundle: Path) -> None:
    done = ferry_here("diff", reference_bundle, "--engines", "torchscript,aoti")
    assert done.code == ExitCode.UNAVAILABLE
    assert "aoti" in done.stderr


def only_line(stderr: str) -> str:
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1
    return stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], ExitCode.USAGE, "neither of --engines and --engine"),
        (["--engine", "torchscript", "--engines", PAIR], ExitCode.USAGE, "both of --engines and --engine"),
        (["--engine", ""], ExitCode.USAGE, "--engine: got nothing"),
        (["--engines", PAIR, "--run", "digits-mlp"], ExitCode.USAGE, "--run: got 'digits-mlp' without --engine"),
        (["--engines", PAIR, "--language", "cpp"], ExitCode.USAGE, "--language: got 'cpp' without --engine"),
        (["--engine", "torchscript", "--weights", "w.pt"], ExitCode.USAGE, "--weights: got it without a factory"),
        (["--engine", "torchscript", "--language", "rust"], ExitCode.USAGE, "rust"),
        (["--engine", "aoti"], ExitCode.UNAVAILABLE, "has no artifact for engine 'aoti'"),
        (["--engine", "eager"], ExitCode.UNAVAILABLE, "whose layers cannot be shown"),
        (["--engine", "torchscript", "--language", "cpp", "--ferry-run", "nowhere"], ExitCode.UNAVAILABLE, "run `make build`"),
        (["--engine", "torchscript", "--run", "nowhere:Net"], ExitCode.USAGE, "no module named 'nowhere'"),
        (["--engine", "torchscript", "--run", "nowhere"], ExitCode.IO, "got no run there"),
        (
            ["--engine", "torchscript", "--run", "builders.models:Doubling"],
            ExitCode.BAD_INPUT,
            "give the module that was exported",
        ),
        (["--engine", "torchscript", "--run", "torch.nn:Flatten"], ExitCode.BAD_INPUT, "reference: outputs: got 1 values"),
        (["--engine", "torchscript", "--run", "torch.nn:Linear"], ExitCode.BAD_INPUT, "expected it to build the module"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    ferry_here: Program, reference_bundle: Path, arguments: list[str], code: int, words: str
) -> None:
    done = ferry_here("diff", reference_bundle, *arguments)
    assert (done.code, words in only_line(done.stderr)) == (code, True), done.stderr


def test_the_layer_of_a_wrong_weight_is_told_in_words(ferry_here: Program, wrong: Path) -> None:
    done = ferry_here("diff", wrong, "--engine", "onnxruntime")
    text = done.stdout.decode()
    assert done.code == ExitCode.MISMATCH
    assert "against the torch.export program in the bundle, cases compared: batch-64\ncase batch-64:" in text
    assert "FIRST DIFFERENCE network.output (Linear): at [" in text
    assert "the last value within its tolerance is into network.output" in text


def test_layers_are_compared_on_samples_of_the_user(ferry_here: Program, wrong: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.random.default_rng(0).integers(0, 17, (5, 8, 8), np.uint8))
    done = ferry_here("diff", wrong, "--engine", "onnxruntime", "--input", tmp_path / "images.npy", "--batch", 2, "--json")
    found = json.loads(done.stdout)
    assert (done.code, found["first"]) == (ExitCode.MISMATCH, "network.output")
    assert found["case"].startswith("batch 1 of")


def test_no_samples_are_no_comparison(ferry_here: Program, bundle_copy: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "none.npy", np.zeros((0, 8, 8), np.uint8))
    done = ferry_here("diff", bundle_copy, "--engine", "torchscript", "--input", tmp_path / "none.npy")
    assert done.code == ExitCode.BAD_INPUT
    assert "none.npy: got no samples, expected at least one" in only_line(done.stderr)


def test_a_bundle_is_the_same_as_its_copy(ferry_here: Program, reference_bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(reference_bundle, tmp_path / "copy")
    done = ferry_here("diff", reference_bundle, copy, "--json")
    found = json.loads(done.stdout)
    assert (done.code, found["same"], found["layers"]) == (ExitCode.OK, True, None)
    assert all(entry["same_bytes"] and entry["weights"]["differing"] == [] for entry in found["artifacts"])
    assert {entry["second"] for entry in found["engines"]} == {"eager", "onnxruntime", "torchscript"}


def test_a_bundle_with_a_wrong_weight_differs_in_that_weight_its_outputs_and_its_layer(ferry_here: Program, wrong: Path) -> None:
    done = ferry_here("diff", ROOT / "exported" / "digits-mlp", wrong, "--engine", "onnxruntime")
    text = done.stdout.decode()
    assert done.code == ExitCode.MISMATCH
    assert "WEIGHTS onnx -> onnx: layer network.output: bias: 1 of 10 differ, by at most 5" in text
    assert "DIFFERENT logits" in text
    assert "FIRST DIFFERENCE network.output (Linear)" in text
    assert "must not stand for" in text


def test_a_model_moved_to_another_format_is_compared_with_what_was_there(
    ferry_here: Program, bundle_copy: Path, tmp_path: Path
) -> None:
    """The first has no ONNX file: the second's is held to the first's TorchScript."""
    moved = shutil.copytree(bundle_copy, tmp_path / "moved")
    drop(bundle_copy, "onnx")
    drop(moved, "torchscript")
    done = ferry_here("diff", bundle_copy, moved, "--json")
    pairs = {(entry["first"]["format"], entry["second"]["format"]) for entry in json.loads(done.stdout)["artifacts"]}
    assert done.code == ExitCode.OK
    assert pairs == {("export", "export"), ("torchscript", "onnx")}


def drop(bundle: Path, form: str) -> None:
    """Take one format out of a bundle."""

    def forget(value: Any) -> None:
        (gone,) = [entry for entry in value["artifacts"] if entry["format"] == form]
        value["artifacts"].remove(gone)
        value["tolerances"] = [row for row in value["tolerances"] if row["engine"] != gone["engine"]]
        for file in gone["files"]:
            (bundle / file["path"]).unlink()

    edit_manifest(bundle, forget)


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler is here")
def test_int8_is_held_to_the_goldens_and_not_to_the_stress_case_beyond_its_ranges(ferry_here: Program, tmp_path: Path) -> None:
    """A bundle of int8 has no stress case, since bytes saturate beyond the calibration."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        Standardize(torch.zeros(6), torch.full((6,), 16.0)), torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)
    ).eval()
    x = np.random.default_rng(0).integers(0, 3, (64, 6)).astype(np.uint8)
    more = {"inputs": {"x": "uint8[N,6]:0..255"}, "outputs": ["y"], "golden": {"x": x}, "name": "net"}
    torchferry.export(module, **more, to=["onnx"], out=tmp_path / "whole")  # type: ignore[arg-type]
    torchferry.export(module, **more, to=["c"], quantize="int8", out=tmp_path / "int8", stress=False)  # type: ignore[arg-type]
    done = ferry_here("diff", tmp_path / "whole", tmp_path / "int8", "--allow-native")
    assert (tmp_path / "whole/golden/stress.input.x.npy").is_file()
    assert done.code == ExitCode.OK, done.stdout.decode()
    assert "may stand for" in done.stdout.decode()


def test_unrelated_bundles_are_one_line(ferry_here: Program) -> None:
    first, second = (ROOT / "exported" / name for name in ("iris-adaline", "digits-mlp"))
    done = ferry_here("diff", first, second)
    assert done.code == ExitCode.BAD_INPUT
    assert "contract.inputs: got image=uint8[N,8,8], expected those of" in only_line(done.stderr)
    assert "unrelated models" in done.stderr


@pytest.mark.parametrize("option", [("--engines", PAIR), ("--run", "digits-mlp"), ("--input", "x.npy")])
def test_options_of_one_bundle_are_refused_with_two(ferry_here: Program, reference_bundle: Path, option: tuple[str, str]) -> None:
    done = ferry_here("diff", reference_bundle, reference_bundle, *option)
    assert done.code == ExitCode.USAGE
    assert f"{option[0]}: got it with two bundles" in only_line(done.stderr)


def test_a_second_bundle_that_is_not_there_is_an_io_error(ferry_here: Program, reference_bundle: Path) -> None:
    assert ferry_here("diff", reference_bundle, "nowhere").code == ExitCode.IO
