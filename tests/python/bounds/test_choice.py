"""The bounds of a manifest: no engine, thread count or batch exceeds them, and they are not so wide that they say nothing."""

from __future__ import annotations

import re
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import torchferry
from builders.contracts import contract, spec
from builders.modules import MODULES, samples_for
from builders.spread import spread
from builders.trained import Trained
from torchferry.bounds.certified import certified_bounds
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.engines import Session
from torchferry.intake.reference import Reference
from torchferry.intake.source import ExportSource

WIDEST = 100  # times what is observed
ROOT = Path(__file__).resolve().parents[3]


def distances(bundle: Bundle) -> dict[str, float]:
    """The largest distance from the float64 goldens of every float output, over engines, threads, and the batch whole or one by one."""
    case = read_case(bundle, bundle.manifest.golden.cases[0])
    rows = len(next(iter(case.inputs.values())))
    found = {spec.name: 0.0 for spec in bundle.contract.outputs if spec.dtype.startswith("float")}
    engines = [artifact.engine for artifact in bundle.manifest.artifacts]
    assert {"torchscript", "onnxruntime"} <= set(engines)
    for engine, threads in product(engines, (1, 2)):
        session = Session(bundle, engine, threads=threads, allow_native=True)
        whole = session.run(case.inputs)
        single = [session.run({name: array[at : at + 1] for name, array in case.inputs.items()}) for at in range(rows)]
        for name in found:
            for actual in (whole[name], np.concatenate([outputs[name] for outputs in single])):
                found[name] = max(found[name], float(np.abs(actual - case.float64[name]).max()))
    return found


def bounds(bundle: Bundle) -> dict[str, tuple[float, str]]:
    rows = (row for row in bundle.manifest.tolerances if (row.engine, row.numerics, row.device) == ("onnxruntime", "any", "cpu"))
    return {row.output: (row.bound, row.reason.removeprefix(f"at most {row.bound!r}: ")) for row in rows}


@pytest.mark.parametrize("seed", spread([0, 1, 2], 1))
@pytest.mark.parametrize("name", spread(["convolutional", "residual", "recurrent", "attention", "normalized"], 2))
def test_an_estimated_bound_holds_and_is_at_most_100_times_what_is_observed(name: str, seed: int, tmp_path: Path) -> None:
    sample = MODULES[name]
    shapes = {key: text.split("[")[1].rstrip("]").split(",") for key, text in sample.inputs.items()}
    golden = {
        key: samples_for(tuple(int(dim) if dim.isdigit() else dim for dim in dims), "float32", seed)
        for key, dims in shapes.items()
    }
    bundle = torchferry.export(
        sample.module(seed),
        inputs=sample.inputs,
        outputs=sample.outputs,
        golden=golden,
        out=tmp_path / "bundle",
        note=lambda _: None,
    )
    for output, observed in distances(bundle).items():
        bound, reason = bounds(bundle)[output]
        assert reason.startswith(("estimated at ", "certified with probability 1 - 1e-09: ")), reason
        assert observed <= bound <= WIDEST * observed, output


@pytest.mark.parametrize("name", ["iris-adaline", "digits-mlp", "mnist-mlp"])
def test_a_bound_of_the_course_holds_and_is_at_most_100_times_what_is_observed(
    request: pytest.FixtureRequest, trained: Trained, name: str
) -> None:
    bundle = open_bundle(trained.bundle(name, request.getfixturevalue("data_root") if name == "mnist-mlp" else None))
    for output, observed in distances(bundle).items():
        bound, _ = bounds(bundle)[output]
        assert observed <= bound <= WIDEST * observed, output


def test_short_sums_keep_their_certificate() -> None:
    _, reason = bounds(open_bundle(ROOT / "exported" / "iris-adaline"))["net_input"]
    assert reason.startswith("certified")


def test_a_certificate_of_many_terms_gives_way_to_one_with_a_probability_or_to_an_estimate_that_names_it(
    trained: Trained, data_root: Path
) -> None:
    bound, reason = bounds(open_bundle(trained.bundle("mnist-mlp", data_root)))["logits"]
    assert re.match(
        rf"certified with probability 1 - 1e-09: |estimated at {bound:.3g}, since the certified [0-9.e-]+ is more than 100 times what float32 eager is off",
        reason,
    )


ACTIVATIONS = (nn.ReLU, nn.Sigmoid, nn.Tanh, nn.GELU, nn.SiLU, nn.ELU, nn.Softplus, nn.LeakyReLU)


@settings(max_examples=40, deadline=None)
@given(
    widths=st.lists(st.integers(1, 40), min_size=2, max_size=4),
    activation=st.sampled_from(ACTIVATIONS),
    softmax=st.booleans(),
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
    seed=st.integers(0, 2**16),
)
def test_no_float32_evaluation_of_a_small_net_leaves_its_certified_bound(
    widths: list[int], activation: type[nn.Module], softmax: bool, scale: float, seed: int
) -> None:
    torch.manual_seed(seed)
    layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), activation())]
    net = nn.Sequential(*layers, *([nn.Softmax(1)] if softmax else [])).eval()
    given_contract = contract((spec("x", shape=("N", widths[0])),), (spec("y", shape=("N", widths[-1])),))
    x = (scale * np.random.default_rng(seed).normal(size=(8, widths[0]))).astype(np.float32)
    exact = Reference(net, given_contract).float64({"x": x})["y"]
    bound = certified_bounds(ExportSource(net, given_contract, {"x": x}).program, given_contract, {"x": x})["y"]
    for actual in evaluations(net, x):
        assert np.abs(actual - exact).max() <= bound


def evaluations(net: nn.Sequential, x: Array) -> list[Array]:
    """Eager whole and one by one, and with the inputs of every sum in another order."""
    with torch.no_grad():
        whole = net(torch.from_numpy(x)).numpy()
        single = np.concatenate([net(torch.from_numpy(row[None])).numpy() for row in x])
        turned = torch.from_numpy(x)
        for layer in net:
            if isinstance(layer, nn.Linear):
                order = torch.randperm(layer.in_features)
                products = turned[:, order].unsqueeze(1) * layer.weight[:, order]
                turned = products.cumsum(2)[:, :, -1] + layer.bias
            else:
                turned = layer(turned)
    return [whole, single, turned.numpy()]


class Cancelling(nn.Module):
    """Scores that lose their digits before a softmax: float32 keeps 1/16 of a number beside 1e6."""

    def __init__(self, last: nn.Module) -> None:
        super().__init__()
        self.last = last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last((x + 1e6) - 1e6)


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.LogSoftmax(1)], ids=["softmax", "log_softmax"])
def test_a_certified_softmax_carries_the_error_of_its_scores(last: nn.Module) -> None:
    net = Cancelling(last).eval()
    given_contract = contract((spec("x", shape=("N", 3)),), (spec("y", shape=("N", 3)),))
    x = np.array([[0.03, 1.03, -0.97], [0.5, 0.53, 0.47]], np.float32)
    exact = Reference(net, given_contract).float64({"x": x})["y"]
    bound = certified_bounds(ExportSource(net, given_contract, {"x": x}).program, given_contract, {"x": x})["y"]
    with torch.no_grad():
        off = np.abs(net(torch.from_numpy(x)).numpy() - exact).max()
    assert off > 1e-3, "far beyond the softmax's own rounding"
    assert off <= bound < 1
