"""int8: the C gives the integers of the NumPy definition on every path, and the numbers stay close to the float model's."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from builders.contracts import contract, spec
from builders.generated_c import (
    COMPILERS,
    WARNINGS,
    Array,
    Subject,
    load,
    load_together,
    quantized,
    run_tool,
    same_bits,
    subject_of,
    write,
    write_drivers,
)
from builders.image_nets import every_image_net
from builders.networks import QUANTIZED_SUBJECTS, dense, image_net, normal, residual
from builders.spread import spread
from torchferry.cgen import generate_int8, reference
from torchferry.cgen.ops.integer_linear import IntegerLinear
from torchferry.cgen.ops.quantize import Quantize
from torchferry.cgen.passes.calibrate import CHUNK, calibrate
from torchferry.cgen.scales import Range, ToBytes, ToFloats
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.source import ExportSource
from torchferry.preprocess import Standardize, UnitScale

CPU = Path("/proc/cpuinfo").read_text()


@cache
def subjects() -> tuple[Subject, ...]:
    """All of QUANTIZED_SUBJECTS and the networks of images, with names that may stand in one file."""
    makes = (*QUANTIZED_SUBJECTS.values(), every_image_net)
    return tuple(quantized(make(), f"net{number}") for number, make in enumerate(makes))


def definition(subject: Subject, samples: dict[str, Array]) -> dict[str, Array]:
    results = reference.run(subject.generated.graph, samples)
    return {s.name: array for s, array in zip(subject.contract.outputs, results, strict=True)}


FLAGS = {
    "VNNI": ("-O3", "-march=native"),
    "AVX2": ("-O3", "-march=x86-64-v3"),
    "SSE2": ("-O2", "-march=x86-64"),
    "plain": ("-O2", "-U__SSE2__"),
    "plain -O0": ("-O0", "-U__SSE2__"),
}


@pytest.mark.slow
@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
@pytest.mark.parametrize("path", spread(FLAGS, 1))
def test_every_path_gives_the_integers_of_the_definition(path: str, compiler: str, tmp_path: Path) -> None:
    for subject, compiled in zip(subjects(), load_together(subjects(), tmp_path, compiler, *FLAGS[path]), strict=True):
        expected = definition(subject, subject.samples)
        assert same_bits(compiled.run(subject.samples), expected), subject.module
        assert same_bits(compiled.run(subject.samples, batch=True), expected), subject.module
        assert compiled.selftest() == -1, subject.module


@pytest.mark.slow
@pytest.mark.skipif("avx512_vnni" not in CPU, reason="this processor has no AVX512-VNNI, with which AVX-VNNI is emulated")
def test_the_avx_vnni_path_gives_the_integers_of_the_definition(tmp_path: Path) -> None:
    """Its two instructions, under the names that they have in AVX512-VNNI: processors with AVX-VNNI are rarer."""
    (tmp_path / "avx_vnni.h").write_text(AVX_VNNI)
    flags = ("-O3", "-march=x86-64-v4", "-mavx512vnni", "-include", str(tmp_path / "avx_vnni.h"))
    for subject, compiled in zip(subjects(), load_together(subjects(), tmp_path, "gcc", *flags), strict=True):
        assert same_bits(compiled.run(subject.samples), definition(subject, subject.samples)), subject.module


AVX_VNNI = """\
#include <immintrin.h>
#undef __AVX512VNNI__
#define __AVXVNNI__ 1
#define _mm256_dpbusd_avx_epi32 _mm256_dpbusd_epi32
#define _mm_dpbusd_avx_epi32 _mm_dpbusd_epi32
"""


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_avx_vnni_path_compiles_for_avx_vnni(compiler: str, tmp_path: Path) -> None:
    source = write(quantized(image_net(5, 7, 61, 3)).generated, tmp_path)
    run_tool(compiler, *WARNINGS, "-O3", "-march=x86-64-v3", "-mavxvnni", "-c", "-o", tmp_path / "model.o", source)
    assert "vpdpbusd" in run_tool("objdump", "-d", tmp_path / "model.o").stdout


@pytest.mark.slow
@pytest.mark.parametrize("path", spread(["VNNI", "plain"], 1))
@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
def test_sanitizers_find_nothing(compiler: str, path: str, tmp_path: Path) -> None:
    flags = [*FLAGS[path], "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    run_tool(compiler, *WARNINGS, *flags, "-o", tmp_path / "main", write_drivers(subjects(), tmp_path))
    run_tool(tmp_path / "main")


@pytest.mark.parametrize("number", range(len(QUANTIZED_SUBJECTS) + 1))
def test_outputs_stay_near_the_float_models(number: int) -> None:
    subject = subjects()[number]
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


@cache
def largest_sums() -> Subject:
    """66,000 inputs of 255 with weights of 1, and of -1."""
    module = nn.Sequential(UnitScale(1.0), nn.Flatten(), nn.Linear(66_000, 3), nn.ReLU(), nn.Linear(3, 2))
    for part in (module[2], module[4]):
        nn.init.ones_(part.weight)
        nn.init.zeros_(part.bias)
    module[2].weight.data[1] = -1.0
    images = np.stack([np.full((660, 100), 255, np.uint8), np.zeros((660, 100), np.uint8)])
    return quantized(subject_of(module, (spec("image", "uint8", ("N", 660, 100)),), ("y",), {"image": images}))


@pytest.mark.parametrize("path", spread(FLAGS, 2))
def test_the_largest_possible_sums_do_not_overflow(path: str, tmp_path: Path) -> None:
    subject = largest_sums()
    trap = ("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
    compiled = load(subject, tmp_path, "gcc", *FLAGS[path], *trap)
    assert same_bits(compiled.run(subject.samples), definition(subject, subject.samples))


def finishes(subject: Subject) -> list[type]:
    nodes = subject.generated.graph.nodes
    return [type(node.finish) if isinstance(node, IntegerLinear) else type(node) for node in nodes]


def test_a_chain_of_layers_is_integers_from_input_to_output() -> None:
    assert finishes(quantized(image_net(6, 6, 20, 4)))[:2] == [ToBytes, ToFloats]


def test_a_value_that_two_products_read_is_quantised_once() -> None:
    assert finishes(quantized(subject_of(Heads(), (spec("x", shape=("N", 6)),), ("a", "b"), {"x": normal(30, 6)}))) == [
        Quantize,
        ToBytes,
        ToFloats,
        ToFloats,
    ]


class Heads(nn.Module):
    """One hidden layer, two results."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.a, self.b = nn.Linear(6, 40), nn.Linear(40, 2), nn.Linear(40, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = torch.relu(self.hidden(x))
        return self.a(h), self.b(h)


