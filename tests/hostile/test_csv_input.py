"""CSV that is no table of numbers is refused with line and column, and in Python as in C++ (FORMAT.md section 10)."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from builders.programs import Program
from builders.spread import spread
from hostile.acceptance import change_input, is_accepted
from hostile.refusal import assert_refused

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64"]
CELLS_A_DTYPE = 150

# What the contract float32 [N,2] refuses, with what the message must name.
BROKEN = {
    "a word": ("1,2\n3,x\n", "line 2, column 2"),
    "a word after blank lines": ("\n\n1,2\n  \n3,x\n", "line 5, column 2"),
    "a second header": ("a,b\n1,2\nc,d\n", "line 3, column 1"),
    "a header with a number": ("a,2\n1,2\n", "line 1, column 1"),
    "an empty cell": ("1,\n", "line 1, column 2"),
    "an empty quoted cell": ('1,""\n', "line 1, column 2"),
    "a comma at the end": ("1,2,\n", "line 1"),
    "a column too few": ("1,2\n3\n", "line 2"),
    "a column too many": ("1,2\n3,4,5\n", "line 2"),
    "bars": ("1|2\n3|4\n", "line 1"),
    "two delimiters": ("1;2\n3,4\n", "line 2"),
    "a decimal comma": ("1,5,2,5\n", "line 1"),
    "old Macintosh lines": ("1,2\r3,4\r", "line 1"),
    "two signs": ("1,--2\n", "line 1, column 2"),
    "a sign alone": ("1,+\n", "line 1, column 2"),
    "a point alone": ("1,.\n", "line 1, column 2"),
    "an exponent alone": ("1,e5\n", "line 1, column 2"),
    "an open exponent": ("1,2e\n", "line 1, column 2"),
    "hexadecimal": ("1,0x10\n", "line 1, column 2"),
    "underscores": ("1,1_000\n", "line 1, column 2"),
    "thousands": ('1,"1,000"\n', "line 1"),
    "a C suffix": ("1,2.0f\n", "line 1, column 2"),
    "Arabic digits": ("1,\u0661\n", "line 1, column 2"),
    "a full-width digit": ("1,\uff11\n", "line 1, column 2"),
    "a minus sign of typography": ("1,\u22122\n", "line 1, column 2"),
    "a no-break space": ("1,\u00a02\n", "line 1, column 2"),
    "a tab around a cell": ("1,\t2\n", "line 1, column 2"),
    "a byte order mark later": ("1,2\n\ufeff3,4\n", "line 2, column 1"),
    "an open quote": ('1,"2\n', "line 1, column 2"),
    "two pairs of quotes": ('1,""2""\n', "line 1, column 2"),
    "spaces inside quotes": ('1," 2 "\n', "line 1, column 2"),
    "a comment": ("# a table\n1,2\n# end\n", "line 2"),
    "nan": ("1,nan\n", "line 1, column 2"),
    "inf": ("1,2\n-inf,2\n", "line 2, column 1"),
    "beyond float32": ("1,1e39\n", "line 1, column 2"),
    "beyond float64": ("1,-1e999\n", "line 1, column 2"),
    "html": ("<!doctype html><html>1,2</html>\n1,2\n<p>\n", "line 1"),
    "json": ("[[1, 2],\n [3, 4]]\n", "line 1"),
    "nothing": ("", "no samples"),
    "a byte order mark alone": ("\ufeff", "no samples"),
    "blank lines alone": (" \n\r\n\n", "no samples"),
    "a header alone": ("a,b\n", "no samples"),
    "a header alone behind a byte order mark": ("\ufeffa,b\n", "no samples"),
}
BROKEN_BYTES = {
    "latin-1": (b"1,2\n3,\xe9\n", "line 2"),
    "a latin-1 header": (b"L\xe4nge,Breite\n1,2\n", "line 1"),
    "a cut character": (b"1,2\n3,\xc3\n", "line 2"),
    "a NUL in a cell": (b"1,2\x00\n", "line 1"),
    "a NUL in the header": (b"a\x00,b\n1,2\n", "line 1"),
    "an escape in the header": (b"\x1b[2J,b\n1,2\n", "line 1"),
    "utf-16": ("1,2\n3,4\n".encode("utf-16"), "line 1"),
    "noise": (bytes(range(1, 256)) * 4, "line 1"),
    "a pickle": (b"\x80\x04\x95\x10\x00\x00\x00.", "line 1"),
}


@pytest.mark.parametrize(("text", "place"), [*BROKEN.values(), *BROKEN_BYTES.values()], ids=[*BROKEN, *BROKEN_BYTES])
def test_a_broken_table_is_refused_by_line_and_column(quick_program: Program, iris: Path, text: str | bytes, place: str) -> None:
    file = iris.parent / "input.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    output = iris.parent / "out.csv"
    named = ("input.csv", place)
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
        named=named,
        under=iris.parent,
    )


@pytest.mark.parametrize("kind", ["a word", "nan", "a column too few"])
def test_a_broken_table_from_stdin_is_refused(quick_program: Program, iris: Path, kind: str) -> None:
    assert_refused(quick_program, "predict", iris, "--input", "-", code=7, under=iris.parent, stdin=BROKEN[kind][0].encode())


def test_a_line_without_end_is_refused(quick_program: Program, iris: Path) -> None:
    """/dev/zero gives NUL bytes for ever: a reader that waits for a line's end would take all memory."""
    assert_refused(quick_program, "predict", iris, "--input", "/dev/zero", code=7, named=("/dev/zero", "line"), under=iris.parent)


