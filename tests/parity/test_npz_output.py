"""`predict --output OUT.npz`: every output in one file, the same bytes from both programs, and what NumPy reads."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from builders.programs import ROOT, Program, assert_answered
from torchferry.bundle.stored_zip import read_entries

DIGITS = ROOT / "exported" / "digits-mlp"
IMAGES = DIGITS / "golden" / "batch-64.input.image.npy"
OUTPUTS = ("logits", "probabilities", "label")


def run(program: Program, output: Path, *options: object, source: Path = IMAGES) -> None:
    words = ["--engine", "onnxruntime", "--input", source, "--output", output, *options]
    assert_answered(program("predict", DIGITS, *words))


def predict(program: Program, output: Path, *options: object, source: Path = IMAGES) -> bytes:
    run(program, output, *options, source=source)
    return output.read_bytes()


@pytest.mark.parametrize("batch", [7, 64])
def test_numpy_reads_every_output_as_from_npy(program: Program, tmp_path: Path, batch: int) -> None:
    for name in ("out.npz", "out.npy"):
        run(program, tmp_path / name, "--batch", batch)
    with np.load(tmp_path / "out.npz") as arrays:
        assert tuple(arrays) == OUTPUTS
        for name, array in arrays.items():
            single = np.load(tmp_path / f"out.{name}.npy")
            assert (array.dtype, array.shape) == (single.dtype, single.shape)
            assert array.tobytes() == single.tobytes()
    assert {path.suffix for path in tmp_path.iterdir()} == {".npz", ".npy"}


@pytest.mark.parametrize("options", [[], ["--batch", 7], ["--select", "label"]], ids=str)
def test_both_programs_write_the_same_bytes_as_often_as_they_are_asked(
    ferry: Program, ferry_run: Program, tmp_path: Path, options: list[object]
) -> None:
    files = [predict(program, tmp_path / f"{i}.npz", *options) for i, program in enumerate((ferry, ferry_run, ferry, ferry_run))]
    assert files == files[:1] * 4


def test_both_programs_write_the_same_npy_and_it_is_numpys(ferry: Program, ferry_run: Program, tmp_path: Path) -> None:
    rows = np.load(IMAGES)
    np.savez(tmp_path / "in.npz", image=rows)  # says how many there are
    np.savetxt(tmp_path / "in.csv", rows.reshape(len(rows), -1), delimiter=",", fmt="%.9g")  # does not
    for source in ("in.npz", "in.csv"):
        files = [
            predict(program, tmp_path / f"{i}.npy", "--select", "logits", source=tmp_path / source)
            for i, program in enumerate((ferry, ferry_run))
        ]
        np.save(tmp_path / "numpy.npy", np.load(tmp_path / "0.npy"))
        assert files == [(tmp_path / "numpy.npy").read_bytes()] * 2


def test_other_readers_find_the_archive_whole(program: Program, tmp_path: Path) -> None:
    data = predict(program, tmp_path / "out.npz")
    with zipfile.ZipFile(tmp_path / "out.npz") as archive:
        assert archive.testzip() is None
        assert [entry.compress_type for entry in archive.infolist()] == [zipfile.ZIP_STORED] * 3
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert [name.removesuffix(".npy") for name in read_entries(memoryview(data))] == list(OUTPUTS)


def test_it_goes_through_a_pipe(program: Program, tmp_path: Path) -> None:
    predict(program, tmp_path / "out.npz")
    done = program("predict", DIGITS, "--engine", "onnxruntime", "--input", IMAGES, "--format", "npz")
    assert done.stdout == (tmp_path / "out.npz").read_bytes()


@pytest.mark.parametrize("option", [["--top", 2], ["--id", "n", "--input", "rows.csv"]], ids=str)
def test_words_are_refused_alike(ferry: Program, ferry_run: Program, tmp_path: Path, option: list[object]) -> None:
    done = [
        program(
            "predict",
            DIGITS,
            "--output",
            tmp_path / "out.npz",
            *(option if "--input" in option else [*option, "--input", IMAGES]),
        )
        for program in (ferry, ferry_run)
    ]
    assert done[0] == done[1]
    assert done[0].code == 2
    assert "for .npz, which holds numbers, expected .jsonl or .csv" in done[0].stderr
    assert list(tmp_path.iterdir()) == []
