""".npy files that break FORMAT.md section 8 or the contract are refused before a runtime is loaded, and in Python as in C++."""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path

import numpy as np
import pytest

from builders.programs import Program
from builders.spread import spread
from hostile.acceptance import is_accepted
from hostile.refusal import assert_refused

MAGIC = b"\x93NUMPY"
HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }"
HEADERS_A_SEED = 150
DATA = np.arange(6, dtype=np.float32).tobytes()


def npy(header: str | bytes = HEADER, data: bytes = DATA, version: bytes = b"\x01\x00", length: int | None = None) -> bytes:
    """A file made by hand; `length` is what it claims its header has."""
    text = header.encode("latin-1") if isinstance(header, str) else header
    size = len(text) if length is None else length
    return (
        MAGIC
        + version
        + struct.pack("<H" if version[0] == 1 else "<I", size & (0xFFFF if version[0] == 1 else 0xFFFFFFFF))
        + text
        + data
    )


def saved(array: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def shaped(shape: str, descr: str = "<f4", fortran: str = "False") -> str:
    return f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}"


BROKEN = {
    # What the contract float32 [N,2] refuses.
    "float64": saved(np.zeros((3, 2))),
    "uint8": saved(np.zeros((3, 2), np.uint8)),
    "rank 1": saved(np.zeros(2, np.float32)),
    "rank 3": saved(np.zeros((3, 2, 1), np.float32)),
    "rank 0": saved(np.float32(1)),
    "three columns": saved(np.zeros((3, 3), np.float32)),
    "no columns": saved(np.zeros((3, 0), np.float32)),
    "empty of another width": saved(np.zeros((0, 3), np.float32)),
    "nan": saved(np.array([[1, 2], [np.nan, 4]], np.float32)),
    "inf": saved(np.array([[1, 2], [3, np.inf]], np.float32)),
    "minus inf": saved(np.array([[-np.inf, 2]], np.float32)),
    "float16": saved(np.zeros((3, 2), np.float16)),
    "bfloat16": saved(np.zeros((3, 2), "V2")).replace(b"|V2", b"<V2"),
    # What no contract can allow.
    "raw bytes": saved(np.zeros((3, 2), "V2")),
    "objects": saved(np.array([[1, None]], dtype=object), allow_pickle=True),
    "text": saved(np.array([["a", "b"]])),
    "complex": saved(np.zeros((3, 2), np.complex64)),
    "uint64": saved(np.zeros((3, 2), np.uint64)),
    "dates": saved(np.zeros((3, 2), "datetime64[s]")),
    "structured": saved(np.zeros(3, [("x", "<f4"), ("y", "<f4")])),
    "big-endian": saved(np.zeros((3, 2), ">f4")),
    "fortran order of no rows": npy(shaped("(0, 2)", fortran="True"), b""),
    "fortran order of one row": npy(shaped("(1, 2)", fortran="True"), bytes(8)),
    "2^63 rows of nothing": npy(shaped(f"({2**63}, 0)"), b""),
    "2^62 rows of nothing": npy(shaped(f"({2**62}, 0)"), b""),
    "fortran order": saved(np.asfortranarray(np.arange(6, dtype=np.float32).reshape(3, 2))),
    # What is cut or too long.
    "only the magic": MAGIC,
    "no header": MAGIC + b"\x01\x00",
    "half a length": MAGIC + b"\x01\x00\x40",
    "a cut header": npy(data=b"")[:-20],
    "no data": npy(data=b""),
    "a byte too few": npy(data=DATA[:-1]),
    "a row too few": npy(data=DATA[:-8]),
    "a byte too many": npy(data=DATA + b"\0"),
    "a row too many": npy(data=DATA + DATA),
    "no rows": npy(shaped("(0, 2)"), b""),
    "data after no rows": npy(shaped("(0, 2)"), DATA),
    # Versions.
    "version 3": npy(version=b"\x03\x00"),
    "version 0": npy(version=b"\x00\x00"),
    "version 1.1": npy(version=b"\x01\x01"),
    "version 255": npy(version=b"\xff\xff"),
    # Headers.
    "a huge header": npy(HEADER + " " * 10_000),
    "a header that claims 4 GiB": npy(version=b"\x02\x00", length=0xFFFFFFFF),
    "a header that claims 64 KiB": npy(length=0xFFFF),
    "an empty header": npy(""),
    "no dict": npy("(3, 2)"),
    "an unknown key": npy(HEADER.replace("}", "'more': 1}")),
    "a missing key": npy("{'descr': '<f4', 'shape': (3, 2)}"),
    "a key twice": npy(HEADER.replace("}", "'shape': (3, 2)}")),
    "code in the header": npy(HEADER.replace("(3, 2)", "__import__('os').abort()")),
    "a sum as a dim": npy(shaped("(1+2, 2)")),
    "True as a dim": npy(shaped("(True, 2)")),
    "a float as a dim": npy(shaped("(3.0, 2)")),
    "a text as a dim": npy(shaped("('3', 2)")),
    "a list as the shape": npy(shaped("[3, 2]")),
    "a number as the shape": npy(shaped("6")),
    "a parenthesis as the shape": npy(shaped("(6)")),
    "a nested shape": npy(shaped("((3, 2),)")),
    "a negative dim": npy(shaped("(-3, 2)")),
    "a negative dim twice": npy(shaped("(-3, -2)")),
    "a leading zero": npy(shaped("(03, 2)")),
    "a hexadecimal dim": npy(shaped("(0x3, 2)")),
    "a dim with underscores": npy(shaped("(0_3, 2)")),
    "a long integer of Python 2": npy(shaped("(3L, 2)")),
    "fortran_order 0": npy(shaped("(3, 2)", fortran="0")),
    "fortran_order None": npy(shaped("(3, 2)", fortran="None")),
    "a descr without order": npy(shaped("(3, 2)", descr="f4")),
    "a descr by name": npy(shaped("(3, 2)", descr="float32")),
    "native order": npy(shaped("(3, 2)", descr="=f4")),
    "two strings in one": npy(HEADER.replace("'descr'", "'de' 'scr'")),
    "a bytes key": npy(HEADER.replace("'descr'", "b'descr'")),
    "an escape": npy(HEADER.replace("'descr'", "'\\x64escr'")),
    "a comment": npy(HEADER + " # comment"),
    "two dicts": npy(HEADER + HEADER),
    "a NUL": npy(HEADER + "\0"),
    "no text": npy(b"\xff" * 64),
    "rank 9": npy(shaped("(1, 1, 1, 1, 1, 1, 1, 3, 2)")),
    "a deep literal": npy("(" * 9000),
    "a deep shape": npy(shaped("(" * 4000 + ")" * 4000)),
    "an overflow of 64 bits": npy(shaped("(4611686018427387904, 2)"), DATA),
    "an overflow to the right size": npy(shaped("(9223372036854775811, 2)"), DATA),
    "a dim beyond 64 bits": npy(shaped("(18446744073709551619, 2)"), DATA),
    "a dim of 4000 digits": npy(shaped("(" + "9" * 4000 + ", 2)"), DATA),
    "an exbibyte": npy(shaped("(144115188075855872, 2)"), DATA),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_broken_array_is_refused(quick_program: Program, iris: Path, data: bytes) -> None:
    file = iris.parent / "input.npy"
    file.write_bytes(data)
    output = iris.parent / "out.jsonl"
    assert_refused(
        quick_program,
        "predict",
        iris,
        "--engine",
        "torchscript",
        "--input",
        file,
        "--output",
        output,
        code=7,
        named=("input",),
        under=iris.parent,
    )


@pytest.mark.parametrize("kind", ["float64", "nan", "objects", "a row too few", "a byte too many", "an overflow of 64 bits"])
def test_a_broken_array_from_stdin_is_refused(quick_program: Program, iris: Path, kind: str) -> None:
    assert_refused(quick_program, "predict", iris, "--input", "-", code=7, under=iris.parent, stdin=BROKEN[kind])


def test_an_array_that_ends_after_the_first_batch_is_refused(program: Program, iris: Path, engine: str) -> None:
    """From a pipe the first batches are computed before the end is seen: still nothing is left behind."""
    data = saved(np.zeros((600, 2), np.float32))[:-8]
    output = iris.parent / "out.npy"
    done = program("predict", iris, "--engine", engine, "--input", "-", "--output", output, stdin=data)
    assert done.code == 7
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in iris.parent.iterdir()) == [iris.name]