@pytest.mark.parametrize("text", ["1,2\n" * 300 + "3,x\n", "1,2\n" * 300 + "3\n"])
def test_a_bad_line_after_the_first_batch_leaves_nothing_behind(program: Program, iris: Path, engine: str, text: str) -> None:
    (iris.parent / "input.csv").write_text(text)
    options = ["--engine", engine, "--input", iris.parent / "input.csv", "--output", iris.parent / "out.jsonl"]
    assert_refused(program, "predict", iris, *options, code=7, named="line 301", under=iris.parent)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "npy"])
def test_a_table_without_rows_writes_nothing(quick_program: Program, iris: Path, kind: str) -> None:
    (iris.parent / "input.csv").write_text("a,b\n")
    words = ["--engine", "torchscript", "--input", iris.parent / "input.csv", "--output", iris.parent / f"out.{kind}"]
    assert_refused(quick_program, "predict", iris, *words, code=7, named=("input.csv", "no samples"), under=iris.parent)


SIGNS, DIGITS = (
    ["", "", "", "+", "-"],
    ["0", "1", "7", "00", "12", "127", "128", "255", "256", "32767", "32768", "2147483648", "9223372036854775807"],
)
DIGITS += ["9223372036854775808", "18446744073709551616", "0" * 45 + "1", "1" * 45, "9" * 400]
AROUND = ["", "", "", "", " ", "  ", '"', "\t", "\u00a0", "'", "x", "\v", "\x7f", ","]
PIECES = [
    ".",
    "e",
    "E",
    "e+",
    "e-",
    "_",
    "nan",
    "inf",
    "INF",
    "Infinity",
    "infinit",
    "NaN",
    "true",
    "0x",
    "#",
    "\u00b2",
    "\u0131nf",
    "\u0130nf",
    "\u212a",
    "-",
    "+",
    '"',
]


def random_cell(random_: random.Random) -> str:
    """Mostly numbers of all forms, with something strange now and then."""
    cell = random_.choice(SIGNS) + random_.choice(DIGITS)
    if random_.random() < 0.5:
        cell += random_.choice((".", ".5", ".25e3", "e0", "e5", "e-7", "E+2", ".0", "e999", "e-999"))
    if random_.random() < 0.3:
        start = random_.randrange(len(cell) + 1)
        cell = cell[:start] + random_.choice(PIECES) + cell[start + random_.randrange(2) :]
    if random_.random() < 0.1:
        cell = random_.choice(SIGNS) + random_.choice(PIECES)
    around = random_.choice(AROUND)
    return around + cell + (around if around != "," else "")


