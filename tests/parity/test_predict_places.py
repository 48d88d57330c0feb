"""What `predict` must not read and not replace: both programs refuse it in the same words, and nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import torchferry
from builders.programs import Program
from torchferry.errors import ExitCode

ENGINE = ("--engine", "onnxruntime")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of rows of four numbers."""
    out = tmp_path_factory.mktemp("places") / "rows"
    torch.manual_seed(0)
    torchferry.export(nn.Linear(4, 2).eval(), inputs={"x": "float32[N,4]"}, outputs=["y"], out=out, to=["onnx"], stress=False)
    return out


class Marks(nn.Module):
    """Counts what is true."""

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """[N,3] -> [N,1]."""
        return v.to(torch.float32).sum(1, keepdim=True)


@pytest.fixture(scope="module")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of rows of three bools."""
    out = tmp_path_factory.mktemp("places") / "marks"
    golden = np.random.default_rng(0).integers(0, 2, (8, 3)).astype(bool)
    torchferry.export(Marks().eval(), inputs={"v": "bool[N,3]"}, golden=golden, out=out, to=["onnx"], stress=False)
    return out


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of pictures of 6 x 5 pixels."""
    out = tmp_path_factory.mktemp("places") / "pictures"
    module = nn.Sequential(nn.Flatten(), nn.Linear(90, 2)).eval()
    torchferry.export(module, inputs={"x": "float32[N,6,5,3]:0..255"}, out=out, to=["onnx"], stress=False)
    return out


def refusal(programs: dict[str, Program], code: ExitCode, *arguments: object) -> str:
    """Return the line that both programs end with."""
    done = [program("predict", *arguments) for program in programs.values()]
    assert [one.code for one in done] == [code] * 2, done
    assert all(one.stdout == b"" for one in done)
    assert done[0].stderr == done[1].stderr
    assert done[0].stderr.count("\n") == 1
    return done[0].stderr


@pytest.mark.parametrize("kind", ["npy", "npz", "bin"])
def test_a_byte_that_is_no_bool_is_refused_whatever_holds_it(
    programs: dict[str, Program], marks: Path, tmp_path: Path, kind: str
) -> None:
    values = np.array([[0, 1, 1], [1, 0, 2]], np.uint8)
    file = tmp_path / f"v.{kind}"
    if kind == "npy":
        np.save(file, values.view(bool))
    elif kind == "npz":
        np.savez(file, v=values.view(bool))
    else:
        file.write_bytes(values.tobytes())
    options = ("--input-format", "raw") if kind == "bin" else ()
    said = refusal(programs, ExitCode.BAD_INPUT, marks, *ENGINE, "--input", file, *options)
    assert said == f"error: {file}: input v: element [1,2]: got the byte 2, expected 0 or 1 for bool; clean the data\n"


def test_a_second_picture_in_a_file_is_not_dropped(programs: dict[str, Program], pictures: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((6, 5, 3), np.uint8)).save(tmp_path / "one.ppm")
    (tmp_path / "two.ppm").write_bytes((tmp_path / "one.ppm").read_bytes() * 2)
    said = refusal(programs, ExitCode.BAD_INPUT, pictures, *ENGINE, "--input", tmp_path / "two.ppm")
    assert "a PNM with bytes behind its pixels, expected one picture a file" in said


def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(programs: dict[str, Program], pictures: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((6, 5, 3), np.uint8)).save(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.png")
    said = refusal(programs, ExitCode.IO, pictures, *ENGINE, "--input", tmp_path)
    assert said == f"error: {tmp_path}/b.png: got a pipe, a socket or a device, expected a file; take it out of the folder\n"


@pytest.mark.parametrize("words", ["{file}", "x={file}", "@{names}"])
def test_an_answer_never_replaces_what_it_is_read_from(
    programs: dict[str, Program], rows: Path, tmp_path: Path, words: str
) -> None:
    (tmp_path / "r.csv").write_text("1,2,3,4\n5,6,7,8\n")
    (tmp_path / "r.csv.names").write_text(f"{tmp_path}/r.csv\n")
    os.link(tmp_path / "r.csv", tmp_path / "same.csv")
    output = tmp_path / ("r.csv.names" if words.startswith("@") else "same.csv")
    before = output.read_bytes()
    argument = words.format(file=tmp_path / "r.csv", names=tmp_path / "r.csv.names")
    said = refusal(programs, ExitCode.USAGE, rows, *ENGINE, "--input", argument, "--output", output, "--format", "csv")
    assert "which --input reads, expected another file; name another" in said
    assert output.read_bytes() == before


@pytest.mark.parametrize("name", ["y", "y[0]", "class", "top", "top[0].class"])
def test_ids_never_take_the_name_of_an_answer(programs: dict[str, Program], rows: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "r.csv").write_text(f"{name},x[0],x[1],x[2],x[3]\na,1,2,3,4\n")
    said = refusal(programs, ExitCode.USAGE, rows, *ENGINE, "--input", tmp_path / "r.csv", "--id", name)
    assert "the name of an output, expected another; rename the column" in said


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_a_stream_is_not_answered_by_an_array(programs: dict[str, Program], rows: Path, kind: str) -> None:
    said = refusal(programs, ExitCode.USAGE, rows, *ENGINE, "--input", "-", "--follow", "--format", kind)
    assert said == f"error: --format: got {kind} with --follow, expected jsonl or csv: an array is written when it is whole\n"
