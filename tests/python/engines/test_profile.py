"""Times of layers, in both languages: names that stand in the artifact, no more time than passed, and a plain no where there are none."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import onnx
import pytest

from builders.programs import ROOT
from torchferry import native
from torchferry.bundle.contract import Array
from torchferry.bundle.reader import open_bundle
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.layer_times import LayerTime

DIGITS = ROOT / "exported" / "digits-mlp"
IMAGES: dict[str, Array] = {"image": np.zeros((64, 8, 8), np.uint8)}
CALLS = 20
ENGINES = ("onnxruntime", "torchscript")
# What torch.export writes of the model, in the order of a call.
OPERATORS = ["linear", "sigmoid", "linear"]


def in_python(engine: str, *, folder: Path = DIGITS, calls: int = CALLS) -> list[LayerTime]:
    return Session(open_bundle(folder), engine).profile(IMAGES, calls=calls)


def in_cpp(engine: str, *, calls: int = CALLS) -> list[LayerTime]:
    with native.open_bundle(DIGITS).session(engine) as session:
        return session.profile(IMAGES, calls=calls)


def operators(layers: list[LayerTime]) -> list[str]:
    """The layers that compute with weights, and what lies between them."""
    kinds = [re.sub(r"^aten[:.]+|\.default$", "", layer.kind) for layer in layers]
    return [kind for kind in kinds if kind in {"linear", "sigmoid"}]


@pytest.mark.parametrize("engine", [*ENGINES, "eager"])
def test_the_layers_take_no_longer_than_the_calls(engine: str) -> None:
    begin = time.perf_counter_ns()
    layers = in_python(engine)
    passed = time.perf_counter_ns() - begin
    assert 0 < sum(layer.nanoseconds for layer in layers) * CALLS < passed


@pytest.mark.parametrize("profile", [in_python, in_cpp])
def test_nodes_have_the_names_of_the_onnx_file(profile: object) -> None:
    names = {node.name for node in onnx.load(DIGITS / "model.onnx").graph.node}
    layers = profile("onnxruntime")  # type: ignore[operator]
    assert len(layers) > len(OPERATORS)
    assert {layer.name.removeprefix("fused ") for layer in layers} <= names
    assert sum("Gemm" in layer.kind for layer in layers) == OPERATORS.count("linear")


def test_torchscript_has_its_operators_in_order_in_both_languages() -> None:
    here, there = in_python("torchscript"), in_cpp("torchscript")
    assert [layer.name for layer in there] == [str(place) for place in range(len(there))]
    assert [layer.kind for layer in there] == [layer.kind for layer in here]
    assert operators(there) == OPERATORS


def test_eager_names_the_modules() -> None:
    layers = in_python("eager")
    assert operators(layers) == OPERATORS
    assert [layer.name.split("/")[0] for layer in layers if "linear" in layer.kind] == [
        "module.network.hidden",
        "module.network.output",
    ]


def test_a_larger_batch_takes_longer() -> None:
    """The times are those of these inputs."""
    session = Session(open_bundle(DIGITS), "onnxruntime")
    small, large = (
        sum(layer.nanoseconds for layer in session.profile({"image": np.zeros((rows, 8, 8), np.uint8)}, calls=CALLS))
        for rows in (1, 8192)
    )
    assert large > 2 * small


@pytest.mark.parametrize("profile", [in_python, in_cpp])
@pytest.mark.parametrize("calls", [0, 10_001])
def test_calls_must_be_some(profile: object, calls: int) -> None:
    with pytest.raises(FerryError, match=f"calls: got {calls}, expected 1 to 10000") as caught:
        profile("onnxruntime", calls=calls)  # type: ignore[operator]
    assert caught.value.code == ExitCode.USAGE


def test_an_isolated_model_is_not_timed() -> None:
    bundle = native.open_bundle(DIGITS)
    bundle.isolate()
    with bundle.session("onnxruntime") as session, pytest.raises(FerryError, match="to time its layers") as caught:
        session.profile(IMAGES)
    assert caught.value.code == ExitCode.UNAVAILABLE


def test_bad_input_is_refused_before_a_model_is_opened() -> None:
    with native.open_bundle(DIGITS).session("onnxruntime") as session, pytest.raises(FerryError) as caught:
        session.profile({"image": np.zeros((1, 8, 7), np.uint8)})
    assert caught.value.code == ExitCode.BAD_INPUT
    with pytest.raises(FerryError) as caught:
        Session(open_bundle(DIGITS), "onnxruntime").profile({"picture": IMAGES["image"]})
    assert caught.value.code == ExitCode.BAD_INPUT


def test_an_empty_batch_has_no_layers() -> None:
    assert Session(open_bundle(DIGITS), "onnxruntime").profile({"image": np.zeros((0, 8, 8), np.uint8)}) == []
