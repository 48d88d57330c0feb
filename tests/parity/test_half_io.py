"""float16 and bfloat16 as dtypes of inputs and outputs: verified in both languages, and read and written alike."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from torch import nn

import torchferry
from builders.bundles import reseal
from builders.programs import Program
from torchferry.bundle.dtype import DTypeName, numpy_dtype, rounded
from torchferry.errors import ExitCode

HALVES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
PATTERNS = np.arange(65536, dtype=np.uint16)


class Double(nn.Module):
    """Exact: whatever is read comes out as it was read, doubled."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + x


class Classifier(nn.Module):
    """Two layers and a label."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.top = nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.top(torch.relu(self.hidden(x)))
        return {"logits": logits, "label": logits.argmax(1)}


@pytest.fixture(scope="module", params=list(HALVES))
def dtype(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def bundle(dtype: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("half") / dtype
    module = Classifier().to(HALVES[dtype]).eval()
    torchferry.export(module, inputs={"x": f"{dtype}[N,8]:-2..2"}, to=["torchscript", "onnx"], out=out)
    return out


@pytest.fixture(scope="module")
def doubling(dtype: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("half") / f"double-{dtype}"
    torchferry.export(Double().eval(), inputs={"x": f"{dtype}[N,1]:-2..2"}, outputs=["y"], to=["torchscript"], out=out)
    return out


@pytest.fixture(params=["python", "c++"])
def either(request: pytest.FixtureRequest, programs: dict[str, Program]) -> Program:
    return programs[request.param]


def test_the_contract_has_the_dtype_and_goldens_lie_in_it(bundle: Path, dtype: DTypeName) -> None:
    opened = torchferry.open_bundle(bundle)
    assert [spec.dtype for spec in (*opened.contract.inputs, *opened.contract.outputs)] == [dtype, dtype, "int64"]
    case = opened.manifest.golden.cases[0]
    stored = np.load(bundle / case.float32["logits"].path)
    assert stored.dtype.itemsize == 2
    assert opened.read_arrays(case.float32)["logits"].dtype == numpy_dtype(dtype)


@pytest.mark.parametrize("engine", ["torchscript", "onnxruntime"])
def test_it_is_verified_in_both_languages(bundle: Path, either: Program, engine: str) -> None:
    done = either("verify", bundle, "--engine", engine)
    assert done.code == 0, done.stdout + done.stderr.encode()


def test_both_programs_say_the_same_of_every_verdict(bundle: Path, programs: dict[str, Program]) -> None:
    reports = [json.loads(program("verify", bundle, "--engine", "torchscript", "--json").stdout) for program in programs.values()]
    first, second = ([item["verdicts"] for item in report["engines"]] for report in reports)
    assert first == second


@pytest.mark.parametrize("engine", ["torchscript", "onnxruntime"])
def test_diff_sees_every_layer_in_its_precision(bundle: Path, programs: dict[str, Program], engine: str) -> None:
    done = programs["python"]("diff", bundle, "--engine", engine)
    assert done.code == 0, done.stderr
    assert b"SAME: 3 values inside and 2 outputs are within their tolerances; 0 not seen" in done.stdout


def test_a_flipped_bit_of_a_golden_is_a_mismatch(bundle: Path, either: Program, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    shutil.copytree(bundle, wrong)
    (path,) = wrong.glob("golden/batch-64.float32.logits.npy")
    content = bytearray(path.read_bytes())
    content[-2] ^= 1  # the last digit of the last number
    path.write_bytes(content)
    reseal(wrong)
    done = either("verify", wrong, "--engine", "torchscript")
    assert done.code == ExitCode.MISMATCH
    assert b"191/192" in done.stdout


def test_every_pattern_is_written_as_the_number_that_it_is(
    doubling: Path, either: Program, dtype: DTypeName, tmp_path: Path
) -> None:
    values = PATTERNS.view(numpy_dtype(dtype)).astype(np.float32)
    given = PATTERNS[np.isfinite(values) & (np.abs(values) < np.float32(2.0**14))]
    halves = given.view(numpy_dtype(dtype)).reshape(-1, 1)
    np.save(tmp_path / "x.npy", halves)
    assert np.load(tmp_path / "x.npy").dtype == ("<f2" if dtype == "float16" else "<V2")
    arguments = ["predict", doubling, "--engine", "torchscript", "--batch", "4096", "--input", tmp_path / "x.npy"]
    done = either(*arguments, "--output", tmp_path / "y.jsonl")
    assert done.code == 0, done.stderr
    told = [json.loads(line)["y"][0] for line in (tmp_path / "y.jsonl").read_text().splitlines()]
    assert np.array_equal(np.array(told, np.float32), 2 * halves.astype(np.float32).ravel())
    done = either(*arguments, "--output", tmp_path / "y.npy")
    assert done.code == 0, done.stderr
    assert np.load(tmp_path / "y.npy").view(np.uint16).tolist() == (halves + halves).view(np.uint16).tolist()


def ties(dtype: DTypeName) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Numbers half way between neighbours, and those beside them; sampled, with all of the smallest."""
    values = PATTERNS[: 0x7400 if dtype == "float16" else 0x4800].view(numpy_dtype(dtype)).astype(np.float64)
    middle = ((values[1:] + values[:-1]) / 2)[np.r_[0:64, 64 : len(values) - 1 : 97]]
    return np.concatenate([middle, np.nextafter(middle, 0), np.nextafter(middle, np.inf)])


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_decimals_are_rounded_once_to_the_nearest_even(
    doubling: Path, either: Program, dtype: DTypeName, kind: str, tmp_path: Path
) -> None:
    numbers = ties(dtype)
    line = (lambda value: f"[{value!r}]\n") if kind == "jsonl" else (lambda value: f"{value!r}\n")
    (tmp_path / f"x.{kind}").write_text("".join(line(float(value)) for value in numbers))
    done = either(
        *("predict", doubling, "--engine", "torchscript", "--batch", "4096"),
        *("--input", tmp_path / f"x.{kind}", "--output", tmp_path / "y.npy"),
    )
    assert done.code == 0, done.stderr
    near = np.load(tmp_path / "y.npy").view(numpy_dtype(dtype)).astype(np.float64).ravel() / 2
    beside = [np.nextafter(near.astype(numpy_dtype(dtype)), np.asarray(sign * np.inf, numpy_dtype(dtype))) for sign in (-1, 1)]
    off = np.abs(near - numbers)
    for other in (array.astype(np.float64) for array in beside):
        assert (off <= np.abs(other - numbers)).all()
    tied = np.minimum(*(np.abs(array.astype(np.float64) - numbers) for array in beside)) == off
    assert tied.sum() >= len(numbers) // 4
    assert not (near[tied].astype(numpy_dtype(dtype)).view(np.uint16) & 1).any()