def test_a_message_names_what_was_found_and_expected(quick_program: Program, iris: Path) -> None:
    file = iris.parent / "input.npy"
    for kind, words in {
        "float64": ("float64", "float32"),
        "three columns": ("3", "[N,2]"),
        "nan": ("nan", "measurements"),
        "objects": ("objects", "npy header"),
        "fortran order": ("Fortran", "C order"),
        "big-endian": (">f4",),
        "a byte too few": ("23", "24", "cut short"),
        "a huge header": ("10000",),
        "version 3": ("3.0", "1.0 or 2.0"),
    }.items():
        file.write_bytes(BROKEN[kind])
        assert_refused(
            quick_program,
            "predict",
            iris,
            "--input",
            file,
            code=7,
            named=("input.npy", *words)[kind == "nan" :],
            under=iris.parent,
        )


ACCEPTED = {
    "as numpy writes it": saved(np.zeros((3, 2), np.float32)),
    "version 2": npy(version=b"\x02\x00"),
    "no padding": npy(),
    "the longest header": npy(HEADER + " " * (10_000 - len(HEADER))),
    "no spaces": npy(HEADER.replace(" ", "")),
    "double quotes": npy(HEADER.replace("'", '"')),
    "other order of keys": npy("{'shape': (3, 2), 'fortran_order': False, 'descr': '<f4'}"),
    "new lines": npy(HEADER.replace(", ", ",\n")),
    "a comma behind the shape": npy(shaped("(3, 2,)")),
    "nothing behind the last value": npy(HEADER.replace(", }", "}")),
}


