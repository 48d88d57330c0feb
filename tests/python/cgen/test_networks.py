"""Generated C against the NumPy definition (equal bits) and against float64 eager (inside the certified bound)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from builders import contracts
from builders.generated_c import COMPILERS, Array, Subject, load, same_bits, subject_of
from builders.networks import FLOAT_SUBJECTS, dense, fork, image_net, residual
from builders.spread import spread
from torchferry.bounds.choice import output_bounds
from torchferry.bundle.golden import CaseArrays
from torchferry.cgen import reference
from torchferry.intake.source import ExportSource

Samples = dict[str, Array]


def definition(subject: Subject, samples: Samples | None = None) -> Samples:
    """What the C must give, by output name."""
    results = reference.run(subject.generated.graph, samples or subject.samples)
    return {spec.name: array for spec, array in zip(subject.contract.outputs, results, strict=True)}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.slow] * (name == "1000 wide")) for name in FLOAT_SUBJECTS],
)
def subject(request: pytest.FixtureRequest) -> Subject:
    return FLOAT_SUBJECTS[request.param]()


@pytest.fixture(scope="module")
def varied() -> list[Subject]:
    """What the flags are tried on: every operator, bytes, panels of several widths, residuals."""
    return [fork(), image_net(11, 9, 117), dense(70, 33, 200, 2), residual()]


@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
def test_c_gives_the_bits_of_the_definition_alone_and_in_batches(subject: Subject, compiler: str, tmp_path: Path) -> None:
    compiled = load(subject, tmp_path, compiler, "-O3", "-march=native")
    expected = definition(subject)
    assert same_bits(compiled.run(subject.samples), expected)
    assert same_bits(compiled.run(subject.samples, batch=True), expected)
    assert compiled.selftest() == -1


@pytest.mark.parametrize("flags", [("-O0",), ("-O1", "-mno-sse3"), ("-O2", "-march=x86-64-v3"), ("-Os",)], ids=" ".join)
def test_optimisation_and_vector_width_change_no_bit(varied: list[Subject], flags: tuple[str, ...], tmp_path: Path) -> None:
    for subject in varied:
        expected = definition(subject)
        compiled = load(subject, tmp_path / subject.generated.prefix, "gcc", *flags)
        assert same_bits(compiled.run(subject.samples), expected)
        assert same_bits(compiled.run(subject.samples, batch=True), expected)


def test_outputs_lie_inside_the_bound_of_their_bundle(subject: Subject) -> None:
    actual = reference.run(subject.generated.graph, subject.samples)
    float32, float64 = subject.float32(), subject.float64()
    source = ExportSource(subject.module, subject.contract, {key: array[:4] for key, array in subject.samples.items()})
    bounds = output_bounds(source, [CaseArrays("all", subject.samples, float32, float64)])
    for spec, array in zip(subject.contract.outputs, actual, strict=True):
        if spec.dtype == "float32":
            bound = bounds[spec.name].value
            assert np.abs(array - float64[spec.name]).max() <= bound, spec.name
        else:
            assert (array == float64[spec.name]).all(), spec.name


@pytest.mark.parametrize("count", spread([1, 2, 3, 4, 5, 9], 3))
def test_a_batch_of_any_size_gives_the_bits_of_single_calls(count: int, tmp_path: Path) -> None:
    subject = image_net(8, 8, 100)
    compiled = load(subject, tmp_path)
    samples = {"image": subject.samples["image"][:count]}
    assert same_bits(compiled.run(samples, batch=True), compiled.run(samples))


@pytest.mark.parametrize("seed", spread(range(12), 3))
def test_random_networks_give_the_bits_of_the_definition(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    widths = [int(w) for w in rng.choice([1, 2, 3, 4, 5, 8, 12, 16, 17, 31, 32, 33, 48, 63, 65, 100, 150], rng.integers(2, 6))]
    activation = [nn.ReLU, nn.Tanh, nn.GELU, nn.Hardswish, nn.ELU][seed % 5]
    subject = dense(*widths, activation=activation, seed=seed)
    expected = definition(subject)
    for flags in (("-O3", "-march=native"), ("-O2",)):
        compiled = load(subject, tmp_path, COMPILERS[seed % len(COMPILERS)], *flags)
        assert same_bits(compiled.run(subject.samples), expected), widths
        assert same_bits(compiled.run(subject.samples, batch=True), expected), widths


def test_special_numbers_come_out_as_the_definition_says(tmp_path: Path) -> None:
    subject = fork()
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-40, 3.4e38, -3.4e38, 88.8, -104.0, 1e-3], np.float32)
    rng = np.random.default_rng(1)
    samples = {"x": rng.choice(special, (300, 7))}
    expected = definition(subject, samples)
    for compiler in COMPILERS:
        compiled = load(subject, tmp_path, compiler, "-O3", "-march=native")
        assert same_bits(compiled.run(samples), expected)


def test_of_limits_in_the_wrong_order_the_upper_one_counts_as_in_eager(tmp_path: Path) -> None:
    class Crossed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.clamp(3.0, 1.0)

    samples = {"x": np.array([[0, 1, 2], [3, 4, -1]], np.float32)}
    subject = subject_of(Crossed(), (contracts.spec("x", shape=("N", 3)),), ("y",), samples)
    assert same_bits(load(subject, tmp_path).run(samples), subject.float32())


def test_nan_and_infinity_behave_as_in_eager(tmp_path: Path) -> None:
    subject = fork()
    rows = np.array([[np.nan, 1, 2, 3, 4, 5, 6], [np.inf, 1, 2, 3, 4, 5, 6], [-np.inf, 1, 2, 3, 4, 5, 6]], np.float32)
    actual = load(subject, tmp_path).run({"x": rows})
    with torch.no_grad():
        eager = subject.module(torch.from_numpy(rows))
    for spec, result in zip(subject.contract.outputs, eager, strict=True):
        if spec.dtype != "float32" or spec.name.startswith(
            "gelu"
        ):  # GELU of -inf is NaN or -0 in torch, by the length of the tensor
            continue
        got, want = actual[spec.name], result.numpy()
        assert (np.isnan(got) == np.isnan(want)).all(), spec.name
        assert (np.isposinf(got) == np.isposinf(want)).all(), spec.name


def test_the_labels_of_all_test_digits_are_eagers(data_root: Path, tmp_path: Path) -> None:
    raw = np.fromfile(data_root / "MNIST/raw/t10k-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 28, 28)
    subject = image_net(28, 28, 100, images=raw)
    actual = load(subject, tmp_path, "gcc", "-O3", "-march=native").run(subject.samples, batch=True)
    assert (actual["label"] == subject.float64()["label"]).all()
