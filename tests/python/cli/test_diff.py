"""`ferry diff`: the evidence for moving from one engine to another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from builders.bundles import reseal
from builders.programs import Program
from torchferry.errors import ExitCode

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