@pytest.mark.parametrize("data", ACCEPTED.values(), ids=ACCEPTED)
def test_every_way_to_write_the_same_array_is_accepted(quick_program: Program, iris: Path, data: bytes) -> None:
    file = iris.parent / "input.npy"
    file.write_bytes(data)
    assert is_accepted(quick_program, iris, file)


TOKENS = [
    "{",
    "'descr'",
    ":",
    "'<f4'",
    ",",
    "'fortran_order'",
    ":",
    "False",
    ",",
    "'shape'",
    ":",
    "(",
    "3",
    ",",
    "2",
    ")",
    ",",
    "}",
]
STRANGE = [
    '"shape"',
    "'shape'",
    '"<f4"',
    "'<f8'",
    "'|u1'",
    "'>f4'",
    "u'descr'",
    "''",
    "True",
    "None",
    "0",
    "1",
    "6",
    "03",
    "-1",
    "+3",
    "1e0",
    "3L",
    "[",
    "]",
]
STRANGE += ["#", "'", '"', "\\", "\v", "\r", "\0", "\x85", "\xa0", "\xe9", "(3)", "(3,)", "()", "..."]
SPACES = ["", "", "", " ", "  ", "\n", "\t", "\f", "\r"]


def mutated_header(random_: random.Random) -> str:
    """The tokens of a header with other white space, and up to two of them replaced, doubled, dropped or swapped."""
    tokens = list(TOKENS)
    for _ in range(random_.choice((0, 1, 1, 2))):
        at, other = random_.randrange(len(tokens)), random_.randrange(len(tokens))
        change = random_.randrange(5)
        if change == 0:
            tokens[at] = random_.choice(STRANGE)
        elif change == 1:
            tokens.insert(at, random_.choice(STRANGE + TOKENS))
        elif change == 2:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif change == 3:
            del tokens[at]
        else:
            tokens.insert(at, tokens[at])
    return "".join(random_.choice(SPACES) + token for token in tokens) + random_.choice(SPACES)


@pytest.mark.parametrize("seed", spread(range(4), 1))
def test_python_and_cpp_accept_the_same_headers(iris: Path, ferry_here: Program, ferry_run: Program, seed: int) -> None:
    file = iris.parent / "input.npy"
    accepted = 0
    random_ = random.Random(seed)
    for _ in range(HEADERS_A_SEED):
        data = npy(mutated_header(random_))
        file.write_bytes(data)
        verdicts = [is_accepted(program, iris, file) for program in (ferry_here, ferry_run)]
        assert verdicts[0] == verdicts[1], f"Python {verdicts[0]}, C++ {verdicts[1]}: {data!r}"
        accepted += verdicts[0]
    assert HEADERS_A_SEED // 10 < accepted < HEADERS_A_SEED // 2
