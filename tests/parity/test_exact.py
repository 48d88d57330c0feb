"""The float64 goldens, and every engine's distance to its bound, against arithmetic of 50 digits (mpmath)."""

from __future__ import annotations

from pathlib import Path

import mpmath
import numpy as np
import pytest
import torch

from torchferry.bundle.contract import Array
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.engines import Session

BUNDLE = Path(__file__).resolve().parents[2] / "exported" / "digits-mlp"
SAMPLES = 3
ROUNDING = 1e-13  # of float64 sums of a hundred terms of size 10


def numbers(array: Array) -> list[mpmath.mpf]:
    return [mpmath.mpf(float(value)) for value in np.asarray(array).ravel()]


def layer(x: list[mpmath.mpf], weight: Array, bias: Array) -> list[mpmath.mpf]:
    return [mpmath.fdot(numbers(row), x) + b for row, b in zip(weight, numbers(bias), strict=True)]


@pytest.fixture(scope="module")
def exact() -> dict[str, list[list[mpmath.mpf]]]:
    """The outputs of the first goldens, from the weights alone."""
    state = torch.export.load(BUNDLE / "model.export.pt2").state_dict
    weights = {name.removeprefix("module."): tensor.detach().numpy() for name, tensor in state.items()}
    images = read_case(open_bundle(BUNDLE), open_bundle(BUNDLE).manifest.golden.cases[0]).inputs["image"][:SAMPLES]
    found: dict[str, list[list[mpmath.mpf]]] = {"logits": [], "probabilities": []}
    with mpmath.workdps(50):
        maximum = mpmath.mpf(float(weights["preprocess.0.maximum"]))
        for image in images:
            x = [value / maximum for value in numbers(image)]
            hidden = layer(x, weights["network.hidden.weight"], weights["network.hidden.bias"])
            hidden = [1 / (1 + mpmath.exp(-value)) for value in hidden]
            logits = layer(hidden, weights["network.output.weight"], weights["network.output.bias"])
            total = mpmath.fsum(mpmath.exp(value) for value in logits)
            found["logits"].append(logits)
            found["probabilities"].append([mpmath.exp(value) / total for value in logits])
    return found


def distance(actual: Array, exact: list[list[mpmath.mpf]]) -> float:
    pairs = zip(actual[:SAMPLES].ravel(), (value for row in exact for value in row), strict=True)
    return float(max(abs(mpmath.mpf(float(value)) - wanted) for value, wanted in pairs))


@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_the_float64_reference_is_right_to_its_last_digits(output: str, exact: dict[str, list[list[mpmath.mpf]]]) -> None:
    case = read_case(open_bundle(BUNDLE), open_bundle(BUNDLE).manifest.golden.cases[0])
    assert distance(case.float64[output], exact[output]) < ROUNDING


@pytest.mark.parametrize("output", ["logits", "probabilities"])
@pytest.mark.parametrize("engine", ["eager", "torchscript", "onnxruntime"])
def test_every_engine_is_within_its_bound_of_the_exact_result(
    output: str, engine: str, exact: dict[str, list[list[mpmath.mpf]]]
) -> None:
    bundle = open_bundle(BUNDLE)
    row = bundle.manifest.tolerance(engine=engine, device="cpu", output=output, numerics="")
    case = read_case(bundle, bundle.manifest.golden.cases[0])
    actual = Session(bundle, engine).run(case.inputs)[output]
    assert row is not None
    assert 0 < distance(actual, exact[output]) <= row.bound
