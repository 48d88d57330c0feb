"""Where the answers cannot be written, the programs say so (6) and leave nothing half-written behind (FORMAT.md section 10)."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from builders.programs import Program
from builders.spread import spread
from hostile.permissions import obey_permissions, require_bound_by_permissions
from hostile.refusal import assert_error, assert_refused

FORMATS = ["jsonl", "csv", "npy", "npz"]


@pytest.fixture
def predict(iris: Path, engine: str) -> list[object]:
    """The command line of a prediction, without its output: 20,000 samples, whose outputs are more than any buffer holds."""
    np.save(iris.parent / "rows.npy", np.ones((20_000, 2), np.float32))
    return ["predict", iris, "--engine", engine, "--input", iris.parent / "rows.npy", "--output"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_missing_folder_is_refused(quick_program: Program, predict: list[object], tmp_path: Path, kind: str) -> None:
    output = tmp_path / "none" / f"out.{kind}"
    assert_refused(quick_program, *predict, output, code=6, named="/none/out", under=tmp_path)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_folder_in_the_outputs_place_is_refused(
    quick_program: Program, predict: list[object], tmp_path: Path, kind: str
) -> None:
    (tmp_path / ("out.net_input.npy" if kind == "npy" else f"out.{kind}")).mkdir()
    assert_refused(quick_program, *predict, tmp_path / f"out.{kind}", code=6, named="/out.", under=tmp_path)


def test_a_folder_in_the_second_arrays_place_leaves_the_first_unwritten(
    quick_program: Program, predict: list[object], tmp_path: Path
) -> None:
    (tmp_path / "out.label.npy").mkdir()
    assert_refused(quick_program, *predict, tmp_path / "out.npy", code=6, named="out.label.npy", under=tmp_path)


@pytest.mark.parametrize("locked", ["folder", "folder/out.jsonl"])
def test_what_may_not_be_written_is_refused(program: Program, predict: list[object], tmp_path: Path, locked: str) -> None:
    output = tmp_path / "folder" / "out.jsonl"
    output.parent.mkdir()
    output.write_text("old\n")
    (tmp_path / locked).chmod(0)
    require_bound_by_permissions(tmp_path / locked)
    try:
        assert_refused(program, *predict, output, code=6, named="out.jsonl", under=tmp_path, preexec_fn=obey_permissions)
    finally:
        (tmp_path / locked).chmod(0o755)
    assert output.read_text() == "old\n"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk_is_refused(quick_program: Program, predict: list[object], tmp_path: Path, kind: str) -> None:
    select = ["--select", "label"] if kind == "npy" else []
    assert_refused(quick_program, *predict, "/dev/full", "--format", kind, *select, code=6, named="/dev/full", under=tmp_path)


def limit_files() -> None:
    """For `preexec_fn`: no file may grow beyond 64 KiB, as on a disk that fills while the program writes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # otherwise the system ends the program
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))


@pytest.mark.parametrize("kind", spread(FORMATS, 2))
def test_a_disk_that_fills_while_writing_leaves_the_old_files_whole(
    program: Program, predict: list[object], tmp_path: Path, kind: str
) -> None:
    for name in (f"out.{kind}", "out.net_input.npy", "out.label.npy"):
        (tmp_path / name).write_text("old\n")
    assert_refused(program, *predict, tmp_path / f"out.{kind}", code=6, named="/out.", under=tmp_path, preexec_fn=limit_files)


@pytest.mark.parametrize("command", ["inspect", "inspect --json", "verify", "verify --json"])
def test_a_full_stdout_is_an_io_error(program: Program, iris: Path, engine: str, command: str) -> None:
    verb, *options = command.split()
    if verb == "verify":
        options += ["--engine", engine]
    with Path("/dev/full").open("wb") as full:
        assert_error(program(verb, iris, *options, stdout=full), 6)


def test_a_full_stdout_is_an_io_error_for_help_too(program: Program) -> None:
    with Path("/dev/full").open("wb") as full:
        assert_error(program("--help", stdout=full), 6)


@pytest.mark.parametrize("verb", ["inspect", "predict"])
def test_a_stdout_that_is_closed_early_is_an_io_error(program: Program, predict: list[object], iris: Path, verb: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert_error(program(*(["inspect", iris] if verb == "inspect" else [*predict, "-"]), stdout=writer), 6)
    finally:
        os.close(writer)


def without_stdout() -> None:
    """For `preexec_fn`: there is no descriptor 1 at all."""
    os.close(1)


def test_a_stderr_that_nobody_reads_changes_no_exit_code(program: Program, iris: Path, predict: list[object]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert program("inspect", "/nowhere", stderr=writing).code == 6
        assert program(*predict, "/nowhere/out.csv", stderr=writing).code == 6
        assert program("inspect", iris, "--nothing", stderr=writing).code == 2
    finally:
        os.close(writing)


def test_a_program_without_stdout_is_refused(program: Program, iris: Path) -> None:
    assert_error(program("inspect", iris, preexec_fn=without_stdout), 6, "stdout")


def test_an_output_that_is_a_link_is_written_through_it(program: Program, predict: list[object], tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").write_text("old\n")
    (tmp_path / "out.jsonl").symlink_to("real.jsonl")
    assert program(*predict, tmp_path / "out.jsonl").code == 0
    assert (tmp_path / "out.jsonl").is_symlink()
    assert (tmp_path / "real.jsonl").read_text().startswith('{"net_input": ')


def test_an_engine_that_is_not_here_leaves_no_output(quick_program: Program, predict: list[object], tmp_path: Path) -> None:
    predict[3] = "no-such-engine"
    assert_refused(quick_program, *predict, tmp_path / "out.jsonl", code=5, named="no-such-engine", under=tmp_path)
