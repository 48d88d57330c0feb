"""`--io bytes` and `--io int8`: structs with bytes for the contract's floats, with what a number means in the header."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import spec
from builders.generated_c import Subject, load, run_tool, same_bits, subject_of, write
from builders.networks import normal
from builders.programs import Program
from torchferry.cgen import generate_int8, int8_graph, reference
from torchferry.cgen.ops.integer_conv2d import IntegerConv2d
from torchferry.cgen.ops.integer_linear import IntegerLinear
from torchferry.cgen.passes.byte_io import Io
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry

IOS: tuple[Io, ...] = ("bytes", "int8")
DTYPES = {"bytes": "uint8", "int8": "int8"}


class Sound(nn.Module):
    """A convolution, a product whose result is an output and is read on, and an output that stays a whole number."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.middle, self.last = nn.Conv1d(2, 6, 5), nn.Linear(6, 9), nn.Linear(9, 4)

    def forward(self, x: Tensor, gain: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        middle = self.middle(torch.relu(self.conv(x * gain.unsqueeze(2))).mean(2))
        scores = self.last(torch.tanh(middle))
        return middle, torch.softmax(scores, 1), scores.argmax(1)


@cache
def sound() -> Subject:
    torch.manual_seed(0)
    samples = {"x": normal(60, 2, 17), "gain": np.abs(normal(60, 1, seed=1)) + np.float32(0.5)}
    specs = spec("x", shape=("N", 2, 17)), spec("gain", shape=("N", 1))
    return subject_of(Sound(), specs, ("middle", "p", "label"), samples)


@cache
def with_bytes(io: Io) -> Subject:
    """The same network, as C whose structs have bytes; its contract and samples are those of the C."""
    subject = sound()
    made = generate_int8(
        subject.program, subject.contract, name="net", goldens=subject.samples, calibration=subject.samples, io=io
    )
    assert made.interface is not None
    given = made.interface.given(subject.samples)
    return replace(subject, generated=made, contract=made.interface.contract, samples=given)


@pytest.mark.parametrize("io", IOS)
def test_given_bytes_are_those_of_torchs_quantisation(io: Io) -> None:
    subject = with_bytes(io)
    assert subject.generated.interface is not None
    for name, meaning in subject.generated.interface.inputs.items():
        dtype = torch.quint8 if io == "bytes" else torch.qint8
        whole = torch.quantize_per_tensor(torch.from_numpy(sound().samples[name]), meaning.scale, meaning.zero_point, dtype)
        assert str(subject.samples[name].dtype) == DTYPES[io]
        assert np.array_equal(subject.samples[name], whole.int_repr().numpy())


@pytest.mark.parametrize("io", IOS)
def test_the_c_gives_what_its_numbers_mean(io: Io, tmp_path: Path) -> None:
    """The floats that the header makes of its answers are those of the graph between floats, and near to float64."""
    subject, interface = with_bytes(io), with_bytes(io).generated.interface
    assert interface is not None
    compiled = load(subject, tmp_path, "gcc", "-O2")
    found, exact = compiled.run(subject.samples), sound().float64()
    assert compiled.selftest() == -1
    assert same_bits(compiled.run(subject.samples, batch=True), found)
    graph = int8_graph(sound().program, sound().contract, sound().samples, 1.0, io)
    expected = dict(zip(found, reference.run(graph, sound().samples), strict=True))
    header = (tmp_path / "model.h").read_text()
    for name, meaning in interface.outputs.items():
        scale = re.search(rf"NET_OUTPUT_{name.upper()}_SCALE (\S+)f\n", header)
        zero = re.search(rf"NET_OUTPUT_{name.upper()}_ZERO_POINT \((\S+)\)\n", header)
        assert scale
        assert zero
        assert (str(found[name].dtype), int(zero[1])) == (DTYPES[io], meaning.zero_point)
        floats = (found[name].astype(np.float32) - np.float32(int(zero[1]))) * np.float32(scale[1])
        assert np.array_equal(floats, expected[name])
        assert np.abs(floats - exact[name]).max() <= 0.03 * np.abs(exact[name]).max()
    assert np.array_equal(found["label"], expected["label"])
    assert (found["label"] == exact["label"]).mean() > 0.9


SCALES = """#include <stdio.h>
#include "model.h"
int main() {
  printf("%a %a", double(NET_INPUT_X_SCALE), double(NET_OUTPUT_P_SCALE));
}
"""


@pytest.mark.parametrize("standard", ["c++11", "c++14", "c++20"])
def test_a_cpp_program_reads_the_scales_with_their_bits(standard: str, tmp_path: Path) -> None:
    interface = with_bytes("bytes").generated.interface
    assert interface is not None
    write(with_bytes("bytes").generated, tmp_path)
    (tmp_path / "main.cpp").write_text(SCALES)
    run_tool(
        "g++",
        f"-std={standard}",
        "-Wall",
        "-Wextra",
        "-pedantic-errors",
        "-Werror",
        "-o",
        tmp_path / "main",
        tmp_path / "main.cpp",
    )
    printed = [float.fromhex(text) for text in run_tool(tmp_path / "main").stdout.split()]
    assert printed == [np.float32(interface.inputs["x"].scale), np.float32(interface.outputs["p"].scale)]


def test_both_forms_have_the_same_integers() -> None:
    """Weights of each product; and what was a step from float to bytes is none."""
    whole = int8_graph(sound().program, sound().contract, sound().samples)
    products = [
        [node.weight for node in graph.nodes if isinstance(node, IntegerConv2d | IntegerLinear)]
        for graph in (whole, with_bytes("bytes").generated.graph)
    ]
    assert len(products[0]) == 3
    assert all(np.array_equal(a, b) for a, b in zip(*products, strict=True))


def test_bytes_need_a_format_in_int8() -> None:
    assert get_args(Io) == registry.IOS
    assert registry.checked_io("bytes", ["c-int8", "onnx"], option="--io") == "bytes"
    for io, names, words in (
        ("bytes", ["c"], "--io bytes applies to C in int8 only"),
        ("words", ["c-int8"], "--io: got 'words'"),
    ):
        with pytest.raises(FerryError, match=words) as refused:
            registry.checked_io(io, names, option="--io")
        assert refused.value.code == ExitCode.USAGE


NET = """\
import torch
from torch import nn

def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)).eval()
"""


@pytest.mark.slow
@pytest.mark.parametrize("io", IOS)
def test_a_bundle_with_bytes_is_verified_by_both_programs(
    io: str, ferry_here: Program, ferry_run: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"bytenet_{io}.py").write_text(NET)
    monkeypatch.syspath_prepend(str(tmp_path))
    np.save(tmp_path / "x.npy", normal(100, 12))
    arguments = [f"bytenet_{io}:net", "--input", "x=float32[N,12]", "--output", "p", "--golden", tmp_path / "x.npy", "--to", "c"]
    out = tmp_path / "out"
    done = ferry_here("export", *arguments, "--quantize", "int8", "--io", io, "--out", out)
    assert done.code == 0, done.stderr
    answers = []
    for name, program in (("python", ferry_here), ("cpp", ferry_run)):
        assert program("verify", out, "--engine", "c-int8", "--allow-native").code == ExitCode.OK
        answer = tmp_path / f"{name}.npy"
        given = ["--input", tmp_path / "x.npy", "--output", answer]
        assert program("predict", out, "--engine", "c-int8", "--allow-native", *given).code == ExitCode.OK
        answers.append(np.load(answer))
    assert len(answers) == 2
    assert answers[0].dtype == np.float32
    assert answers[0].tobytes() == answers[1].tobytes()
