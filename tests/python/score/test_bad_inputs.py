"""What `ferry score` says of files that cannot be read, and of values that a model does not take: by file and row, and what is left."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.programs import Finished, Program
from builders.scoring import BATCH, BUNDLE, ENGINE, GOLDEN, answers, expected_lines
from torchferry.errors import ExitCode

LOCAL = ["--local", *ENGINE, "--part-rows", 2 * BATCH]
ROWS = np.load(GOLDEN)  # 64


def npy(values: Any) -> bytes:
    np.save(file := io.BytesIO(), values)
    return file.getvalue()


def parquet(values: Any) -> bytes:
    pa, tables = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {f"measurements[{at}]": values[:, at] for at in range(2)}
    tables.write_table(pa.table(columns), file := io.BytesIO(), row_group_size=40)
    return file.getvalue()


UNREADABLE = {
    "cut.npy": (npy(ROWS)[:-9], "the file is cut short"),
    "empty.npy": (b"", "got no samples"),
    "no-rows.npy": (npy(ROWS[:0]), "got no samples"),
    "narrow.npy": (npy(ROWS[:, :1].copy()), "got float32[64,1], expected float32[N,2]"),
    "double.npy": (npy(ROWS.astype(np.float64)), "got float64[64,2]"),
    "cut.parquet": (b"PAR1junkPAR1", "got Parquet that pyarrow cannot read"),
    "table.xlsx": (b"PK\x03\x04" + b"x" * 40, "table.xlsx"),
    "paper.pdf": (b"%PDF-1.4 x", "got a PDF"),
}


def score(ferry_here: Program, folder: Path, *options: object, out: str = "out") -> tuple[Finished, list[dict[str, Any]]]:
    """Score a folder; what was skipped."""
    output = folder.parent / out
    done = ferry_here("score", BUNDLE, *LOCAL, "--input", folder, "--output", output, *options)
    skipped = output / "_skipped.jsonl"
    return done, [json.loads(line) for line in skipped.read_text().splitlines()] if skipped.exists() else []


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("is_first", [False, True], ids=["behind", "first"])
def test_a_file_that_cannot_be_read_is_named_or_skipped_whole(
    ferry_here: Program, ferry_run: Program, tmp_path: Path, name: str, is_first: bool
) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    folder, (data, words) = tmp_path / "in", UNREADABLE[name]
    folder.mkdir()
    np.save(folder / "m.npy", ROWS)
    bad = folder / f"{'a' if is_first else 'z'}-{name}"
    bad.write_bytes(data)
    refused, _ = score(ferry_here, folder)
    assert (refused.code, refused.stderr.count("\n")) == (ExitCode.BAD_INPUT, 1)
    assert (str(bad) in refused.stderr, words in refused.stderr) == (True, True), refused.stderr
    assert not (tmp_path / "out").exists()
    done, skipped = score(ferry_here, folder, "--bad-rows", "skip")
    assert (done.code, answers(tmp_path / "out")) == (
        ExitCode.OK,
        expected_lines(ferry_run, folder / "m.npy", tmp_path / "expected.jsonl"),
    )
    assert "64 answers in 3 parts" in done.stderr
    assert "1 whole file skipped: _skipped.jsonl" in done.stderr
    ((row, reason),) = ((one["row"], one["reason"]) for one in skipped)
    assert (row, str(bad) in reason, words in reason) == (0 if is_first else 64, True, True)


@pytest.mark.parametrize("kind", [npy, parquet])
def test_a_value_that_the_model_does_not_take_is_named_by_its_row_and_costs_no_other(
    ferry_here: Program, tmp_path: Path, kind: Any
) -> None:
    folder, values = tmp_path / "in", np.tile(ROWS, (2, 1))
    folder.mkdir()
    for row, column in ((40, 1), (90, 0), (100, 0)):
        values[row, column] = np.nan
    (folder / "rows").write_bytes(kind(values))
    words = ("element [{},{}]: got nan", 0) if kind is npy else ("column 'measurements[{1}]': row {0}: got nan", 1)
    refused, _ = score(ferry_here, folder)
    assert refused.code == ExitCode.BAD_INPUT
    assert words[0].format(40 + words[1], 1) in refused.stderr
    done, _ = score(ferry_here, folder, "--bad-rows", "skip", "--resume")
    assert (done.code, "begun with bad_rows 'fail', now it is 'skip'" in done.stderr) == (ExitCode.USAGE, True), done.stderr
    done, skipped = score(ferry_here, folder, "--bad-rows", "skip", out="other")
    assert (done.code, "125 answers" in done.stderr, "3 rows skipped" in done.stderr) == (ExitCode.OK, True, True), done.stderr
    assert [one["row"] for one in skipped] == [40, 90, 100]
    for one, column in zip(skipped, (1, 0, 0), strict=True):
        assert words[0].format(one["row"] + words[1], column) in one["reason"]


def test_npz_files_of_a_folder_are_rows_too(ferry_here: Program, ferry_run: Program, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    np.savez(folder / "a=1.npz", measurements=ROWS)
    np.save(tmp_path / "rows.npy", ROWS)
    done, _ = score(ferry_here, folder)
    expected = expected_lines(ferry_run, tmp_path / "rows.npy", tmp_path / "expected.jsonl")
    assert (done.code, answers(tmp_path / "out")) == (ExitCode.OK, expected), done.stderr


@pytest.mark.parametrize("policy", ["fail", "skip"])
def test_a_name_that_is_not_utf_8_is_one_line_and_nothing_is_begun(ferry_here: Program, tmp_path: Path, policy: str) -> None:
    """The plan is JSON, which has no such names."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9.npy")).write_bytes(npy(ROWS))
    done, _ = score(ferry_here, folder, "--bad-rows", policy)
    assert (done.code, done.stderr.count("\n")) == (ExitCode.BAD_INPUT, 1), done.stderr
    assert f"{folder}/caf\\xe9.npy: got a name that is not UTF-8" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("policy", ["fail", "skip"])
def test_a_folder_inside_a_folder_is_one_line(ferry_here: Program, tmp_path: Path, policy: str) -> None:
    (tmp_path / "in" / "year=2026").mkdir(parents=True)
    np.save(tmp_path / "in" / "m.npy", ROWS)
    done, _ = score(ferry_here, tmp_path / "in", "--bad-rows", policy)
    assert (done.code, done.stderr.count("\n")) == (ExitCode.IO, 1), done.stderr
    assert "in/year=2026: got a folder inside a folder, expected files; name it with an --input of its own" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("policy", ["fail", "skip"])
@pytest.mark.parametrize("note", ["a break\ninside", "three\n5,1.0,2.0\nlines"])
def test_a_row_over_several_lines_ends_the_run_and_no_piece_of_it_is_answered(
    ferry_here: Program, tmp_path: Path, policy: str, note: str
) -> None:
    """A piece may look like a row. Python's csv reads these files as two rows."""
    folder = tmp_path / "in"
    folder.mkdir()
    with (folder / "notes.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["note", "measurements[0]", "measurements[1]"], ["x", 1.0, 2.0], [note, 3.0, 4.0]])
    done, _ = score(ferry_here, folder, "--id", "note", "--bad-rows", policy)
    assert (done.code, done.stderr.count("\n")) == (ExitCode.BAD_INPUT, 1), done.stderr
    assert "notes.csv: line 3, column 1: got a quote that the line does not close" in done.stderr
    assert not (tmp_path / "out" / "_score.json").exists()
    assert answers(tmp_path / "out") == b""
