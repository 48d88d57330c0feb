"""Lines of plain numbers are read many at a time: always with the answer, or the refusal, of the reader that goes cell by cell."""

from __future__ import annotations

import io
import itertools
import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from builders.contracts import spec
from torchferry.bundle.contract import Array, TensorSpec
from torchferry.errors import FerryError
from torchferry.limits import MAX_CSV_SNIFFED_LINES
from torchferry.samples import csv
from torchferry.samples.arrow_rows import arrow_rows
from torchferry.samples.cells import is_number
from torchferry.samples.columns import TableOptions
from torchferry.samples.plain_rows import Float64, plain_rows

Reader = Callable[[Sequence[str]], Float64 | None]
COLUMNS = 3
PLAIN = ["0", "-0", "1", "+7", "255", "007", "-12"]
POINTED = [".5", "5.", "1e5", "1E-3", "0.1", "3.4028235e38", "1e-46", "9007199254740991", "2.2250738585072011e-308", "16777217"]
POOLS = {"int64": [*PLAIN, "9007199254740993", "-9223372036854775808"], "uint8": PLAIN[:-1], "bool": ["0", "1"]}
STRANGE = [
    "",
    " 1",
    "1 ",
    "nan",
    "inf",
    '"1"',
    "1e",
    "1e+",
    "--1",
    "1-2",
    "1..2",
    "0x10",
    "1_0",
    "1e39",
    "1e400",
    "256",
    "1,",
    "१",
    "x",
]
ODD_LINES = ["", "   ", "1,2", "1,2,3,4", "1,2,3\r", "1;2;3", "NA,1,2", "1\r,2,3"]


def read(text: str, wanted: TensorSpec, batch: int) -> tuple[list[Array], str]:
    """Return the batches before the end or a refusal, and the refusal."""
    found: list[Array] = []
    try:
        table = csv.CsvTable(io.BytesIO(text.encode()), [wanted], where="x.csv", options=TableOptions())
        found.extend(arrays[wanted.name] for arrays in table.batches(batch))
    except FerryError as error:
        return found, str(error)
    return found, " ".join(table.how)


def specs() -> list[TensorSpec]:
    return [
        spec(dtype=dtype, shape=("N", COLUMNS), allow_nonfinite=nonfinite)
        for dtype, nonfinite in [
            ("float32", False),
            ("float32", True),
            ("float64", False),
            ("int64", False),
            ("uint8", False),
            ("bool", False),
        ]
    ]


@pytest.mark.parametrize("wanted", specs(), ids=lambda item: f"{item.dtype} {item.allow_nonfinite}")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("many", [csv.MANY_LINES, -1], ids=["numpy", "pyarrow, where it is"])
def test_the_answers_are_those_of_the_reader_of_cells(
    wanted: TensorSpec, seed: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv, "MANY_LINES", many)
    drawn = np.random.default_rng(seed)
    pool = POOLS.get(wanted.dtype, [*PLAIN, *POINTED])
    went = 0

    def counted(*arguments: object, use_arrow: bool) -> object:
        nonlocal went
        numbers = plain_rows(*arguments, use_arrow=use_arrow)  # type: ignore[arg-type]
        went += numbers is not None
        return numbers

    for _ in range(60):
        lines = [",".join(drawn.choice(pool, COLUMNS)) for _ in range(MAX_CSV_SNIFFED_LINES + 30)]
        if drawn.integers(3):
            place = drawn.integers(MAX_CSV_SNIFFED_LINES, len(lines))
            cells = [drawn.choice(pool), drawn.choice(STRANGE), drawn.choice(pool)]
            lines[place] = drawn.choice(ODD_LINES) if drawn.integers(2) else ",".join(cells)
        end = drawn.choice(["\n", "\r\n"])
        text = end.join(lines) + drawn.choice([end, ""])
        batch = int(drawn.choice([1, 7, 100]))
        monkeypatch.setattr(csv, "plain_rows", counted)
        fast, said = read(text, wanted, batch)
        monkeypatch.setattr(csv, "plain_rows", lambda *_, **__: None)
        slow, expected = read(text, wanted, batch)
        assert said == expected
        assert [part.tobytes() for part in fast] == [part.tobytes() for part in slow], text
    assert (went > 0) == (wanted.dtype != "bool")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_every_number_is_correctly_rounded(delimiter: str, end: bytes) -> None:
    drawn = np.random.default_rng(1)
    wanted = drawn.integers(0, 2**63, 3 * 1000).view(np.float64)
    wanted = wanted[np.isfinite(wanted)][: 3 * 900].reshape(-1, 3)
    text = b"".join(delimiter.join(map(repr, row)).encode() + end for row in wanted.tolist())
    found = plain_rows(text, delimiter, 3, "float")
    assert found is not None
    assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"1,2"],
        [b"1,2\n", b"3\n"],
        [b"1,2,3\n", b"4\n"],
        [b"1, 2\n"],
        [b"1,\n"],
        [b"1,2\n", b"\n"],
        [b"1,2\r\r\n"],
        [b"1,nan\n"],
    ],
)
def test_what_is_not_plain_is_left_to_the_reader_of_cells(lines: Sequence[bytes]) -> None:
    assert plain_rows(b"".join(lines), ",", 2, "float") is None