def test_pixels_are_used_as_they_are_though_the_model_normalises_them(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 5, 5), dtype=np.uint8)
    module = nn.Sequential(
        UnitScale(255.0), nn.Flatten(), Standardize(torch.full((25,), 0.1307), torch.full((25,), 0.3081)), nn.Linear(25, 7)
    )
    subject = quantized(subject_of(module, (spec("image", "uint8", ("N", 5, 5)),), ("y",), {"image": images}))
    assert finishes(subject) == [ToFloats]
    assert np.abs(definition(subject, subject.samples)["y"] - subject.float64()["y"]).max() < 0.02
    assert same_bits(load(subject, tmp_path).run(subject.samples), definition(subject, subject.samples))


def test_a_residual_goes_through_float() -> None:
    assert {Quantize, ToFloats} <= set(finishes(quantized(residual())))


def test_one_changed_weight_changes_the_integers() -> None:
    subject = quantized(image_net(6, 6, 20, 4))
    first, *rest = subject.generated.graph.nodes
    assert isinstance(first, IntegerLinear)
    weight = first.weight.copy()
    weight[0, 0] += 40 if weight[0, 0] < 0 else -40
    changed = replace(subject.generated.graph, nodes=(replace(first, weight=weight), *rest))
    actual = reference.run(changed, subject.samples)
    assert actual[0].tobytes() != definition(subject, subject.samples)["logits"].tobytes()


