"""A range of the rows of a file is what a slice of the whole file is, for every kind of file and every cut."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builders.contracts import doubling
from torchferry.bundle.contract import Array
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.columns import TableOptions
from torchferry.samples.options import InputOptions
from torchferry.samples.source import open_samples

ROWS = np.arange(60, dtype=np.float32).reshape(30, 2) / 8


def write_npy(path: Path) -> None:
    np.save(path.with_suffix(".npy"), ROWS)
    path.with_suffix(".npy").rename(path)


def write_csv(path: Path) -> None:
    """With a mark, a header, blank lines at both ends, and the line ends of Windows."""
    lines = [f"{a},{b}" for a, b in ROWS.tolist()]
    path.write_bytes("\r\n".join(["\ufeffx[0],x[1]", "", *lines, "", ""]).encode())


def write_json_lines(path: Path) -> None:
    path.write_text("\n".join(json.dumps(row) for row in ROWS.tolist()))


def write_npz(path: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, x=ROWS)


def write_parquet(path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table({"x[0]": ROWS[:, 0], "x[1]": ROWS[:, 1]})
    parquet.write_table(table, path, row_group_size=7)


def write_arrow(path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"x[0]": ROWS[:, 0], "x[1]": ROWS[:, 1]})
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=4)


KINDS = (write_npy, write_csv, write_json_lines, write_npz, write_parquet, write_arrow)


def read(path: Path, rows: range | None, batch: int) -> list[Array]:
    with open_samples(doubling(), [str(path)], batch=batch, options=InputOptions(rows=rows)) as source:
        return [inputs["x"] for inputs in source.batches]


@pytest.mark.parametrize("write", KINDS)
def test_a_range_of_rows_is_a_slice_of_the_whole(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(path := tmp_path / "rows")
    assert np.concatenate(read(path, None, 7)).tobytes() == ROWS.tobytes()
    for start in range(30):
        for stop in {start + 1, start + 4, start + 8, 30} & set(range(start + 1, 31)):
            assert np.concatenate(read(path, range(start, stop), stop - start)).tobytes() == ROWS[start:stop].tobytes()
        batches = read(path, range(start, 30), 4)
        assert [len(batch) for batch in batches[:-1]] == [4] * (len(batches) - 1)
        assert np.concatenate(batches).tobytes() == ROWS[start:].tobytes()


@pytest.mark.parametrize("write", KINDS)
def test_the_rows_are_counted_without_being_read(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(path := tmp_path / "rows")
    with open_samples(doubling(), [str(path)], batch=1) as source:
        assert (source.measure(), source.is_one_a_file) == (30, False)


def test_a_bad_line_is_no_problem_of_the_rows_behind_it_and_keeps_its_number(tmp_path: Path) -> None:
    lines = [f"{a},{b}" for a, b in ROWS.tolist()]
    lines[18], lines[20] = "one,\x01", "1,2,3"
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    assert np.concatenate(read(path, range(21, 30), 9)).tobytes() == ROWS[21:].tobytes()
    for bad in (18, 20):
        with pytest.raises(FerryError, match=f"line {bad + 1}") as caught:
            read(path, range(bad, bad + 1), 1)
        assert caught.value.code == ExitCode.BAD_INPUT


def test_identities_go_with_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("who,x[0],x[1]\n" + "".join(f"row{i},{a},{b}\n" for i, (a, b) in enumerate(ROWS.tolist())))
    options = InputOptions(TableOptions(id_column="who"), rows=range(17, 23))
    with open_samples(doubling(), [str(path)], batch=3, options=options) as source:
        found = [(source.ids, len(inputs["x"])) for inputs in source.batches]
    assert found == [(["row17", "row18", "row19"], 3), (["row20", "row21", "row22"], 3)]
