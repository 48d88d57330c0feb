"""int8: the C gives the integers of the NumPy definition on every path, and the numbers stay close to the float model's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from builders.contracts import contract, spec
from builders.generated_c import COMPILERS, Array, Subject, load, quantized, same_bits
from builders.networks import deep, dense, image_net, normal, residual, standardized
from torchferry.errors import ExitCode, FerryError
from torchferry.export.c99 import generate_int8, reference
from torchferry.export.c99.ir import Dequantize, IntegerLinear, Lookup, Quantize
from torchferry.export.source import ExportSource

SUBJECTS: dict[str, Callable[[], Subject]] = {
    "bytes": lambda: image_net(28, 28, 100),
    "bytes, odd": lambda: image_net(5, 7, 61, 3, activation=nn.ReLU()),
    "bytes, one hidden unit": lambda: image_net(3, 3, 1, 2, activation=nn.GELU()),
    "floats with negative activations": lambda: dense(13, 17, 19, 5, activation=nn.Tanh),
    "one number to one number": lambda: dense(1, 1),
    "wider than a panel": lambda: dense(20, 129, 300, 144, 16, 7, activation=nn.SiLU),
    "residual and gate": residual,
    "standardized": lambda: standardized(6, 4),
    "deep with batch norm": lambda: deep(depth=4),
}


@pytest.fixture(scope="module", params=SUBJECTS)
def subject(request: pytest.FixtureRequest) -> Subject:
    return quantized(SUBJECTS[request.param]())


def definition(subject: Subject, samples: dict[str, Array]) -> dict[str, Array]:
    results = reference.run(subject.generated.graph, samples)
    return {s.name: array for s, array in zip(subject.contract.outputs, results, strict=True)}


@pytest.mark.parametrize(
    "flags", [("-O3", "-march=native"), ("-O2",), ("-O0",), ("-O3", "-march=x86-64-v3", "-mavxvnni")], ids=" ".join
)
def test_every_path_gives_the_integers_of_the_definition(subject: Subject, flags: tuple[str, ...], tmp_path: Path) -> None:
    if "-mavxvnni" in flags and "avx_vnni" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this processor has no AVX-VNNI")
    expected = definition(subject, subject.samples)
    for compiler in COMPILERS if "-O3" in flags else COMPILERS[:1]:
        compiled = load(subject, tmp_path, compiler, *flags)
        assert same_bits(compiled.run(subject.samples), expected)
        assert same_bits(compiled.run(subject.samples, batch=True), expected)
        assert compiled.selftest() == -1


def test_outputs_stay_near_the_float_models(subject: Subject) -> None:
    actual, exact = definition(subject, subject.samples), subject.float64()
    for s in subject.contract.outputs:
        if s.dtype == "float32":
            spread = exact[s.name].max() - exact[s.name].min()
            assert np.abs(actual[s.name] - exact[s.name]).max() <= 0.06 * max(spread, 0.1), s.name


def test_inputs_far_outside_the_calibration_saturate(tmp_path: Path) -> None:
    subject = quantized(dense(13, 17, 5, activation=nn.Tanh))
    rng = np.random.default_rng(0)
    wild = rng.choice(np.array([1e30, -1e30, np.nan, np.inf, -np.inf, 0, 1e-40, 5], np.float32), (200, 13))
    assert same_bits(load(subject, tmp_path, "gcc", "-O3", "-march=native").run({"x": wild}), definition(subject, {"x": wild}))


def test_the_largest_possible_sums_do_not_overflow(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(4000, 3), nn.ReLU(), nn.Linear(3, 2))
    for part in (module[1], module[3]):
        part.weight.data.fill_(1.0)
    module[1].weight.data[1] = -1.0
    images = np.stack([np.full((40, 100), 255, np.uint8), np.zeros((40, 100), np.uint8)])
    from builders.generated_c import subject_of

    subject = quantized(subject_of(module, (spec("image", "uint8", ("N", 40, 100)),), ("y",), {"image": images}))
    expected = definition(subject, subject.samples)
    assert same_bits(load(subject, tmp_path, "gcc", "-O3", "-march=native").run(subject.samples), expected)
    assert same_bits(load(subject, tmp_path, "gcc", "-O1").run(subject.samples), expected)


def test_a_chain_of_layers_is_integers_from_input_to_output() -> None:
    kinds = [type(node) for node in quantized(image_net(6, 6, 20, 4)).generated.graph.nodes[:4]]
    assert kinds == [IntegerLinear, Lookup, IntegerLinear, Dequantize]


def test_a_residual_goes_through_float() -> None:
    kinds = {type(node) for node in quantized(residual()).generated.graph.nodes}
    assert {IntegerLinear, Dequantize, Quantize} <= kinds


def test_tables_of_784_100_10_fit_82_kilobytes() -> None:
    assert quantized(image_net(28, 28, 100)).generated.table_bytes <= 82_000


def test_accuracy_on_the_test_digits_falls_by_at_most_a_tenth_of_a_point(data_root: Path) -> None:
    raw = data_root / "MNIST" / "raw"
    images = np.fromfile(raw / "train-images-idx3-ubyte", np.uint8, offset=16, count=12_000 * 784).reshape(-1, 28, 28)
    labels = torch.from_numpy(np.fromfile(raw / "train-labels-idx1-ubyte", np.uint8, offset=8, count=12_000).astype(np.int64))
    subject = image_net(28, 28, 100, images=images[:1000])
    inputs = torch.from_numpy(images.copy())
    optimizer = torch.optim.Adam(subject.module.parameters(), 2e-3)
    for _ in range(3):
        for index in torch.arange(len(labels)).split(100):
            optimizer.zero_grad()
            nn.functional.cross_entropy(subject.module(inputs[index])[0], labels[index]).backward()
            optimizer.step()
    made = quantized(subject)
    test_images = np.fromfile(raw / "t10k-images-idx3-ubyte", np.uint8, offset=16).reshape(-1, 28, 28)
    truth = np.fromfile(raw / "t10k-labels-idx1-ubyte", np.uint8, offset=8)
    with torch.no_grad():
        float_accuracy = float((subject.module(torch.from_numpy(test_images.copy()))[2].numpy() == truth).mean())
    int8_accuracy = float((definition(made, {"image": test_images})["label"] == truth).mean())
    assert float_accuracy > 0.9
    assert int8_accuracy >= float_accuracy - 0.001


@pytest.mark.parametrize(
    ("calibration", "words"),
    [
        ({}, "got no data"),
        ({"x": np.zeros((0, 6), np.float32)}, "got no data"),
        ({"x": np.full((9, 6), 2.5, np.float32)}, "got the constant 2.5"),
    ],
)
def test_missing_or_constant_calibration_data_are_refused(calibration: dict[str, Array], words: str) -> None:
    error = refusal(nn.Linear(6, 3), calibration)
    assert error.code == ExitCode.BAD_INPUT
    assert words in str(error)


def test_a_product_too_long_for_32_bits_is_refused() -> None:
    error = refusal(nn.Linear(60_001, 1), {"x": normal(4, 60_001)})
    assert error.code == ExitCode.FORMAT
    assert "60001 inputs, expected at most 60000" in str(error)


def test_a_graph_without_products_is_refused() -> None:
    assert "got no Linear layer" in str(refusal(nn.ReLU(), {"x": normal(4, 6)}))


def refusal(module: nn.Module, calibration: dict[str, Array]) -> FerryError:
    width = module.in_features if isinstance(module, nn.Linear) else 6
    outputs = module.out_features if isinstance(module, nn.Linear) else 6
    kinds = contract((spec("x", shape=("N", width)),), (spec("y", shape=("N", outputs)),))
    program = ExportSource(module.eval(), kinds, {"x": normal(4, width)}).program
    with pytest.raises(FerryError) as caught:
        generate_int8(program, kinds, name="net", goldens={"x": normal(4, width)}, calibration=calibration)
    assert "\n" not in str(caught.value)
    return caught.value
