from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from builders.bundles import doubled
from builders.contracts import contract, doubling, spec
from torchferry.bundle.contract import Array, Contract
from torchferry.errors import ExitCode, FerryError
from torchferry.samples import gathered_sink, sink
from torchferry.samples.array_sink import NpyFile
from torchferry.samples.sink import SampleSink, open_sink
from torchferry.samples.text import csv_rows

X = np.arange(10, dtype=np.float32).reshape(5, 2)
OUTPUTS = doubled(X)


def write(target: Path | str, *batches: dict[str, Array], format_name: str | None = None, select: str | None = None) -> None:
    with open_sink(doubling(), str(target), format_name=format_name, select=select, total=None) as opened:
        for batch in batches or (OUTPUTS,):
            opened.write(batch)


def halves() -> list[dict[str, Array]]:
    return [{name: array[part] for name, array in OUTPUTS.items()} for part in (slice(0, 3), slice(3, None))]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_batches_are_appended(tmp_path: Path, kind: str) -> None:
    write(tmp_path / f"whole.{kind}")
    write(tmp_path / f"parts.{kind}", *halves())
    assert (tmp_path / f"parts.{kind}").read_text() == (tmp_path / f"whole.{kind}").read_text()
    assert len((tmp_path / f"whole.{kind}").read_text().splitlines()) == 5 + (kind == "csv")


def test_pyarrow_is_used_from_many_answers_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[bool] = []

    def noted(*arguments: object, use_arrow: bool) -> Iterator[str]:
        used.append(use_arrow)
        return csv_rows(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sink, "csv_rows", noted)
    monkeypatch.setattr(sink, "MANY_LINES", 2)
    monkeypatch.setattr(gathered_sink, "_ENOUGH", 1)
    write(tmp_path / "parts.csv", *halves())
    assert used == [False, True]


def test_arrays_are_one_file_an_output_with_the_count_of_all_batches(tmp_path: Path) -> None:
    write(tmp_path / "out.npy", *halves())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.label.npy", "out.y.npy"]
    for name, expected in OUTPUTS.items():
        array = np.load(tmp_path / f"out.{name}.npy")
        assert array.dtype == expected.dtype
        assert np.array_equal(array, expected)


def test_a_selected_output_is_the_file_itself(tmp_path: Path) -> None:
    write(tmp_path / "out.npy", select="label")
    assert np.array_equal(np.load(tmp_path / "out.npy"), OUTPUTS["label"])
    write(tmp_path / "out.csv", select="label")
    assert (tmp_path / "out.csv").read_text().splitlines()[0] == "label,class"


def test_an_empty_batch_is_written_with_its_shape(tmp_path: Path) -> None:
    write(tmp_path / "out.npy", {name: array[:0] for name, array in OUTPUTS.items()})
    assert np.load(tmp_path / "out.y.npy").shape == (0, 2)
    write(tmp_path / "out.jsonl", {name: array[:0] for name, array in OUTPUTS.items()})
    assert (tmp_path / "out.jsonl").read_bytes() == b""


def test_the_format_may_be_said_whatever_the_ending(tmp_path: Path) -> None:
    write(tmp_path / "out.txt", format_name="csv")
    assert (tmp_path / "out.txt").read_text().startswith("y[0],")
    for options in ({}, {"format_name": "xml"}, {"select": "z", "format_name": "csv"}):
        with pytest.raises(FerryError, match=r"expected (a name that ends in|jsonl, csv, npy, npz or png|one of)") as caught:
            write(tmp_path / "other.txt", **options)
        assert caught.value.code == ExitCode.USAGE
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "npy"])
def test_a_failed_run_leaves_nothing_and_the_old_file_whole(tmp_path: Path, kind: str) -> None:
    target = tmp_path / f"out.{kind}"
    target.write_text("old")
    with pytest.raises(RuntimeError), open_sink(doubling(), str(target), format_name=None, select="label", total=None) as sink:
        fail_after_a_batch(sink.write)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def fail_after_a_batch(write_batch: object) -> None:
    write_batch(OUTPUTS)  # type: ignore[operator]
    raise RuntimeError("the engine failed")


def test_a_new_file_has_the_users_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "out.csv")
    finally:
        os.umask(before)
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o640


def test_places_that_cannot_be_written_are_io_errors(tmp_path: Path) -> None:
    for target, kind in ((tmp_path / "absent" / "out.csv", None), (tmp_path, "csv"), (Path("/dev/full"), "csv")):
        with pytest.raises(FerryError) as caught:
            write(target, *[OUTPUTS] * 2000, format_name=kind)
        assert caught.value.code == ExitCode.IO
        assert str(target) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_special_file_is_written_directly_as_json_lines() -> None:
    write("/dev/null")


@pytest.mark.parametrize("kind", ["jsonl", "csv", "npy"])
def test_outputs_without_a_batch_are_one_sample(tmp_path: Path, kind: str) -> None:
    total = contract((spec("x", shape=(2,)),), (spec("sum", shape=()), spec("mean", shape=(2,))))
    with open_sink(total, str(tmp_path / f"out.{kind}"), format_name=None, select=None, total=None) as sink:
        sink.write({"sum": np.array(3, np.float32), "mean": np.array([1, 2], np.float32)})
    if kind == "npy":
        assert np.load(tmp_path / "out.sum.npy").shape == ()
        assert np.load(tmp_path / "out.mean.npy").tolist() == [1, 2]
    if kind == "jsonl":
        assert (tmp_path / "out.jsonl").read_text() == '{"sum": 3.0, "mean": [1.0, 2.0]}\n'
    if kind == "csv":
        assert (tmp_path / "out.csv").read_text() == "sum,mean[0],mean[1]\n3.0,1.0,2.0\n"


def test_an_output_without_batch_cannot_be_cut_into_samples(tmp_path: Path) -> None:
    mixed = contract((spec("x"),), (spec("y"), spec("total", shape=())))
    with pytest.raises(FerryError, match="total: got an output without the batch N") as caught, sink_of(mixed, tmp_path, None):
        pass
    assert caught.value.code == ExitCode.USAGE
    with sink_of(mixed, tmp_path, "y") as sink:
        sink.write({"y": OUTPUTS["y"], "total": np.array(1, np.float32)})
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def sink_of(wanted: Contract, folder: Path, select: str | None) -> AbstractContextManager[SampleSink]:
    return open_sink(wanted, str(folder / "out.jsonl"), format_name=None, select=select, total=None)


def test_a_disk_that_fills_at_the_last_file_keeps_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished = []

    def finish(self: NpyFile) -> None:
        finished.append(self)
        if len(finished) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(NpyFile, "finish", finish)
    with pytest.raises(FerryError, match="No space left"):
        write(tmp_path / "out.npy")
    assert list(tmp_path.iterdir()) == []
