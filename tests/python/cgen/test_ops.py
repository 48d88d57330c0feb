"""One operator, one file: files are found by their place, shared code knows none of them, and an addition touches nothing else."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import torchferry
from torchferry.cgen import ops
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import Operator
from torchferry.cgen.ops.elementwise import OPERATORS

PACKAGE = Path(torchferry.__file__).parent
CGEN = PACKAGE / "cgen"
SHARED = [path for path in sorted(CGEN.rglob("*.py")) if path.parent.name in ("emit", "passes", "cgen")]
# What the pass to int8 makes itself: bytes of floats stand for no ATen operator.
MADE_BY_PASSES = {
    *(("passes/quantize.py", f"torchferry.cgen.ops.{name}") for name in ("quantize", "integer_sum", "byte_function")),
    *(
        ("passes/byte_io.py", f"torchferry.cgen.ops.{name}") for name in ("quantize", "arithmetic")
    ),  # bytes to the contract's floats
    ("passes/grids.py", "torchferry.cgen.ops.fake_quantize"),  # scale, round, clamp and scale together
    ("capture.py", "torchferry.cgen.ops"),
}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.relative_to(CGEN).as_posix())
def test_shared_code_imports_no_operator(path: Path) -> None:
    found = {(path.relative_to(CGEN).as_posix(), name) for name in imported(path) if name.startswith("torchferry.cgen.ops")}
    assert found <= MADE_BY_PASSES


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.relative_to(CGEN).as_posix())
def test_shared_code_compares_with_no_operators_name(path: Path) -> None:
    functions = {word for operator in ops.operators() for name in operator.aten for word in (name, *name.split(".")[1:2])}
    tree = ast.parse(path.read_text())
    compared = [part for node in ast.walk(tree) if isinstance(node, ast.Compare) for part in (node.left, *node.comparators)]
    assert not [part.value for part in compared if isinstance(part, ast.Constant) and part.value in functions]


def test_two_operators_for_one_aten_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "operators", lambda: iter([*OPERATORS, OPERATORS[0]]))
    ops.lowerings.cache_clear()
    try:
        with pytest.raises(ValueError, match=r"aten\.relu\.default: got two operators"):
            ops.lowerings()
    finally:
        ops.lowerings.cache_clear()


def test_every_row_is_an_operator() -> None:
    assert all(isinstance(operator, Operator) for operator in ops.operators())
    assert len(ops.lowerings()) > 70


SINH = '''"""(e^x - e^-x) / 2."""

import numpy as np

from torchferry.cgen.elementary import exp
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import unary

SINH = Elementwise("sinh", "model_sinh({0})", lambda x: (exp(x) - exp(-x)) * np.float32(0.5), ("sinh",))
OPERATORS = (unary(SINH, "aten.sinh.default", words=("sinh",)),)
'''
SINH_C = """\
#ifndef MODEL_KERNEL_SINH
#define MODEL_KERNEL_SINH

#include "exp.c"

MODEL_INLINE float model_sinh(const float x) { return (model_exp(x) - model_exp(-x)) * 0.5f; }

#endif
"""
# One row in the list of elementwise functions, with an expression in place of a kernel.
ROW = '    unary(Elementwise("positive", "+{0}", np.positive), "aten.positive.default", words=("positive",)),\n'
TRY = """
import sys
from dataclasses import dataclass
from pathlib import Path
import numpy as np, torch
from torch import nn
from builders.contracts import spec
from builders.generated_c import load, same_bits, subject_of
from torchferry.cgen import reference
class Net(nn.Module):
    def forward(self, x):
        return FUNCTION