@pytest.mark.parametrize("cell", [b"9007199254740992", b"1.0", b"1e3"])
def test_an_integer_that_a_float64_may_blur_is_left_to_the_reader_of_cells(cell: bytes) -> None:
    assert plain_rows(cell + b"\n", ",", 1, "integer") is None


@pytest.fixture
def arrow() -> Reader:
    """What reads long tables."""
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install -e .[tables]")

    def read_cells(cells: Sequence[str]) -> Float64 | None:
        text = "".join(cell + "\n" for cell in cells).encode()
        return arrow_rows(text, np.cumsum([len(cell) + 1 for cell in cells]) - 1, b",")

    return read_cells


def test_pyarrow_takes_the_grammar_of_numbers_and_nothing_else(arrow: Reader) -> None:
    """Every text of a few marks."""
    alphabets = {"1.eE+- nxaify_\"'0dDpP\t\r#%$\0\v": 3, "1.+-eE0": 5}
    for alphabet, most in alphabets.items():
        for marks in itertools.chain.from_iterable(itertools.product(alphabet, repeat=length) for length in range(1, most + 1)):
            cell = "".join(marks)
            found = arrow([cell])
            assert (found is not None) == is_number(cell), cell
            assert found is None or not np.isfinite(found[0]) or found.tobytes() == np.float64(cell).tobytes(), cell


def test_pyarrow_rounds_as_python_does(arrow: Reader) -> None:
    drawn = random.Random(0)
    cells = [repr(number) for number in np.frombuffer(drawn.randbytes(8 * 4000), np.float64).tolist() if np.isfinite(number)]
    cells += [f"{drawn.uniform(-1, 1) * 10.0 ** drawn.randrange(-300, 300):.{drawn.randrange(30)}e}" for _ in range(4000)]
    halfway = [(2 * (drawn.getrandbits(52) | 1 << 52) + 1) << drawn.randrange(10) for _ in range(2000)]
    cells += [str(number + change) for number in halfway for change in (-1, 0, 1)]
    cells += ["1e400", "-1e400", "1e-400", "-0", "007", "5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324"]
    found = arrow(cells)
    assert found is not None
    assert found.tobytes() == np.array(list(map(float, cells))).tobytes()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_long_table_is_read_to_the_same_bits_as_a_short_one(
    arrow: Reader, monkeypatch: pytest.MonkeyPatch, delimiter: str, end: str
) -> None:
    del arrow  # it says whether pyarrow is here
    drawn = np.random.default_rng(0)
    cells = [[f"{value:.{drawn.integers(1, 20)}g}" for value in row] for row in drawn.standard_normal((700, COLUMNS))]
    text = "".join(delimiter.join(row) + end for row in cells)
    found = []
    for many in (10**9, 100):
        monkeypatch.setattr(csv, "MANY_LINES", many)
        found.append(read(text, spec(shape=("N", COLUMNS)), 64))
    assert [part.tobytes() for part in found[0][0]] == [part.tobytes() for part in found[1][0]]
    assert (found[0][1], sum(map(len, found[0][0]))) == (found[1][1], 700)
