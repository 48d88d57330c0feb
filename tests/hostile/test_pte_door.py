"""The door of the .pte, in both languages: indexes, sizes and a delegate's blob that lie, each in an otherwise honest program."""

from __future__ import annotations

import random
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from builders.programs import BUILD
from builders.spread import spread
from builders.zoo import Zoo
from hostile.test_pte_mutants import mutant, program_size
from torchferry.engines import pte_schema
from torchferry.engines.pte_door import check_program
from torchferry.errors import FerryError

ROOT = Path(__file__).resolve().parents[2]
FILE = "model.pte"
DOOR = BUILD / "tests" / "bin" / "ferry-door"


@pytest.fixture(scope="module", params=spread(["classifier", "mixed"], 1))
def program(request: pytest.FixtureRequest, zoo: Zoo) -> bytes:
    found = zoo.bundle(request.param, "executorch")
    if found is None:
        pytest.skip("ExecuTorch is not installed: pip install 'torchferry[executorch]'")
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


REASONS = {
    "got a tensor that leaves its data",
    "got a tensor that leaves its planned memory",
    "got a memory plan of",
    "expected an index inside the list",
    "got a segment outside the file",
    "got a header that leads outside the file",
    "got a tensor of type",
    "of kind",
}


@pytest.mark.slow
def test_every_number_made_larger_gets_one_answer(program: bytes, tmp_path: Path) -> None:
    """Random changes seldom meet a size or an index: here each number of 32 bits is one larger, then much larger."""
    reasons = set()
    for step in (1, 1 << 20):
        for at in range(8, program_size(program) - 3, 4):
            value = (struct.unpack_from("<I", program, at)[0] + step) % (1 << 32)
            data = program[:at] + struct.pack("<I", value) + program[at + 4 :]
            answer = in_python(data)
            reasons.add(answer)
            (tmp_path / FILE).write_bytes(data)
            assert in_cpp(tmp_path / FILE) == answer, f"{step} more at {at}"
    missing = [words for words in REASONS if not any(words in reason for reason in reasons)]
    assert not missing, reasons


@pytest.mark.parametrize("program", ["classifier"], indirect=True)  # whose layers XNNPACK has
def test_weights_of_a_delegate_that_are_one_byte_too_few_are_refused(program: bytes, tmp_path: Path) -> None:
    """Each number of the program that is one smaller: among them are the sizes of the weights that the delegate names."""
    found = 0
    for at in range(8, program_size(program) - 3, 4):
        value = struct.unpack_from("<I", program, at)[0]
        if not 0 < value <= len(program):  # no size of anything here
            continue
        data = program[:at] + struct.pack("<I", value - 1) + program[at + 4 :]
        answer = in_python(data)
        if "weights that leave their bytes" in answer:
            (tmp_path / FILE).write_bytes(data)
            assert in_cpp(tmp_path / FILE) == answer
            found += 1
    assert found >= 4  # weight and bias of two layers


@pytest.mark.parametrize("size", [0, 7, 11, 31, 64, 1000])
def test_a_cut_program_is_refused(program: bytes, tmp_path: Path, size: int) -> None:
    (tmp_path / FILE).write_bytes(program[:size])
    assert in_python(program[:size]) == in_cpp(tmp_path / FILE) != ""


def test_both_languages_read_the_same_schema() -> None:
    texts = re.findall(r'R"\((.*?)\)"', (ROOT / "cpp" / "engines" / "pte_schema.hpp").read_text(), re.DOTALL)
    assert texts == [pte_schema.PROGRAM, pte_schema.XNNPACK]


MEMORY = 6 * 2**30  # of addresses: what torch's libraries map is most of it

JUDGE = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
from torchferry.engines.pte_door import check_program
from torchferry.errors import FerryError
try:
    check_program("model.pte", open(sys.argv[1], "rb").read())
except FerryError as error:
    print(error)
"""


FOUND = {  # by the fuzzer: no fields at all; four billion tensors, of which there are three; a tensor without sizes
    "a-delegate-without-values": "got a Graph without version",
    "tensors-beyond-memory": "got a delegate whose tensors are not numbered one by one",
    "weights-without-dims": "got a Tensor without sizes",
}


@pytest.mark.parametrize("name", FOUND)
def test_a_mutant_that_the_fuzzer_found_is_refused_and_takes_no_memory(name: str) -> None:
    mutant_file = ROOT / "tests" / "fuzz" / "found" / "pte" / name
    done = subprocess.run([sys.executable, "-c", JUDGE, mutant_file], capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr == ""
    assert FOUND[name] in done.stdout
