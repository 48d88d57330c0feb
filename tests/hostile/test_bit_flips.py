"""One flipped bit anywhere in a file is refused, 64 of 64 times.

LibTorch loads most such files and computes other numbers; ONNX Runtime too. Only the digest sees them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.programs import Program, run_here
from builders.spread import spread
from hostile.refusal import assert_error
from torchferry.errors import ExitCode

EXPORTED = Path(__file__).resolve().parents[2] / "exported"
FLIPS = 64
FILES = [
    file
    for bundle, pattern in (("iris-adaline", "**/*"), ("digits-mlp", "model.*"))
    for file in sorted((EXPORTED / bundle).glob(pattern))
    if file.is_file() and file.name != "manifest.json"
]


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Path], Path]:
    """Copies the bundle that a file belongs to; gives the file in the copy."""

    def copy(file: Path) -> Path:
        inside = file.relative_to(EXPORTED)
        shutil.copytree(EXPORTED / inside.parts[0], tmp_path / inside.parts[0])
        return tmp_path / inside

    return copy


def bundle_of(file: Path) -> Path:
    return file.parent.parent if file.parent.name == "golden" else file.parent


def flips(size: int) -> list[tuple[int, int]]:
    """64 places over the whole file, the first and the last byte among them: byte and bit."""
    return [(k * (size - 1) // (FLIPS - 1), k % 8) for k in range(FLIPS)]


def refusals(file: Path, is_refused: Callable[[], bool]) -> int:
    """How many of the flips are refused; the file is as before at the end."""
    whole = file.read_bytes()
    count = 0
    for byte, bit in flips(len(whole)):
        broken = bytearray(whole)
        broken[byte] ^= 1 << bit
        file.write_bytes(broken)
        count += is_refused()
    file.write_bytes(whole)
    return count


@pytest.mark.parametrize("file", spread(FILES, 2), ids=lambda file: str(file.relative_to(EXPORTED)))
def test_a_flipped_bit_is_refused_64_of_64_times(copy_of: Callable[[Path], Path], file: Path, form: Program) -> None:
    file = copy_of(file)

    def is_refused() -> bool:
        assert_error(form("inspect", bundle_of(file)), 4, file.name, "sha256")
        return True

    assert refusals(file, is_refused) == FLIPS
    assert form("inspect", bundle_of(file)).code == 0


@pytest.mark.parametrize("verb", ["inspect", "verify"])
def test_a_flipped_bit_of_the_engines_file_is_refused_by_every_verb(program: Program, iris: Path, verb: str) -> None:
    file = iris / "model.ts.pt"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert_error(program(verb, iris), 4, "model.ts.pt", "sha256")


def test_a_flipped_bit_in_a_text_of_the_manifest_is_found_by_a_signature_only(
    program: Program, bundle_copy: Path, tmp_path: Path
) -> None:
    """The manifest has no digest of its own: what the documents claim of a flipped bit ends here."""
    assert run_here("key", tmp_path / "mine", "--no-password").code == ExitCode.OK
    assert run_here("sign", bundle_copy, "--key", tmp_path / "mine.key").code == ExitCode.OK
    trust = ("--trust", tmp_path / "mine.pub")
    assert program("inspect", bundle_copy, *trust).code == ExitCode.OK
    manifest = bundle_copy / "manifest.json"
    text = json.loads(manifest.read_bytes())["golden"]["description"].encode()
    other = text[:-1] + bytes([text[-1] ^ 1])
    manifest.write_bytes(manifest.read_bytes().replace(text, other, 1))
    assert program("inspect", bundle_copy).code == ExitCode.OK
    assert program("inspect", bundle_copy, *trust).code == ExitCode.INTEGRITY
