"""int8 of the networks of MLPerf Tiny: nearer to float32 than ONNX Runtime's QDQ, and the bound holds for samples that nobody saw."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from builders.contracts import contract, spec
from builders.generated_c import Array
from cases.carry import CASES
from torchferry.bounds.confidence import needed_samples
from torchferry.bounds.quantized import quantized_bounds, with_headroom
from torchferry.bundle.golden import CaseArrays
from torchferry.cgen import int8_graph, reference
from torchferry.compare.tolerance import Bound
from torchferry.intake.source import ExportSource, Quantization

pytestmark = pytest.mark.skipif(not (CASES / "edge_networks.py").exists(), reason=f"{CASES} has no edge_networks.py")
CALIBRATED, FRESH = 128, 500


def _pixels(seed: int, count: int, side: int) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, side, side)).astype(np.uint8)


def _numbers(seed: int, count: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)


NETWORKS: dict[str, Callable[[int, int], dict[str, Array]]] = {
    "keyword_spotting": lambda seed, count: {"mfcc": _numbers(seed, count, 1, 49, 10)},
    "visual_wake_words": lambda seed, count: {"image": _pixels(seed, count, 96)},
    "image_classification": lambda seed, count: {"image": _pixels(seed, count, 32)},
    "anomaly_detection": lambda seed, count: {"x": _numbers(seed, count, 640) * np.float32(4) - np.float32(20)},
}
LARGE = {"visual_wake_words", "image_classification", "keyword_spotting"}
ALL = [pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE)) for name in NETWORKS]


@cache
def modules() -> dict[str, Any]:
    found = importlib.util.spec_from_file_location("edge_networks", CASES / "edge_networks.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return {name: case[0] for name, case in module.CASES.items()}


@cache
def source(name: str) -> ExportSource:
    """The network with its calibration and test data, and the headroom that these ask for."""
    calibration, test = NETWORKS[name](1, CALIBRATED), NETWORKS[name](2, needed_samples())
    ((given, array),) = calibration.items()
    y = answers(name, {given: array[:2]})
    kinds = contract((spec(given, str(array.dtype), ("N", *array.shape[1:])),), (spec("y", shape=("N", *y.shape[1:])),))
    plain = ExportSource(modules()[name], kinds, {given: array[:2]})
    return with_headroom(plain.with_quantization(Quantization(calibration=calibration, test=test)))


def answers(name: str, inputs: Mapping[str, Array]) -> Array:
    """What the network says in float32."""
    with torch.no_grad():
        return np.asarray(modules()[name](*(torch.from_numpy(array) for array in inputs.values())).numpy())


def int8_answers(name: str, inputs: Mapping[str, Array]) -> Array:
    made = source(name)
    assert made.quantization is not None
    graph = int8_graph(made.functional_program, made.contract, made.quantization.calibration, made.quantization.headroom)
    return reference.run(graph, inputs)[0]


class Reader(CalibrationDataReader):  # type: ignore[misc]  # a class without types
    """One sample of the calibration data after the other."""

    def __init__(self, inputs: Mapping[str, Array]) -> None:
        self._rows: Iterator[dict[str, Array]] = (
            {name: array[i : i + 1] for name, array in inputs.items()} for i in range(len(next(iter(inputs.values()))))
        )

    def get_next(self) -> dict[str, Array] | None:
        return next(self._rows, None)


def onnxruntime_answers(module: nn.Module, calibration: dict[str, Array], inputs: dict[str, Array], folder: Path) -> Array:
    """What ONNX Runtime's QDQ of the network says, per channel, with the softmax in float32 as ours is."""
    ((given, array),) = calibration.items()
    torch.onnx.export(
        module,
        (torch.from_numpy(array[:1]),),
        str(folder / "plain.onnx"),
        input_names=[given],
        output_names=["y"],
        dynamic_axes={given: {0: "N"}, "y": {0: "N"}},
        dynamo=False,
    )
    quant_pre_process(folder / "plain.onnx", folder / "ready.onnx")
    quantize_static(
        folder / "ready.onnx",
        folder / "int8.onnx",
        Reader(calibration),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=[
            "Conv",
            "Gemm",
            "MatMul",
            "Add",
            "Relu",
            "ReduceMean",
            "GlobalAveragePool",
            "AveragePool",
            "Flatten",
        ],
    )
    return np.asarray(onnxruntime.InferenceSession(folder / "int8.onnx").run(None, inputs)[0])


@pytest.mark.parametrize("name", ALL)
def test_the_error_is_not_above_that_of_onnxruntimes_qdq(name: str, tmp_path: Path) -> None:
    fresh = NETWORKS[name](3, FRESH)
    quantization = source(name).quantization
    assert quantization is not None
    exact = answers(name, fresh)
    theirs = onnxruntime_answers(modules()[name], dict(quantization.calibration), fresh, tmp_path)
    ours, other = (float(np.sqrt(np.mean((found - exact) ** 2))) for found in (int8_answers(name, fresh), theirs))
    assert 0 < ours <= other


@pytest.mark.parametrize("name", ALL)
def test_at_most_one_fresh_sample_in_a_hundred_exceeds_the_bound(name: str) -> None:
    made, golden = source(name), NETWORKS[name](4, 8)
    case = CaseArrays("c", golden, {"y": answers(name, golden)}, {"y": answers(name, golden).astype(np.float64)})
    bound = quantized_bounds(made, [case], {"y": Bound(1e-6, "float32 of this test")})["y"]
    fresh = NETWORKS[name](5, FRESH)
    differences = np.abs(int8_answers(name, fresh) - answers(name, fresh)).reshape(FRESH, -1).max(axis=1)
    assert differences.max() > bound.value / 20
    assert (differences > bound.value).mean() <= 0.01