samples = {"x": np.linspace(-3, 3, 40, dtype=np.float32).reshape(8, 5)}
subject = subject_of(Net(), (spec("x", shape=("N", 5)),), ("y",), samples)
actual = load(subject, Path(sys.argv[1])).run(samples)
assert same_bits(actual, {"y": reference.run(subject.generated.graph, samples)[0]})
assert np.abs(actual["y"] - subject.float64()["y"]).max() <= 1e-5
print("the bits of the definition")
"""


def copied_package(folder: Path) -> Path:
    shutil.copytree(PACKAGE, folder / "torchferry", ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "torchferry" / "cgen"


def tried(folder: Path, function: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    command = [sys.executable, "-c", TRY.replace("FUNCTION", function), str(folder / "c")]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_an_operator_is_one_file_and_its_kernel(tmp_path: Path) -> None:
    cgen = copied_package(tmp_path)
    assert "operator aten.sinh.default" in tried(tmp_path, "torch.sinh(x) + 1").stderr
    (cgen / "ops" / "sinh.py").write_text(SINH)
    (cgen / "kernels" / "sinh.c").write_text(SINH_C)
    done = tried(tmp_path, "torch.sinh(x) + 1")
    assert "the bits of the definition" in done.stdout, done.stderr


@pytest.mark.slow
def test_an_elementwise_function_is_one_row(tmp_path: Path) -> None:
    rows = copied_package(tmp_path) / "ops" / "elementwise.py"
    text = rows.read_text()
    rows.write_text(text.replace("OPERATORS = (\n", f"OPERATORS = (\n{ROW}"))
    done = tried(tmp_path, "torch.positive(x) * 2")
    assert "the bits of the definition" in done.stdout, done.stderr


@dataclass(frozen=True)
class NewMember:
    """A member more of a closed set: the line of a file that gets it, its name in mypy's words, and the places that need it."""

    path: str
    before: str
    after: str
    name: str
    places: dict[str, int]


NEW_MEMBERS = [
    NewMember(
        "values.py",
        'DType = Literal["float32", "int64", "int32", "int16", "int8", "uint8", "bool"]',
        'DType = Literal["float32", "int64", "int32", "int16", "int8", "uint8", "bool", "uint16"]',
        "\"Literal['uint16']\"",
        {"cgen/target.py": 3, "cgen/text.py": 1, "cgen/emit/plan.py": 1},
    ),
    NewMember(
        "target.py",
        'Area = Literal["integers", "floats", "sums", "bytes"]',
        'Area = Literal["integers", "floats", "sums", "bytes", "halves"]',
        "\"Literal['halves']\"",
        {"cgen/emit/plan.py": 2},
    ),
    NewMember(
        "scales.py", "Finish = ToBytes | ToFloats", "Finish = ToBytes | ToFloats | Bytes", '"Bytes"', {"cgen/scales.py": 5}
    ),
]


@pytest.mark.slow
def test_mypy_names_every_place_that_a_new_member_of_a_closed_set_needs(tmp_path: Path) -> None:
    """One run of mypy sees them all: the message names the member."""
    cgen = copied_package(tmp_path)
    for member in NEW_MEMBERS:
        text = (cgen / member.path).read_text()
        assert member.before in text
        (cgen / member.path).write_text(text.replace(member.before, member.after))
    options = ["--strict", "--explicit-package-bases", "--ignore-missing-imports", "--cache-dir", str(tmp_path / "cache")]
    files = [str(cgen / name) for name in ("target.py", "text.py", "scales.py", "emit/plan.py")]
    command = [sys.executable, "-m", "mypy", *options, "--follow-imports=silent", *files]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "MYPYPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    for member in NEW_MEMBERS:
        lines = [line for line in done.stdout.splitlines() if 'to "assert_never"' in line and member.name in line]
        found = {name: sum(line.startswith(f"torchferry/{name}") for line in lines) for name in member.places}
        assert found == member.places, done.stdout
        assert len(lines) == sum(found.values()), done.stdout


def test_the_words_for_what_c_can_express_come_from_the_files() -> None:
    assert {"Linear", "softmax", "BatchNorm in eval mode", "Flatten"} <= set(ops.words())
    assert Elementwise("f", "{0}", abs).uses == ()
