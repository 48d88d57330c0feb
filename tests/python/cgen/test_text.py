"""The printed text: digest, provenance, names, and nothing of the user's that could break out of a comment."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis.strategies import floats
from torch import nn

from builders.contracts import contract, spec
from builders.generated_c import Subject, load, quantized, run_tool, same_bits, subject_of, write
from builders.networks import dense, fork, image_net, residual
from torchferry.cgen import generate
from torchferry.cgen.emit.tables import wrap_code
from torchferry.cgen.text import decimal_float
from torchferry.intake.source import ExportSource


def test_the_comment_names_contract_layers_and_the_digest_of_what_follows() -> None:
    files = image_net(6, 5, 20, 4).generated.files
    comment, _, body = files["model.c"].partition("*/\n")
    for words in (
        "image: uint8[N,6,5]",
        "probabilities: float32[N,4]",
        "network.0: Linear 30 -> 20, sigmoid",
        "Tables ",
        "2 ULP",
    ):
        assert words in comment
    assert hashlib.sha256(body.encode()).hexdigest() in comment
    assert files["model.h"].startswith(comment)


def constant_bytes(subject: Subject, folder: Path) -> tuple[int, int]:
    """Bytes of the tables as a compiler lays them out: the model's, the self-test's."""
    run_tool("gcc", "-O0", "-c", "-o", folder / "model.o", write(subject.generated, folder))
    symbols = [line.split() for line in run_tool("nm", "-S", folder / "model.o").stdout.splitlines()]
    sizes = [(int(symbol[1], 16), "_golden_" in symbol[3]) for symbol in symbols if len(symbol) == 4 and symbol[2] == "r"]
    model, selftest = (sum(size for size, golden in sizes if golden == wanted) for wanted in (False, True))
    return model, selftest


def test_the_comment_counts_every_table_and_the_samples_apart(tmp_path: Path) -> None:
    class Offsets(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("k", torch.linspace(1, 2, 8))
            self.register_buffer("shift", torch.tensor([3, 5]))

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return (x * self.k).tanh() * self.k + self.k, (x >= self.k), x.reshape(-1, 2, 4).argmax(2) + self.shift

    samples = {"x": np.random.default_rng(0).standard_normal((9, 8)).astype(np.float32)}
    offsets = subject_of(Offsets(), (spec("x", shape=("N", 8)),), ("a", "b", "c"), samples)
    networks = [fork(), residual(), image_net(6, 5, 100, 4), dense(40, 2, 3), dense(33, 1), offsets]
    for subject in [*networks, quantized(image_net(6, 5, 100, 4)), quantized(residual())]:
        tables, selftest = constant_bytes(subject, tmp_path)
        assert subject.generated.table_bytes == tables
        leaves_out = f"({subject.generated.prefix.upper()}_NO_SELFTEST leaves them out)"
        line = f" * Tables {tables} bytes, self-test samples {selftest} bytes {leaves_out}, workspace "
        assert line in subject.generated.files["model.c"]


def test_generating_twice_gives_the_same_text() -> None:
    assert fork().generated.files == fork().generated.files


def test_provenance_cannot_end_the_comment() -> None:
    module, kinds, x = nn.Linear(2, 2).eval(), contract((spec(),), (spec("y"),)), {"x": np.zeros((2, 2), np.float32)}
    program = ExportSource(module, kinds, x).program
    text = generate(program, kinds, name="net", goldens=x, provenance="*/ int evil; /* é \\\n§").files["model.c"]
    assert "int evil" in text.partition("*/\n")[0]


def test_tensors_and_modules_may_be_named_like_our_own_helpers(tmp_path: Path) -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model_tile = nn.Linear(40, 70)
            self.columns = nn.Linear(70, 2)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return self.columns(self.model_tile(values).relu())

    samples = {"model_rows": np.ones((4, 40), np.float32)}
    subject = subject_of(Named(), (spec("model_rows", shape=("N", 40)),), ("model_vector",), samples)
    assert "float model_rows[40];" in subject.generated.files["model.h"]
    compiled = load(subject, tmp_path)
    assert np.allclose(compiled.run(samples)["model_vector"], subject.float64()["model_vector"], atol=1e-6)


def test_the_text_is_ascii_without_tabs_or_trailing_spaces() -> None:
    for subject in (fork(), residual(), image_net(6, 5, 100, 4)):
        for text in subject.generated.files.values():
            assert text.isascii()
            assert "\t" not in text
            assert not [line for line in text.splitlines() if line != line.rstrip()]
            assert max(map(len, text.splitlines())) <= 150


def test_cmake_builds_and_runs_a_program_with_the_snippet(tmp_path: Path) -> None:
    subject = image_net(6, 5, 20, 4)
    write(subject.generated, tmp_path)
    (tmp_path / "main.c").write_text(
        '#include "model.h"\nint main(void) { return image_net_selftest() == IMAGE_NET_SELFTEST_PASSED ? 0 : 1; }\n'
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(app C)\ninclude(model.cmake)\nadd_executable(app main.c)\ntarget_link_libraries(app PRIVATE image_net)\n"
    )
    run_tool("cmake", "-S", tmp_path, "-B", tmp_path / "build")
    run_tool("cmake", "--build", tmp_path / "build")
    run_tool(tmp_path / "build" / "app")


def test_two_outputs_that_are_one_value_and_an_input_as_output_are_copied(tmp_path: Path) -> None:
    class Copies(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            y = x * 2.0
            return y, y.reshape(-1, 3, 1), x, y.argmax(1), y.argmax(1)

    samples = {"x": np.array([[1, 5, 2], [7, 0, 1]], np.float32)}
    subject = subject_of(Copies(), (spec("x", shape=("N", 3)),), ("a", "b", "c", "d", "e"), samples)
    actual = load(subject, tmp_path).run(samples)
    assert same_bits(actual, {name: array.astype(actual[name].dtype) for name, array in subject.float32().items()})


@given(floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_decimal_float_has_the_same_bits(value: float) -> None:
    text = decimal_float(value)
    assert text.endswith("f")
    assert set(text) & {".", "e"}
    assert np.float32(text[:-1]).tobytes() == np.float32(value).tobytes()


def test_a_long_line_of_a_comment_is_broken_as_a_comment() -> None:
    words = " * " + "one, two " * 20 + "last"
    lines = wrap_code(words).split("\n")
    assert [line[:3] for line in lines] == [" * ", " * "]
    assert " ".join(line[3:] for line in lines) == words[3:]
    table = " *   of_a_table,          " + "x" * 120
    assert wrap_code(table) == table
    assert wrap_code("  f(" + "a, " * 60 + "a);").split("\n")[1].startswith("      a")


SYSTEM_HEADERS = ("float", "stddef", "stdint", "immintrin", "emmintrin", "arm_neon", "wasm_simd128", "arm_acle", "arm_mve")
FLOATS_BETWEEN = "but from a layer that says `to float` to the next `float to bytes`"


def test_the_comment_of_int8_says_where_this_model_has_floats() -> None:
    class Between(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(6, 5), nn.Linear(5, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(torch.softmax(self.first(x), 1))

    x = np.random.default_rng(3).standard_normal((40, 6)).astype(np.float32)
    between = quantized(subject_of(Between(), (spec("x", shape=("N", 6)),), ("y",), {"x": x}))
    plain = quantized(dense(40, 2, 3))
    for subject, holds in ((between, True), (plain, False)):
        comment = " ".join(subject.generated.files["model.h"].partition("*/")[0].replace("\n *", " ").split())
        assert (FLOATS_BETWEEN in comment) is holds
        assert ("the float32 behind the layer that says `to float` follows" in comment) is not holds
        assert "`float to bytes`" not in comment or holds


def test_no_file_of_ours_is_named_in_the_code() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 3, 3, groups=3))
    x = np.random.default_rng(3).standard_normal((40, 2, 7, 7)).astype(np.float32)
    convolutions = subject_of(layers, (spec("x", shape=("N", 2, 7, 7)),), ("y",), {"x": x})
    for subject in (convolutions, quantized(convolutions)):
        named = set(re.findall(r"\w+\.[ch]\b", subject.generated.files["model.c"]))
        assert named <= {"model.c", "model.h", *(f"{name}.h" for name in SYSTEM_HEADERS)}
