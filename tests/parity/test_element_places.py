"""Where a wrong element stands: both programs name the file, and the line or the row of the whole input, in the same words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import wavfile
from torch import nn

import torchferry
from builders.programs import Program
from parity.test_predict_places import refusal
from torchferry.errors import ExitCode

ENGINE = ("--engine", "onnxruntime")
ROWS, BAD, COLUMN = 700, 601, 1  # the wrong row lies in the third call


class Several(nn.Module):
    """Gives back what it is given."""

    def forward(self, x: torch.Tensor, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[N,3] and [N,2] as they are."""
        return x * 1, ids * 1


@pytest.fixture(scope="module", params=["int32", "int64"])
def several(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of an input of finite numbers and one of indices from -5 to 9."""
    out = tmp_path_factory.mktemp("elements") / request.param
    inputs = {"x": "float32[N,3]", "ids": f"{request.param}[N,2]:-5..9"}
    torchferry.export(Several().eval(), inputs=inputs, outputs=["y", "i"], out=out, to=["onnx"], stress=False)
    return out


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of sounds of four values."""
    out = tmp_path_factory.mktemp("elements") / "sound"
    torchferry.export(
        nn.Linear(4, 2).eval(), inputs={"x": "float32[N,4]:8000Hz"}, outputs=["y"], out=out, to=["onnx"], stress=False
    )
    return out


def told(programs: dict[str, Program], bundle: Path, *words: object) -> str:
    """Return the line that both programs end with; the answers before it reach no file."""
    answers = bundle.parent / "answers.jsonl"
    said = refusal(programs, ExitCode.BAD_INPUT, bundle, *ENGINE, *words, "--output", answers)
    assert not answers.exists()
    return said


def numbers(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs without a fault."""
    return np.ones((ROWS, 3), np.float32), np.zeros((ROWS, 2), dtype)


@pytest.mark.parametrize("wrong", [10, -6])
@pytest.mark.parametrize("kind", ["npy", "npz", "raw"])
def test_an_array_names_the_row_of_the_whole_input(
    programs: dict[str, Program], several: Path, tmp_path: Path, kind: str, wrong: int
) -> None:
    x, ids = numbers(several.name)
    ids[BAD, COLUMN] = wrong
    words: list[object] = []
    if kind == "npz":
        np.savez(tmp_path / "all.npz", x=x, ids=ids)
        words, file = ["--input", tmp_path / "all.npz"], tmp_path / "all.npz"
    else:
        for name, array in (("x", x), ("ids", ids)):
            np.save(tmp_path / f"{name}.npy", array)
            array.tofile(tmp_path / f"{name}.raw")
            words += ["--input", f"{name}={tmp_path}/{name}.{kind}"]
        words += ["--input-format", "raw"] if kind == "raw" else []
        file = tmp_path / f"ids.{kind}"
    said = told(programs, several, *words)
    assert said == f"error: {file}: input ids: element [{BAD},{COLUMN}]: got {wrong}, expected -5 to 9; clean the data\n"
    assert np.load(tmp_path / "ids.npy")[BAD, COLUMN] == wrong if kind == "npy" else True


@pytest.mark.parametrize("batch", [1, 100, 256, 1000])
def test_the_row_does_not_depend_on_the_batch(programs: dict[str, Program], several: Path, tmp_path: Path, batch: int) -> None:
    x, ids = numbers(several.name)
    x[BAD, COLUMN] = np.nan
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "ids.npy", ids)
    words = ("--input", f"x={tmp_path}/x.npy", "--input", f"ids={tmp_path}/ids.npy", "--batch", batch)
    said = told(programs, several, *words)
    assert said == (
        f"error: {tmp_path}/x.npy: input x: element [{BAD},{COLUMN}]: got nan, expected a finite number; clean the data\n"
    )


@pytest.mark.parametrize("wrong", [10, -6, 2**31])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_line_names_its_number_and_the_range(
    programs: dict[str, Program], several: Path, tmp_path: Path, kind: str, wrong: int
) -> None:
    x, ids = (array.tolist() for array in numbers(several.name))
    ids[BAD][COLUMN] = wrong
    file = tmp_path / f"rows.{kind}"
    if kind == "csv":
        names = ",".join([*(f"x[{i}]" for i in range(3)), "ids[0]", "ids[1]"])
        file.write_text("\n".join([names, *(",".join(map(str, a + b)) for a, b in zip(x, ids, strict=True))]) + "\n")
        place, got = f"line {BAD + 2}, column 5", f"'{wrong}'"
    else:
        file.write_text("".join(json.dumps({"x": a, "ids": b}) + "\n" for a, b in zip(x, ids, strict=True)))
        place, got = f"line {BAD + 1}: ids[{COLUMN}]", str(wrong)
    said = told(programs, several, "--input", file)
    assert said == f"error: {file}: {place}: got {got}, expected an integer from -5 to 9; correct the file\n"


def test_a_table_of_indices_alone_names_the_line_too(programs: dict[str, Program], tmp_path: Path) -> None:
    out = tmp_path / "ids"
    module = nn.Sequential(nn.Embedding(10, 4), nn.Flatten()).eval()
    torchferry.export(module, inputs={"ids": "int64[N,2]:0..9"}, outputs=["y"], out=out, to=["onnx"], stress=False)
    lines = ["3,4"] * ROWS
    lines[BAD] = "3,10"
    (tmp_path / "ids.csv").write_text("\n".join(lines) + "\n")
    said = told(programs, out, "--input", tmp_path / "ids.csv")
    assert f"ids.csv: line {BAD + 1}, column 2: got '10', expected an integer from 0 to 9; correct the file" in said


def test_a_column_of_arrow_names_its_row(ferry_here: Program, several: Path, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    x, ids = numbers(several.name)
    ids[BAD, COLUMN] = 10
    columns = {**{f"x[{i}]": x[:, i] for i in range(3)}, **{f"ids[{i}]": ids[:, i] for i in range(2)}}
    parquet.write_table(pa.table(columns), tmp_path / "rows.parquet")
    done = ferry_here("predict", several, *ENGINE, "--input", tmp_path / "rows.parquet")
    assert done.code == ExitCode.BAD_INPUT
    assert f"column 'ids[1]': row {BAD + 1}: got 10, expected an integer from -5 to 9; correct the table" in done.stderr


def test_a_sound_names_its_file(programs: dict[str, Program], sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for i in range(5):
        values = np.full(4, 0.5, np.float32)
        values[2] = np.nan if i == 3 else 0
        wavfile.write(folder / f"{i}.wav", 8000, values)
    said = told(programs, sound, "--input", folder, "--batch", 2)
    assert said == f"error: {folder}/3.wav: input x: element [2]: got nan, expected a finite number; clean the data\n"
