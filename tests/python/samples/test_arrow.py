"""Parquet and Arrow IPC, written by pyarrow where it is here (the extra `tables`); without it one line says so."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import pytest

from builders.contracts import spec
from torchferry.bundle.contract import Array, TensorSpec
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.arrow import is_arrow, open_arrow
from torchferry.samples.columns import TableOptions

ROWS = np.random.default_rng(3).standard_normal((700, 2)).astype(np.float32)
NAMED = {"x[1]": ROWS[:, 1], "x[0]": ROWS[:, 0]}


def stored(kind: str, columns: dict[str, Any]) -> bytes:
    """A table as a file of that kind, in pieces of 300 rows."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install -e .[tables]")
    from pyarrow import ipc, parquet

    table, stream = pa.table(columns), io.BytesIO()
    if kind == "parquet":
        parquet.write_table(table, stream, row_group_size=300)
    else:
        with (ipc.new_file if kind == "arrow" else ipc.new_stream)(stream, table.schema) as writer:
            writer.write_table(table, max_chunksize=300)
    return stream.getvalue()


def read(
    data: bytes, *specs: TensorSpec, batch: int | None = 256, options: TableOptions | None = None
) -> tuple[list[dict[str, Array]], Any]:
    table = open_arrow(io.BufferedReader(io.BytesIO(data)), specs or (spec(),), where="x", options=options or TableOptions())  # type: ignore[arg-type]
    return list(table.batches(batch)), table


def refusal(data: bytes, *specs: TensorSpec, options: TableOptions | None = None) -> str:
    with pytest.raises(FerryError) as caught:
        read(data, *specs, options=options)
    assert caught.value.code == ExitCode.BAD_INPUT
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream"])
def test_columns_go_by_name_and_batches_are_those_of_any_file(kind: str) -> None:
    data = stored(kind, NAMED)
    assert is_arrow(data[:16])
    batches, table = read(data)
    assert [len(batch["x"]) for batch in batches] == [256, 256, 188]
    assert np.concatenate([batch["x"] for batch in batches]).tobytes() == ROWS.tobytes()
    assert table.how == []
    (whole,), _ = read(data, batch=None)
    assert whole["x"].flags.c_contiguous
    assert whole["x"].tobytes() == ROWS.tobytes()


def test_numbers_become_the_contracts_dtype_as_those_of_csv_do() -> None:
    wide = ROWS.astype(np.float64) * 1.1
    (batch,), _ = read(stored("parquet", {"0": wide[:, 0], "1": wide[:, 1]}), batch=None)
    assert batch["x"].tobytes() == wide.astype(np.float32).tobytes()
    (counts,), _ = read(stored("parquet", {"n": [1, 2, 255]}), spec("n", "uint8", ("N",)))
    assert counts["n"].tolist() == [1, 2, 255]


def test_several_inputs_and_an_identity_are_columns_of_one_table() -> None:
    columns = {"id": ["a", "b"], "n": [7, 8], "x[0]": [1.0, 2.0], "x[1]": [3.0, 4.0], "other": [0, 0]}
    options = TableOptions(ignore_columns=True, id_column="id")
    (batch,), table = read(stored("arrow", columns), spec(), spec("n", "int64", ("N",)), options=options)
    assert (batch["x"].tolist(), batch["n"].tolist()) == ([[1, 3], [2, 4]], [7, 8])
    assert table.ids == ["a", "b"]
    assert table.how == ["1 column ignored"]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"x[0]": [1.0]}, "x: got no column x[1], expected x[0] to x[1]"),
        ({**NAMED, "y": ROWS[:, 0]}, "x: got the extra column 'y', expected x[0] to x[1]"),
        ({"x[0]": [1.0, None], "x[1]": [2.0, 3.0]}, "x: column 'x[0]': row 2: got nothing (a missing value), expected float32"),
        ({"x[0]": [1.0, 2.0], "x[1]": [2.0, np.nan]}, "x: column 'x[1]': row 2: got nan, expected a finite float32"),
        ({"x[0]": [1.0, 1e39], "x[1]": [2.0, 3.0]}, "x: column 'x[0]': row 2: got 1e+39, expected a finite float32"),
        ({"x[0]": ["1"], "x[1]": ["2"]}, "x: column 'x[0]': got string, expected float32; convert the column"),
    ],
    ids=["missing", "extra", "null", "nan", "too large", "words"],
)
def test_a_table_that_is_none_of_the_contract_is_refused(columns: dict[str, Any], words: str) -> None:
    for kind in ("parquet", "arrow"):
        assert words in refusal(stored(kind, columns))


@pytest.mark.parametrize(
    ("values", "got"), [([1, 256], "row 2: got 256"), ([1.0, 2.0], "got double"), ([1, -1], "row 2: got -1")]
)
def test_integers_take_integers_in_range_only(values: list[float], got: str) -> None:
    assert got in refusal(stored("parquet", {"n": values}), spec("n", "uint8", ("N",)))


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream"])
def test_a_file_cut_at_64_places_is_refused(kind: str) -> None:
    data = stored(kind, NAMED)
    for place in range(64):
        refusal(data[: 16 + place * (len(data) - 16) // 64])
    if kind == "stream":
        refusal(data[:-8])  # between two messages


@pytest.mark.parametrize(
    ("magic", "kind"), [(b"PAR1", "Parquet"), (b"ARROW1\0\0", "Arrow IPC"), (b"\xff\xff\xff\xff", "Arrow IPC")]
)
def test_without_pyarrow_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, magic: bytes, kind: str) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(FerryError) as caught:
        read(magic + bytes(40))
    assert caught.value.code == ExitCode.UNAVAILABLE
    assert str(caught.value).startswith(
        f"x: got {kind} and no pyarrow in this Python, expected it; type: pip install 'torchferry[tables]'"
    )
