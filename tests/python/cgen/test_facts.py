"""What a program's preprocessor can ask of model.h, and the licence that tools read in the files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from builders.contracts import spec
from builders.generated_c import WARNINGS, Subject, run_tool, subject_of, write
from builders.networks import normal
from torchferry.bundle.contract import Classes
from torchferry.cgen import generate
from torchferry.cgen.emit.facts import licence_line
from torchferry.version import VERSION

CLASSES = Classes(output="label", names=('a "b"', "Ä??/", "c\\"))
PROGRAM = """\
#include <stdio.h>
#include "model.h"
static const size_t shape[NET_INPUT_X_RANK] = NET_INPUT_X_SHAPE;
static const char *const names[NET_CLASSES] = NET_CLASS_NAMES;
static net_input in;
static net_output out;
typedef char same_input[NET_INPUT_X_SIZE == sizeof in.x / sizeof in.x[0] ? 1 : -1];
typedef char same_output[NET_OUTPUT_SCORES_SIZE == sizeof out.scores / sizeof out.scores[0] ? 1 : -1];
typedef char same_arena[NET_ARENA_BYTES == sizeof(net_workspace) ? 1 : -1];
int main(void) {
  printf("%d %d %d %d %d %d\\n", NET_INPUTS, NET_OUTPUTS, (int)shape[0], (int)shape[1], NET_OUTPUT_LABEL_RANK, NET_OUTPUT_LABEL_SIZE);
  for (size_t i = 0; i < NET_CLASSES; ++i) {
    printf("%s\\n", names[i]);
  }
  printf("%s|%s\\n", NET_VERSION, NET_FERRY_VERSION);
  return 0;
}
"""


class Net(nn.Module):
    """Three classes of 4 x 3 numbers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.layer(x.flatten(1))
        return scores, scores.argmax(1)


@pytest.fixture(scope="module")
def net() -> Subject:
    return subject_of(Net(), (spec("x", shape=("N", 4, 3)),), ("scores", "label"), {"x": normal(4, 4, 3)}, classes=CLASSES)


@pytest.mark.parametrize("compiler", ["gcc", "g++"])
def test_the_preprocessor_knows_shapes_classes_memory_and_versions(net: Subject, compiler: str, tmp_path: Path) -> None:
    made = generate(net.program, net.contract, name="net", goldens=net.samples, metadata={"version": "1.4"})
    write(made, tmp_path)
    source = tmp_path / ("main.c" if compiler == "gcc" else "main.cpp")
    source.write_text(PROGRAM)
    flags = WARNINGS if compiler == "gcc" else ("-std=c++20", "-Wall", "-Wextra", "-Werror")
    run_tool(compiler, *flags, "-o", tmp_path / "main", source)
    printed = run_tool(tmp_path / "main").stdout.splitlines()
    assert printed == ["1 2 4 3 0 1", *CLASSES.names, f"1.4|{VERSION}"]


def test_two_tensors_whose_capitals_are_equal_keep_their_letters() -> None:
    class Sum(nn.Module):
        def forward(self, x: Tensor, X: Tensor) -> Tensor:  # noqa: N803
            return x + X

    inputs = (spec("x", shape=("N", 2)), spec("X", shape=("N", 2)))
    header = subject_of(Sum(), inputs, ("y",), {"x": normal(2, 2), "X": normal(2, 2)}).generated.files["model.h"]
    assert "#define NET_INPUT_x_SIZE 2\n" in header
    assert "#define NET_INPUT_X_SIZE 2\n" in header


@pytest.mark.parametrize("key", ["licence", "license"])
def test_the_files_name_the_licence_of_the_metadata(net: Subject, key: str) -> None:
    made = generate(net.program, net.contract, name="net", goldens=net.samples, metadata={key: "MIT OR Apache-2.0"})
    for name in ("model.c", "model.h"):
        assert made.files[name].split("\n")[1] == " * SPDX-License-Identifier: MIT OR Apache-2.0"
    assert "SPDX" not in "".join(net.generated.files.values())


def test_facts_change_no_code_that_weights_are_held_to(net: Subject) -> None:
    plain, versioned = (
        generate(net.program, net.contract, name="net", goldens=net.samples, metadata=metadata, separate_weights=True)
        for metadata in ({}, {"version": "2", "licence": "MIT"})
    )
    assert plain.weights == versioned.weights
    assert plain.files["model.h"] != versioned.files["model.h"]


@pytest.mark.parametrize(
    ("text", "is_spdx"),
    [
        ("MIT", True),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0", True),
        ("(MIT OR LicenseRef-ours) AND BSD-3-Clause", True),
        ("all rights reserved", False),
        ("MIT, see LICENSE", False),
        ("MIT */ int x;", False),
        ("(MIT", False),
        ("", False),
    ],
)
def test_only_an_expression_of_spdx_becomes_its_line(text: str, is_spdx: bool) -> None:
    assert bool(licence_line({"licence": text})) == is_spdx
