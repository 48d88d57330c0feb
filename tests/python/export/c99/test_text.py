"""The printed text: digest, provenance, names, and nothing of the user's that could break out of a comment."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import nn

from builders.contracts import contract, spec
from builders.generated_c import load, run_tool, same_bits, subject_of, write
from builders.networks import fork, image_net, residual
from torchferry.export.c99 import generate
from torchferry.export.source import ExportSource


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
