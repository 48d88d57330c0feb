"""The parsers of Python as functions of bytes, one for each corpus; a refusal is FerryError or ZipError, whatever the bytes are.

python tests/fuzz/parsers.py SECONDS     mutants of every corpus, fresh ones each time; exit code 1 and the file of a crash
"""

from __future__ import annotations

import contextlib
import io
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from builders.programs import ROOT
from torchferry.bundle.contract import TensorSpec
from torchferry.bundle.manifest_json import parse_manifest
from torchferry.bundle.npy import read_array
from torchferry.bundle.reader import Bundle
from torchferry.bundle.signature import parse_public_key, parse_signature
from torchferry.bundle.stored_zip import Rules, read_entries, read_members
from torchferry.engines.aoti_package import open_package
from torchferry.engines.onnx_door import check_model
from torchferry.engines.program_door import judge_program
from torchferry.engines.pte_door import check_program
from torchferry.engines.torchscript_door import scan_archive
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.columns import TableOptions
from torchferry.samples.csv import CsvTable
from torchferry.samples.json_lines import read_json_lines
from torchferry.samples.lines import Lines
from torchferry.samples.wav import read_wav

Parser = Callable[[bytes], object]
CORPUS = Path(__file__).resolve().parent / "corpus"
CRASHES = ROOT / "build-fuzz" / "crashes"
LONGEST_CHANGE = 16  # bytes


def _zip(data: bytes) -> None:
    try:
        read_entries(memoryview(data))
        read_members(memoryview(data), Rules(max_entries=100, allow_deflate=True, check_crc=False))
    except ValueError:  # how this parser refuses: its caller knows the file
        return


def _csv(data: bytes) -> None:
    spec = TensorSpec(name="x", dtype="float32", shape=("N", 2), range=None, unit=None, allow_nonfinite=False)
    for options in (TableOptions(), TableOptions(ignore_columns=True, id_column="n")):
        with contextlib.suppress(FerryError):  # the other way of reading goes on
            for _ in CsvTable(io.BytesIO(data), [spec], where="rows.csv", options=options).batches(3):
                pass


def _json_lines(data: bytes) -> None:
    shared = {"range": None, "unit": None, "allow_nonfinite": False}
    specs = [
        TensorSpec(name="x", dtype="float32", shape=("N", 2), **shared),
        TensorSpec(name="y", dtype="uint8", shape=("N",), **shared),
    ]
    for count in (1, 2):
        with contextlib.suppress(FerryError):  # the other contract goes on
            for _ in read_json_lines(Lines(io.BytesIO(data), "rows.jsonl"), specs[:count], 3):
                pass


def _wav(data: bytes) -> None:
    spec = TensorSpec(name="x", dtype="float32", shape=("N", "T"), range=None, unit=None, allow_nonfinite=True, rate=16000)
    read_wav(io.BytesIO(data), spec, where="sound.wav")


PARSERS: dict[str, tuple[str, Parser]] = {  # the corpus and the parser
    "manifest": ("manifest", lambda data: parse_manifest(data, where="manifest.json")),
    "packed": ("packed", Bundle.from_memory),
    "signature": ("signature", lambda data: parse_signature(data, "manifest.json.minisig")),
    "public key": ("signature", lambda data: parse_public_key(data, "key.pub")),
    "npy": ("npy", lambda data: read_array(data, where="array.npy", code=ExitCode.FORMAT)),
    "zip": ("zip", _zip),
    "csv": ("csv", _csv),
    "json lines": ("json_lines", _json_lines),
    "wav": ("wav", _wav),
    "onnx": ("onnx", lambda data: check_model("model.onnx", data)),
    "pte": ("pte", lambda data: check_program("model.pte", data)),
    "aoti": ("aoti", lambda data: open_package("model.pt2", data)),
    "torchscript": ("zip", lambda data: scan_archive("model.pt", data)),
    "torch.export": ("program", lambda data: judge_program("model.pt2", data)),
}


def mutant(corpus: list[bytes], random_: random.Random) -> bytes:
    """Change one file of the corpus in one to four places: bits, bytes, numbers, cuts, repeats, and pieces of another file."""
    data = bytearray(random_.choice(corpus))
    for _ in range(random_.randint(1, 4)):
        at, length = random_.randrange(len(data) + 1), random_.randint(1, LONGEST_CHANGE)
        match random_.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << random_.randrange(8)
            case 1:
                data[at : at + length] = random_.randbytes(length)
            case 2:
                data[at : at + 4] = random_.choice((b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"))
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[at : at + length]
            case _:
                other = random_.choice(corpus)
                start = random_.randrange(len(other) + 1)
                data[at : at + length] = other[start : start + length]
    return bytes(data)


def crash_of(name: str, seed: int) -> tuple[bytes, BaseException] | None:
    """Return a mutant and what it raised, where that is no refusal."""
    corpus, parser = PARSERS[name]
    data = mutant([path.read_bytes() for path in sorted((CORPUS / corpus).iterdir())], random.Random(seed))
    try:
        parser(data)
    except FerryError:
        return None
    except BaseException as error:
        return data, error
    return None


def main(seconds: float) -> int:
    """Share the time among the parsers. Return the exit code."""
    code = 0
    for name in PARSERS:
        start, end = random.SystemRandom().randrange(2**40), time.monotonic() + seconds
        seed, found = start, "no crash"
        while time.monotonic() < end:
            crash = crash_of(name, seed)
            if crash is not None:
                CRASHES.mkdir(parents=True, exist_ok=True)
                path = CRASHES / f"python-{name}-{seed}"
                path.write_bytes(crash[0])
                print(f"python {name}: {path}: {crash[1]!r}")
                code, found = 1, "a crash"
                break
            seed += 1
        print(f"python {name}: {seed - start} mutants, {found}")
    return code


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