def test_what_16_bits_cannot_hold_is_refused_in_the_same_words(
    doubling: Path, programs: dict[str, Program], dtype: str, tmp_path: Path
) -> None:
    told = set()
    for text in ("1e39", "-inf"):
        (tmp_path / "x.csv").write_text(f"1\n{text}\n")
        for program in programs.values():
            done = program("predict", doubling, "--engine", "torchscript", "--input", tmp_path / "x.csv")
            assert done.code == ExitCode.BAD_INPUT
            told.add(done.stderr.replace(text, "it"))
    assert len(told) == 1
    assert f"expected a finite {dtype}" in told.pop()


def test_float32_is_no_float16(doubling: Path, either: Program, dtype: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 1), np.float32))
    done = either("predict", doubling, "--engine", "torchscript", "--input", tmp_path / "x.npy")
    assert done.code == ExitCode.BAD_INPUT
    assert f"got float32[2,1], expected {dtype}[N,1]" in done.stderr


def test_ml_dtypes_rounds_twice_and_rounded_does_not() -> None:
    """A number just above the middle of two: by way of float32 it becomes the middle, and goes to the even one below."""
    above = np.array([np.nextafter(1 + 2.0**-8, 2)])
    assert float(above.astype(ml_dtypes.bfloat16)[0]) == 1
    assert float(rounded(above, "bfloat16")[0]) == 1 + 2.0**-7
