"""The door of the .pte, in both languages: programs that are cut, whose offsets lead outside, or that promise other inputs.

Every program is sealed: its SHA-256 stands in the manifest, so that nothing but the door can refuse it. The programs run as
processes of their own: what a loader without verification does to these files is a crash.
"""

from __future__ import annotations

import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builders.bundles import reseal
from builders.programs import Program
from builders.spread import spread
from builders.zoo import SPECIES, Zoo
from hostile.refusal import assert_error, snapshot
from torchferry.errors import ExitCode

SOMEWHERE_ELSE = 0x7FFFFF00  # bytes ahead: behind the end of every file here
Change = Callable[[bytearray], bytes | bytearray]


@pytest.fixture
def bundle(zoo: Zoo, tmp_path: Path) -> Path:
    """A copy of an honest bundle with a .pte program."""
    found = zoo.bundle("classifier", "executorch")
    if found is None:
        pytest.skip("ExecuTorch is not installed: pip install 'torchferry[executorch]'")
    return Path(shutil.copytree(found, tmp_path / "bundle"))


def fields_of_root(data: bytes) -> list[int]:
    """Positions of the offsets that the root table of a FlatBuffer holds (flatbuffers.dev/internals: table, vtable, fields)."""
    root = struct.unpack_from("<I", data, 0)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    size = struct.unpack_from("<H", data, vtable)[0]
    fields = [struct.unpack_from("<H", data, vtable + at)[0] for at in range(4, size, 2)]
    return [root + field for field in fields if field]


def with_offset(position: Callable[[bytes], int]) -> Change:
    def change(data: bytearray) -> bytes:
        struct.pack_into("<I", data, position(data), SOMEWHERE_ELSE)
        return data

    return change


def first_plan(data: bytes) -> int:
    """Where the offset of the first execution plan stands: behind the length of the vector that the second field leads to."""
    field = fields_of_root(data)[1]
    return field + struct.unpack_from("<I", data, field)[0] + 4


HOSTILE: dict[str, Change] = {
    "nothing": lambda _: b"",
    "seven bytes": lambda data: data[:7],
    "the header alone": lambda data: data[:64],
    "a quarter of the program": lambda data: data[: len(data) // 4],
    "no flatbuffer": lambda data: b"\0" * len(data),
    "another identifier": lambda data: data[:4] + b"ET99" + data[8:],
    "a root outside the file": with_offset(lambda _: 0),
    "plans outside the file": with_offset(lambda data: fields_of_root(data)[1]),
    "a plan outside the file": with_offset(first_plan),
}


@pytest.mark.parametrize("what", spread(HOSTILE, 3))
def test_a_broken_program_is_refused_and_crashes_nothing(program: Program, bundle: Path, what: str) -> None:
    file = bundle / "model.pte"
    file.write_bytes(HOSTILE[what](bytearray(file.read_bytes())))
    reseal(bundle)
    before = snapshot(bundle)
    assert_error(program("verify", bundle, "--engine", "executorch"), ExitCode.FORMAT, "model.pte")
    assert snapshot(bundle) == before


@pytest.mark.parametrize("seed", range(64))
def test_offsets_broken_at_random_end_in_an_exit_code(ferry_run: Program, bundle: Path, seed: int) -> None:
    file, source = bundle / "model.pte", random.Random(seed)
    data = bytearray(file.read_bytes())
    struct.pack_into("<I", data, 4 * source.randrange(len(data) // 16), source.getrandbits(32))  # tables come before weights
    file.write_bytes(data)
    reseal(bundle)
    done = ferry_run("verify", bundle, "--engine", "executorch")
    assert done.code in (ExitCode.OK, ExitCode.MISMATCH, ExitCode.FORMAT, ExitCode.UNAVAILABLE, ExitCode.IO), done.stderr


def test_a_program_of_another_contract_is_refused(program: Program, bundle: Path, zoo: Zoo) -> None:
    other = zoo.bundle("mixed", "executorch")
    assert other is not None
    shutil.copyfile(other / "model.pte", bundle / "model.pte")
    reseal(bundle)
    assert_error(program("verify", bundle, "--engine", "executorch"), ExitCode.FORMAT, "expected", "contract")


def test_a_batch_above_the_maximum_is_bad_input(program: Program, bundle: Path, tmp_path: Path) -> None:
    inputs = SPECIES["classifier"].inputs(1)
    (name,) = inputs
    np.save(tmp_path / "large.npy", np.repeat(inputs[name], 100_000, axis=0))
    done = program("predict", bundle, "--engine", "executorch", "--input", tmp_path / "large.npy", "--batch", "100000")
    assert_error(done, ExitCode.BAD_INPUT, "100000", "at most")