@pytest.mark.parametrize("dtype", spread(DTYPES, 2))
def test_python_and_cpp_accept_the_same_cells(iris: Path, ferry_here: Program, ferry_run: Program, dtype: str) -> None:
    change_input(iris, dtype=dtype, shape=["N", 1], allow_nonfinite=dtype.startswith("float"))
    file, random_, accepted = iris.parent / "input.csv", random.Random(dtype), 0
    for _ in range(CELLS_A_DTYPE):
        cell = random_cell(random_)
        file.write_text(f"1\n{cell}\n")  # the first line is a number, so that no cell is a header
        verdicts = [is_accepted(program, iris, file) for program in (ferry_here, ferry_run)]
        assert verdicts[0] == verdicts[1], f"Python {verdicts[0]}, C++ {verdicts[1]}: {dtype} {cell!r}"
        accepted += verdicts[0]
    assert accepted >= 2
    assert CELLS_A_DTYPE - accepted >= 5


LINES = [
    "1,2",
    "a,b",
    '"a","b"',
    "",
    " ",
    "1",
    "1,2,3",
    "1,b",
    "\ufeff1,2",
    "\ufeffa,b",
    "nan,inf",
    "a,inf",
    ",",
    '"1","2"',
    " 1 , 2 ",
    "\u00e9,\u00e9",
    "\t",
    "a\tb,c",
    "a\x0bb,c",
    "#",
    "-",
    "1,2\r",
    "a,b\r",
    "\r",
    "\x00,",
    "P5 ,x",
    "BMI,x",
    "GIF89,x",
    "RIFF,x",
    "II*,x",
]


@pytest.mark.parametrize("seed", spread(range(3), 1))
def test_python_and_cpp_accept_the_same_tables(iris: Path, ferry_here: Program, ferry_run: Program, seed: int) -> None:
    change_input(iris, allow_nonfinite=True)
    file, random_, accepted = iris.parent / "input.csv", random.Random(seed), 0
    for _ in range(150):
        ends = random_.choice((["\n"], ["\n"], ["\r\n"], ["\n", "\r\n", "\r", "\n\n"]))
        lines = [
            random_.choice(LINES if random_.random() < 0.4 else LINES[:3]) + random_.choice(ends)
            for _ in range(random_.randint(1, 4))
        ]
        text = "".join(lines).rstrip("\n") if random_.random() < 0.3 else "".join(lines)
        file.write_bytes(text.encode())
        verdicts = [is_accepted(program, iris, file) for program in (ferry_here, ferry_run)]
        assert verdicts[0] == verdicts[1], f"Python {verdicts[0]}, C++ {verdicts[1]}: {text!r}"
        accepted += verdicts[0]
    assert 15 <= accepted <= 135


@pytest.mark.slow
def test_python_and_cpp_read_the_same_values_from_accepted_cells(
    iris: Path, ferry_here: Program, ferry: Program, ferry_run: Program
) -> None:
    """Not only accepted, but rounded alike: both programs run the same TorchScript on the same cells."""
    file, random_ = iris.parent / "input.csv", random.Random(0)
    cells = [
        cell for cell in (random_cell(random_) for _ in range(400)) if not cell.strip().strip('"').endswith(("999", "9" * 40))
    ]
    good = []
    for cell in cells:
        file.write_text(f"3,0\n{cell},1\n")
        if is_accepted(ferry_here, iris, file):
            good.append(cell)
    good += [f"{random_.uniform(-1, 1) * 10 ** random_.randint(-40, 30)!r}" for _ in range(200)]
    assert len(good) > 300
    file.write_text("x,y\n" + "".join(f"{cell},1\n" for cell in good))
    options = ["--engine", "torchscript", "--input", file]
    answers = [program("predict", iris, *options) for program in (ferry, ferry_run)]
    assert [answer.code for answer in answers] == [0, 0], answers
    rows = [[json.loads(line) for line in answer.stdout.splitlines()] for answer in answers]
    assert len(rows[0]) == len(good)
    # Each text reads back to its float32, the fewest digits of which both programs may write in their own way.
    values = [[(np.float32(row["net_input"]), row["label"], row["class"]) for row in answer] for answer in rows]
    assert values[0] == values[1]