def test_a_row_of_zeros_with_a_large_bias_keeps_its_bias() -> None:
    module = nn.Linear(4, 3)
    module.weight.data[1] = 0.0
    module.bias.data[1] = 1e6
    module.weight.data[2] = 1e-12
    subject = quantized(subject_of(module, (spec("x", shape=("N", 4)),), ("y",), {"x": normal(30, 4)}))
    assert np.allclose(definition(subject, subject.samples)["y"], subject.float64()["y"], rtol=1e-6, atol=0.05)


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
        ({"x": np.full((9, 6), np.nan, np.float32)}, "got NaN or infinity"),
        ({"x": np.ones((9, 5), np.float32)}, "got float32[9,5], expected float32[N,6]"),
        ({"x": np.ones((9, 6), np.float64)}, "got float64[9,6], expected float32[N,6]"),
        ({"x": normal(9, 6), "z": normal(9, 6)}, "got an input named 'z', expected only x"),
        ({"x": np.zeros((0, 6), np.float32)}, "got no data"),
        ({"x": np.full((9, 6), 2.5, np.float32)}, "got the constant 2.5"),
    ],
)
def test_missing_or_constant_calibration_data_are_refused(calibration: dict[str, Array], words: str) -> None:
    error = refusal(nn.Linear(6, 3), calibration)
    assert error.code == ExitCode.BAD_INPUT
    assert words in str(error)


def test_calibration_data_on_which_a_layer_overflows_are_refused() -> None:
    module = nn.Linear(6, 3)
    nn.init.ones_(module.weight)
    error = refusal(module, {"x": np.array([[1e38] * 6, [0] * 6], np.float32)})
    assert error.code == ExitCode.BAD_INPUT
    assert "got NaN or infinity inside the network" in str(error)


def test_a_product_too_long_for_32_bits_is_refused() -> None:
    module = nn.Linear(70_000, 1)
    nn.init.ones_(module.weight)
    error = refusal(module, {"x": normal(4, 70_000)})
    assert error.code == ExitCode.FORMAT
    assert "got 70000 inputs with sums up to" in str(error)


class Gamma(nn.Module):
    """What C does not have."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.lgamma(x)


def test_an_operator_that_c_does_not_have_is_refused() -> None:
    error = refusal(nn.Sequential(nn.Linear(6, 6), Gamma()), {"x": normal(9, 6)})
    assert error.code == ExitCode.FORMAT
    assert "operator" in str(error)


def test_a_graph_without_products_is_refused() -> None:
    assert "got no Linear layer" in str(refusal(nn.ReLU(), {"x": normal(4, 6)}))


def refusal(module: nn.Module, calibration: dict[str, Array]) -> FerryError:
    width, outputs = (module.in_features, module.out_features) if isinstance(module, nn.Linear) else (6, 6)
    kinds = contract((spec("x", shape=("N", width)),), (spec("y", shape=("N", outputs)),))
    program = ExportSource(module.eval(), kinds, {"x": normal(4, width)}).program
    with pytest.raises(FerryError) as caught:
        generate_int8(program, kinds, name="net", goldens={"x": normal(4, width)}, calibration=calibration)
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_ranges_of_calibration_are_those_of_all_its_samples() -> None:
    samples = normal(CHUNK + 10, 5)
    samples[0, 0], samples[1, 0] = 100.0, -200.0  # in the first chunk only
    subject = subject_of(nn.Linear(5, 4), (spec("x", shape=("N", 5)),), ("y",), {"x": samples})
    graph = subject.generated.graph
    assert calibrate(graph, subject.contract, {"x": samples})[graph.inputs[0]] == Range(-200.0, 100.0)
