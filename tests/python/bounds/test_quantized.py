"""The bounds of int8: a tolerance limit of samples that it was not calibrated on, refused where they would pass any model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from builders.contracts import contract, spec
from builders.spread import spread
from torchferry.bounds.quantized import fresh_samples, quantized_bounds, with_headroom
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import CaseArrays
from torchferry.cgen import int8_graph, reference
from torchferry.compare.tolerance import Bound
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.streamed import stream_cases
from torchferry.intake.golden_cases import GoldenInputs
from torchferry.intake.source import ExportSource, Quantization

CONTRACT = contract((spec("x", shape=("N", 8)),), (spec("y", shape=("N", 3)),))
X = np.random.default_rng(4).normal(size=(64, 8)).astype(np.float32)
FLOAT32 = Bound(1e-6, "a test")


def network() -> nn.Module:
    torch.manual_seed(4)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3)).eval()


def case_of(net: nn.Module, share: float = 1.0) -> CaseArrays:
    """The answers for X; with `share` the goldens are of a model whose outputs are so much smaller."""
    with torch.no_grad():
        y = net(torch.from_numpy(X)).numpy() * np.float32(share)
    return CaseArrays("c", {"x": X}, {"y": y}, {"y": y.astype(np.float64)})


def fresh(count: int, seed: int) -> dict[str, Array]:
    return {"x": np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)}


def quantized(calibration: dict[str, Array], test: dict[str, Array] | None, labels: Array | None = None) -> ExportSource:
    return ExportSource(network(), CONTRACT, {"x": X}, quantization=Quantization(calibration, test, labels))


def differences(source: ExportSource, samples: dict[str, Array]) -> Array:
    """The largest difference between int8 and eager in float32, by sample."""
    assert source.quantization is not None
    graph = int8_graph(source.functional_program, CONTRACT, source.quantization.calibration, source.quantization.headroom)
    (answer,) = reference.run(graph, samples)
    with torch.no_grad():
        return np.abs(answer.astype(np.float64) - source.module(torch.from_numpy(samples["x"])).double().numpy()).max(1)


def test_a_bound_is_the_largest_difference_of_enough_test_samples_and_what_float32_may_be_off() -> None:
    source = quantized({"x": X}, fresh(459, 1))
    assert source.quantization is not None
    assert source.quantization.test is not None
    seen = differences(source, source.quantization.test).max()
    found = quantized_bounds(source, [], {"y": FLOAT32})["y"]
    assert found.value == pytest.approx(seen + FLOAT32.value, abs=1e-6)
    assert "459 test samples" in found.reason
    assert "with a confidence of 99 % at most 1 % of such samples differ by more" in found.reason


def test_a_bound_of_too_few_test_samples_is_twice_that_and_says_what_they_tell() -> None:
    source = quantized({"x": X}, fresh(458, 1))
    assert source.quantization is not None
    assert source.quantization.test is not None
    found = quantized_bounds(source, [], {"y": FLOAT32})["y"]
    assert found.value == pytest.approx(2 * differences(source, source.quantization.test).max() + FLOAT32.value, abs=2e-6)
    assert "allowed is twice that, for 459 test samples would say it of 1 %" in found.reason


def test_without_a_test_sample_the_reason_says_that_nothing_is_known_of_others() -> None:
    found = quantized_bounds(quantized({"x": X}, None), [case_of(network())], {"y": FLOAT32})["y"]
    assert "on the goldens and 0 test samples that it was not calibrated on: of other samples nothing is known" in found.reason


def test_what_is_not_in_the_calibration_is_a_test_sample_and_nothing_else() -> None:
    test = {"x": np.concatenate([X[:10], fresh(3, 2)["x"]])}
    found = fresh_samples(Quantization({"x": X}, test))
    assert found is not None
    np.testing.assert_array_equal(found["x"], fresh(3, 2)["x"])


def test_a_sample_that_is_there_twice_is_one_test_sample() -> None:
    """Copies would be counted as evidence, and a confidence stated that nothing supports."""
    once = fresh(3, 2)["x"]
    found = fresh_samples(Quantization({"x": X}, {"x": np.concatenate([once, once[::-1], once])}))
    assert found is not None
    np.testing.assert_array_equal(found["x"], once)


def test_a_test_on_the_calibration_data_is_refused() -> None:
    with pytest.raises(FerryError, match="got all 64 test samples among the calibration data, expected others") as caught:
        quantized_bounds(quantized({"x": X}, {"x": X[::-1].copy()}), [], {"y": FLOAT32})
    assert caught.value.code == ExitCode.BAD_INPUT


def test_goldens_are_divided_between_calibration_and_test() -> None:
    found = Quantization.of_samples({"x": X})
    assert found.test is not None
    assert len(found.calibration["x"]) == len(found.test["x"]) == 32
    assert len(np.unique(np.concatenate([found.calibration["x"], found.test["x"]]), axis=0)) == 64
    assert Quantization.of_samples({"x": X[:1]}).test is None


@pytest.mark.parametrize("seed", spread(range(5), 1))
def test_at_most_one_fresh_sample_in_a_hundred_exceeds(seed: int) -> None:
    source = with_headroom(quantized(fresh(512, 10 + seed), fresh(600, 20 + seed)))
    bound = quantized_bounds(source, [], {"y": FLOAT32})["y"].value
    assert (differences(source, fresh(5000, 30 + seed)) > bound).mean() <= 0.01


def test_few_samples_get_headroom_and_come_nearer_on_fresh_ones() -> None:
    plain = quantized({"x": X[:16]}, None)
    source = with_headroom(plain)
    assert source.quantization is not None
    assert source.quantization.headroom > 1
    assert differences(source, fresh(2000, 3)).max() < differences(plain, fresh(2000, 3)).max()


def test_calibration_data_of_one_sample_get_the_headroom_of_what_is_not_known() -> None:
    source = with_headroom(quantized({"x": X[:1]}, None))
    assert source.quantization is not None
    assert source.quantization.headroom == 1.25


def test_a_bound_that_would_pass_any_model_is_refused() -> None:
    source = quantized({"x": X}, None)
    with pytest.raises(FerryError, match="a larger one would pass any model") as caught:
        quantized_bounds(source, [case_of(network(), share=0.02)], {"y": FLOAT32})
    assert caught.value.code == ExitCode.MISMATCH


class Sum(nn.Module):
    """Adds what a layer says to what it said before, and so what int8 is off by."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 8)

    def forward(self, x: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
        return total + self.layer(x)


def test_errors_that_add_up_over_the_steps_of_a_stream_are_in_the_bound() -> None:
    """Each form is called 8 times here, with a state of its own."""
    torch.manual_seed(4)
    rng = np.random.default_rng(6)

    def drawn(count: int) -> dict[str, Array]:
        shapes = {"x": (0, 1, 3), "total": (-8, 8, 8)}
        return {name: rng.uniform(low, high, (count, n)).astype(np.float32) for name, (low, high, n) in shapes.items()}

    given = contract((spec("x", shape=("N", 3)), spec("total", shape=("N", 8))), (spec("next", shape=("N", 8)),))
    with_state = given.model_copy(update={"state": {"total": "next"}})
    source = ExportSource(Sum().eval(), with_state, drawn(64), quantization=Quantization(drawn(256), drawn(500)))
    steps, bounds = stream_cases(source, GoldenInputs(source.examples, "real", ""), {"next": FLOAT32})
    assert source.quantization is not None
    graph = int8_graph(source.functional_program, with_state, source.quantization.calibration, source.quantization.headroom)
    int8 = float32 = np.zeros((4, 8), np.float32)
    apart = []
    for case in steps:
        (int8,) = reference.run(graph, {"x": case.inputs["x"], "total": int8})
        with torch.no_grad():
            float32 = source.module(torch.tensor(case.inputs["x"]), torch.tensor(float32)).numpy()
        apart.append(float(np.abs(int8.astype(np.float64) - float32).max()))
    single = quantized_bounds(source, [], bounds)["next"].value
    found = quantized_bounds(source, steps, bounds)["next"]
    assert len(apart) == 8
    assert max(apart) > 2 * single, "single calls say too little"
    assert max(apart) <= found.value
