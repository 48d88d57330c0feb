"""CSV cell by cell. What C++ makes of the same files is compared in tests/parity."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest

from builders.contracts import spec
from torchferry.bundle.contract import Array, TensorSpec
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.columns import TableOptions
from torchferry.samples.csv import CsvTable


def read(text: str | bytes, wanted: TensorSpec | None = None, batch: int = 100) -> list[Array]:
    data = text if isinstance(text, bytes) else text.encode()
    wanted = wanted or spec()
    table = CsvTable(io.BytesIO(data), [wanted], where="x.csv", options=TableOptions())
    return [arrays[wanted.name] for arrays in table.batches(batch)]


def refusal(text: str | bytes, wanted: TensorSpec | None = None) -> str:
    with pytest.raises(FerryError) as caught:
        read(text, wanted)
    assert caught.value.code == ExitCode.BAD_INPUT
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,4\n",
        "1,2\r\n3,4\r\n",
        "1,2\n3,4",
        "\ufeff1,2\n3,4\n",
        "\n\n1,2\n   \n3,4\n\n",
        "width,length\n1,2\n3,4\n",
        '\ufeff"width","length"\n1,2\n3,4\n',
        '"1", "2"\n 3 ,4 \n',
        "+1,2.\n3e0,.4e1\n",
        "1;2\n3;4\n",
        "1\t2\n3\t4\n",
        " 1  2\n3 \t4 \n",
        "x[1];x[0]\n2;1\n4;3\n",
        "0,1\n1.0,2.0\n3.0,4.0\n",
        "# width length\n1 2\n3 4\n",
    ],
    ids=[
        "plain",
        "crlf",
        "no end",
        "bom",
        "blank lines",
        "header",
        "bom and header",
        "quotes",
        "forms",
        "semicolons",
        "tabs",
        "spaces",
        "names",
        "counting",
        "numpy's header",
    ],
)
def test_all_forms_of_a_table_give_the_same_values(text: str) -> None:
    (batch,) = read(text)
    assert batch.dtype == np.float32
    assert batch.tolist() == [[1, 2], [3, 4]]


def test_rows_come_in_batches_and_in_the_shape_of_a_sample() -> None:
    batches = read("1,2,3,4\n5,6,7,8\n9,10,11,12\n", spec(shape=("N", 2, 2)), batch=2)
    assert [batch.shape for batch in batches] == [(2, 2, 2), (1, 2, 2)]
    assert batches[1].tolist() == [[[9, 10], [11, 12]]]


@pytest.mark.parametrize("text", ["", "\n \n", "width,length\n", "\ufeff"])
def test_a_table_without_rows_gives_no_batch(text: str) -> None:
    assert read(text) == []


def test_a_column_of_one_number_a_sample() -> None:
    (batch,) = read("1\n2\n", spec(shape=("N",)))
    assert batch.shape == (2,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2\n3,x\n", "line 2, column 2: got 'x', expected a number"),
        ("a,b\n1,2\n\nc,d\n", "line 4, column 1: got 'c'"),
        ("1,2\n3\n", "line 2: got 1 cells, expected 2"),
        ("1,2,3\n", "line 1: got 3 cells, expected 2"),
        ("1|2\n3|4\n", "line 1: got 1 cells"),
        ("1,\n", "line 1, column 2: got nothing"),
        ("1,0x10\n", "column 2: got '0x10'"),
        ("1,1_000\n", "column 2: got '1_000'"),
        ("1,1e\n", "column 2: got '1e'"),
        ("1,\u0661\n", "column 2"),
        ("1,2\n1,--2\n", "line 2, column 2"),
        (b"1,2\n\xff,4\n", "line 2: got bytes that are no text"),
        (b"1,2\x00\n", "line 1: got bytes that are no text"),
    ],
)
def test_a_bad_cell_is_named_by_line_and_column(text: str | bytes, words: str) -> None:
    assert words in refusal(text)


def test_a_header_with_a_number_in_it_is_data_with_an_error() -> None:
    assert "line 1, column 1: got 'width'" in refusal("width,2\n1,2\n")


@pytest.mark.parametrize(
    ("dtype", "good", "bad"),
    [
        ("uint8", ["255", "0", "+7"], ["256", "-1", "1.0", "1e2", "nan", "9" * 50]),
        ("int8", ["-128", "127"], ["-129", "128"]),
        ("int64", ["-9223372036854775808", "9223372036854775807"], ["9223372036854775808"]),
        ("bool", ["1", "0", "false", "True"], ["2", "yes"]),
    ],
)
def test_integer_dtypes_take_integers_in_range_only(dtype: str, good: list[str], bad: list[str]) -> None:
    wanted = spec(dtype=dtype, shape=("N",))
    (batch,) = read("\n".join(good), wanted)
    assert batch.dtype == dtype
    assert [int(value) for value in batch] == [int(text) if text[-1:].isdigit() else text == "True" for text in good]
    for text in bad:
        assert ("expected 0, 1, false or true" if dtype == "bool" else "expected an integer from") in refusal(
            f"1\n{text}\n", wanted
        )


def test_floats_are_rounded_once_from_the_nearest_float64() -> None:
    text = "1.00000017881393432617187499\n"  # below the middle of two float32, above it after rounding to float64? no: exact
    (batch,) = read(text, spec(shape=("N",)))
    assert batch[0] == np.float32(float(text))
    (wide,) = read("0.1\n", spec(dtype="float64", shape=("N",)))
    assert wide[0] == 0.1


@pytest.mark.parametrize(
    ("text", "got"), [("1e39", "'1e39'"), ("-1e400", "'-1e400'"), ("inf", "'inf'"), ("nan", "'nan' (a missing value)")]
)
def test_what_is_not_finite_is_named_by_line_and_column(text: str, got: str) -> None:
    assert f"line 2, column 2: got {got}, expected a finite float32" in refusal(f"1,2\n3,{text}\n")
    assert f"got {got}, expected a finite float32" in refusal(f"2\n{text}\n", spec(shape=("N",)))


def test_the_largest_float32_is_the_last_that_is_finite() -> None:
    (batch,) = read("3.4028235677973362e38\n", spec(shape=("N",)))
    assert batch[0] == np.finfo(np.float32).max
    assert "expected a finite float32" in refusal("3.4028235677973366e38\n", spec(shape=("N",)))


def test_a_number_beyond_float32_becomes_infinite_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (batch,) = read("1e39\n-1e400\nInfinity\n-inf\nNaN\n", spec(shape=("N",), allow_nonfinite=True))
    assert [str(value) for value in batch] == ["inf", "-inf", "inf", "-inf", "nan"]


@pytest.mark.parametrize("shape", [(2,), ("N", "T"), (), ("T", 2)])
def test_a_contract_that_rows_cannot_fill_wants_npy(shape: tuple[int | str, ...]) -> None:
    assert "expected .npy" in refusal("1,2\n", spec(shape=shape))
