"""The door of the .pte, in both languages: indexes, sizes and a delegate's blob that lie, each in an otherwise honest program."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest

from builders.programs import BUILD
from builders.zoo import Zoo
from hostile.test_pte_mutants import mutant
from torchferry.engines import pte_schema
from torchferry.engines.pte_door import check_program
from torchferry.errors import FerryError

ROOT = Path(__file__).resolve().parents[2]
FILE = "model.pte"
DOOR = BUILD / "tests" / "bin" / "ferry-door"


@pytest.fixture(scope="module", params=["classifier", "mixed"])
def program(request: pytest.FixtureRequest, zoo: Zoo) -> bytes:
    found = zoo.bundle(request.param, "executorch")
    if found is None:
        pytest.skip("ExecuTorch is not installed: pip install -e .[executorch]")
    return (found / FILE).read_bytes()


def in_python(data: bytes) -> str:
    try:
        check_program(FILE, data)
    except FerryError as error:
        return f"error: {error}\n"
    return ""


def in_cpp(path: Path) -> str:
    done = subprocess.run([DOOR, "pte", path], capture_output=True, check=False)
    assert done.returncode in (0, 3)
    return done.stderr.decode("latin-1")


def test_honest_programs_pass(program: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(program)
    assert in_python(program) == in_cpp(tmp_path / FILE) == ""


def test_both_languages_refuse_the_same_mutants_for_the_same_reason(program: bytes, tmp_path: Path) -> None:
    reasons = set()
    for seed in range(300):
        data = mutant(program, random.Random(seed))
        (tmp_path / FILE).write_bytes(data)
        assert in_python(data) == in_cpp(tmp_path / FILE), f"seed {seed}"
        reasons.add(re.sub(r"[0-9]+", "N", in_python(data)))
    assert len(reasons) > 15, reasons


@pytest.mark.parametrize("size", [0, 7, 11, 31, 64, 1000])
def test_a_cut_program_is_refused(program: bytes, tmp_path: Path, size: int) -> None:
    (tmp_path / FILE).write_bytes(program[:size])
    assert in_python(program[:size]) == in_cpp(tmp_path / FILE) != ""


def test_both_languages_read_the_same_schema() -> None:
    texts = re.findall(r'R"\((.*?)\)"', (ROOT / "cpp" / "engines" / "pte_schema.hpp").read_text(), re.DOTALL)
    assert texts == [pte_schema.PROGRAM, pte_schema.XNNPACK]
