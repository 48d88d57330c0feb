"""`predict --output FOLDER/`: one answer a file, named after the input; the whole folder appears at the end, or nothing does."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from builders.programs import BUILD, ROOT, Finished, Program, assert_answered
from builders.spread import spread

DIGITS = ROOT / "exported" / "digits-mlp"
IMAGES = DIGITS / "golden" / "batch-64.input.image.npy"
NAMES = [f"digit{i:02}" for i in range(10)]
COMMANDS = {"Python": [sys.executable, "-m", "torchferry"], "C++": [str(BUILD / "bin" / "ferry-run")]}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of ten digits."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, image in zip(NAMES, np.load(IMAGES), strict=False):
        Image.fromarray(image).save(folder / f"{name}.png")
    return folder


def predict(program: Program, source: Path, output: object, *options: object, **rest: object) -> Finished:
    return program("predict", DIGITS, "--engine", "onnxruntime", "--input", source, "--output", output, *options, **rest)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("kind", "options"),
    [("jsonl", []), ("jsonl", ["--top", 2]), ("csv", ["--format", "csv"]), ("npz", ["--format", "npz"])],
    ids=str,
)
def test_each_file_is_the_answer_to_the_picture_of_its_name(
    ferry: Program, ferry_run: Program, pictures: Path, tmp_path: Path, kind: str, options: list[object]
) -> None:
    for program, name in ((ferry, "python"), (ferry_run, "cpp")):
        assert_answered(predict(program, pictures, f"{tmp_path}/{name}/", "--batch", 4, *options), "10 answers")
    assert contents(tmp_path / "python") == contents(tmp_path / "cpp")
    assert sorted(contents(tmp_path / "cpp")) == [f"{name}.{kind}" for name in NAMES]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cpp", "in", "python"]
    assert_answered(predict(ferry_run, pictures / "digit03.png", tmp_path / f"alone.{kind}", *options))
    if kind != "npz":  # whose other bits of a batch of one are no matter here
        alone, third = (
            path.read_text().splitlines() for path in (tmp_path / f"alone.{kind}", tmp_path / "cpp" / f"digit03.{kind}")
        )
        assert len(alone) == len(third) == 1 + (kind == "csv")
        assert alone[0][:12] == third[0][:12]


def test_the_answers_are_those_of_one_file(program: Program, pictures: Path, tmp_path: Path) -> None:
    predict(program, pictures, tmp_path / "all.jsonl")
    predict(program, pictures, f"{tmp_path}/out/")
    assert (tmp_path / "all.jsonl").read_bytes() == b"".join((tmp_path / "out" / f"{name}.jsonl").read_bytes() for name in NAMES)


def test_a_table_of_many_samples_is_one_file(program: Program, tmp_path: Path) -> None:
    shutil.copy(IMAGES, tmp_path / "rows.npy")
    assert_answered(predict(program, tmp_path / "rows.npy", f"{tmp_path}/out//"))
    assert len((tmp_path / "out" / "rows.jsonl").read_text().splitlines()) == 64
    done = predict(program, Path("-"), f"{tmp_path}/piped/", "--select", "label", "--format", "npy", stdin=IMAGES.read_bytes())
    assert_answered(done)
    assert np.load(tmp_path / "piped" / "stdin.npy").shape == (64,)


def refused_alike(programs: list[Program], source: Path, output: object, *options: object) -> Finished:
    python, cpp = (predict(program, source, output, *options) for program in programs)
    assert (python.code, python.stderr) == (cpp.code, cpp.stderr)
    return python


def test_what_cannot_be_named_or_placed_is_refused_alike(
    ferry: Program, ferry_run: Program, pictures: Path, tmp_path: Path
) -> None:
    both = [ferry, ferry_run]
    (tmp_path / "there").mkdir()
    there = refused_alike(both, pictures, f"{tmp_path}/there/")
    assert (there.code, there.stderr) == (
        6,
        f"error: {tmp_path}/there/: got an existing path, expected none; name another folder, or remove this one\n",
    )
    nowhere = refused_alike(both, pictures, f"{tmp_path}/none/out/")
    assert (nowhere.code, "none/out/: got No such file or directory" in nowhere.stderr) == (6, True)
    several = refused_alike(both, pictures, f"{tmp_path}/out/", "--format", "npy")
    assert (several.code, "for 3 outputs, expected one .npy a file; add --select NAME" in several.stderr) == (2, True)
    shutil.copy(pictures / "digit03.png", pictures / "digit03.bmp")
    twice = refused_alike(both, pictures, f"{tmp_path}/out/")
    assert (twice.code, "digit03.png, whose answers are both digit03.jsonl, expected different names" in twice.stderr) == (
        2,
        True,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "there"]


def test_one_bad_entry_leaves_nothing(ferry: Program, ferry_run: Program, pictures: Path, tmp_path: Path) -> None:
    (pictures / "digit07.png").write_bytes((pictures / "digit07.png").read_bytes()[:-20])
    done = refused_alike([ferry, ferry_run], pictures, f"{tmp_path}/out/", "--batch", 2)
    assert (done.code, "digit07.png" in done.stderr) == (7, True)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("language", COMMANDS)
@pytest.mark.parametrize("number", spread([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], 1))
def test_a_signal_leaves_no_folder(pictures: Path, tmp_path: Path, language: str, number: signal.Signals) -> None:
    listed = tmp_path / "list"
    listed.write_text("".join(f"{pictures}/{i}.png\n" for i in range(3000)))
    for i in range(3000):
        (pictures / f"{i}.png").symlink_to(pictures / "digit00.png")
    words = ["predict", DIGITS, "--engine", "onnxruntime", "--input", f"@{listed}", "--output", f"{tmp_path}/out/", "--batch", 1]

    def begun() -> list[Path]:
        return [path for folder in tmp_path.glob(".ferry-*") for path in folder.glob("?.jsonl")]

    def take_signal() -> None:
        signal.signal(number, signal.SIG_DFL)

    with subprocess.Popen([*COMMANDS[language], *map(str, words)], stderr=subprocess.DEVNULL, preexec_fn=take_signal) as process:
        deadline = time.monotonic() + 60
        while not begun() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.send_signal(number)
        process.wait()
    if process.returncode == 0:
        pytest.skip("it was done before the signal came")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "list"]
