"""A model whose answers depend on the samples in the same batch: found at export, never cut without a word, held by verify."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import torchferry
from builders.bundles import edit_manifest
from builders.programs import Program, assert_answered
from builders.spread import spread
from torchferry.errors import ExitCode, FerryError

ENGINES = ("torchscript", "onnxruntime")


class Relative(nn.Module):
    """Each value as a share of the largest one of the whole batch, then a layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layer = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layer(x / x.abs().max())
        return result


@pytest.fixture(scope="module")
def relative(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of that module."""
    out = tmp_path_factory.mktemp("samples") / "relative"
    notes: list[str] = []
    torchferry.export(Relative().eval(), inputs={"x": "float32[N,4]"}, out=out, note=notes.append)
    assert any("an answer depends on the samples in the same batch (output output: sample 0: got " in note for note in notes)
    return out


@pytest.fixture(scope="module")
def rows() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """More samples than one call of an independent model takes, the largest value last."""
    return np.linspace(-1, 2, 1200, dtype=np.float32).reshape(300, 4)


def test_the_contract_says_it_and_inspect_shows_it(program: Program, relative: Path) -> None:
    assert json.loads((relative / "manifest.json").read_text())["contract"]["samples"] == "batch"
    shown = [line for line in program("inspect", relative).stdout.decode().splitlines() if line.startswith("samples")]
    assert [line.split()[-1] for line in shown] == ["batch"]


@pytest.mark.parametrize("engine", spread(ENGINES[::-1], 1))
def test_predict_takes_the_whole_input_in_one_call(
    program: Program, relative: Path, rows: np.ndarray[tuple[int, int], np.dtype[np.float32]], engine: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", rows)
    np.savetxt(tmp_path / "x.csv", rows, delimiter=",", fmt="%.9g")
    with torch.inference_mode():
        whole = Relative().eval()(torch.from_numpy(rows)).numpy()
        in_parts = np.concatenate([Relative().eval()(torch.from_numpy(part)).numpy() for part in (rows[:256], rows[256:])])
    assert np.abs(whole - in_parts).max() > 0.1  # a cut would be seen
    for name in ("x.npy", "x.csv"):
        done = program("predict", relative, "--engine", engine, "--input", tmp_path / name, "--output", tmp_path / "y.npy")
        assert_answered(done)
        np.testing.assert_allclose(np.load(tmp_path / "y.npy"), whole, atol=1e-6)


def test_a_cut_that_was_asked_for_is_said(
    program: Program, relative: Path, rows: np.ndarray[tuple[int, int], np.dtype[np.float32]], tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", rows)
    arguments = ("--engine", "onnxruntime", "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy", "--batch", 256)
    done = program("predict", relative, *arguments)
    assert done.code == 0
    note, answered = done.stderr.splitlines()
    assert note == (
        "note: --batch 256: an answer of this model depends on the samples in the same call, so where the input is cut changes the "
        "answers"
    )
    assert answered == f"predict: 300 samples from {tmp_path}/x.npy, 300 answers, engine onnxruntime"
    with torch.inference_mode():
        first = Relative().eval()(torch.from_numpy(rows[:256])).numpy()
    np.testing.assert_allclose(np.load(tmp_path / "y.npy")[:256], first, atol=1e-6)


class Largest(nn.Module):
    """The largest value of the call, for each of its samples: an answer tells where the input was cut."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N,T] -> [N,1]."""
        return x[:, :1] * 0 + x.max()


@pytest.mark.parametrize(
    ("words", "length", "limits", "calls"),
    [
        ("float32[N,200000]", 200_000, {}, [10, 20, 25]),
        ("float32[N,T]", 7, {"T": "1..200000"}, [10, 20, 25]),
        ("float32[N,T]", 200_000, {}, [25]),
        ("float32[N,3000000]", 3_000_000, {}, [1, 2, 3]),
        ("uint8[N,1000000]", 1_000_000, {}, [8, 16, 17]),
    ],
)
def test_large_samples_are_cut_into_calls_of_8_mib_in_both_programs(
    programs: dict[str, Program], tmp_path: Path, words: str, length: int, limits: dict[str, str], calls: list[int]
) -> None:
    x = np.ones((calls[-1], length), words.partition("[")[0])
    x[:, -1] = np.arange(1, calls[-1] + 1)
    np.save(tmp_path / "x.npy", x)
    golden = np.random.default_rng(0).integers(0, 9, (2, length)).astype(x.dtype)
    module = nn.Sequential(Largest()) if x.dtype != np.uint8 else nn.Sequential(AsFloat(), Largest())
    torchferry.export(
        module.eval(), inputs={"x": words}, symbols=limits, golden=golden, to=["onnx"], out=tmp_path / "b", stress=False
    )
    edit_manifest(tmp_path / "b", lambda value: value["contract"].update(samples="independent"))
    expected = np.repeat(calls, np.diff([0, *calls]))
    for program in programs.values():
        arguments = ("--engine", "onnxruntime", "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
        assert_answered(program("predict", tmp_path / "b", *arguments))
        assert np.load(tmp_path / "y.npy")[:, 0].tolist() == expected.tolist()


class AsFloat(nn.Module):
    """Bytes as numbers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N,T] -> [N,T]."""
        return x.to(torch.float32)


@pytest.mark.parametrize("engine", spread(ENGINES[::-1], 1))
def test_verify_passes_it_and_fails_the_claim_that_its_samples_are_independent(
    program: Program, relative: Path, engine: str
) -> None:
    assert program("verify", relative, "--engine", engine).code == 0
    edit_manifest(relative, lambda value: value["contract"].update(samples="independent"))
    try:
        done = program("verify", relative, "--engine", engine)
        shown = json.loads(program("verify", relative, "--engine", engine, "--json").stdout)
    finally:
        edit_manifest(relative, lambda value: value["contract"].update(samples="batch"))
    assert done.code == 1
    problems = {row["case"]: row["problem"] for row in shown["engines"][0]["verdicts"]}
    assert problems["batch-1"] is None
    assert problems["batch-64"].startswith(
        "samples: the answers change with the samples beside them (samples 31 to 0 alone: at ["
    )
    assert f"FAIL {engine} batch-64 output: samples: the answers change" in done.stdout.decode()


def test_both_programs_describe_the_mixing_in_the_same_words(ferry: Program, ferry_run: Program, relative: Path) -> None:
    edit_manifest(relative, lambda value: value["contract"].update(samples="independent"))
    try:
        found = [
            [
                line
                for line in program("verify", relative, "--engine", "onnxruntime").stdout.decode().splitlines()
                if line.startswith("FAIL ")
            ]
            for program in (ferry, ferry_run)
        ]
    finally:
        edit_manifest(relative, lambda value: value["contract"].update(samples="batch"))
    assert len(found[0]) == 1
    assert found[0] == found[1]


@pytest.mark.parametrize("form", ["c", "c-int8"])
def test_generated_c_which_runs_sample_by_sample_refuses_it_in_one_line(form: str, tmp_path: Path) -> None:
    with pytest.raises(FerryError, match=f"format {form}: got a module that mixes the samples of a batch") as caught:
        torchferry.export(Relative().eval(), inputs={"x": "float32[N,4]"}, out=tmp_path / "c", to=[form])
    assert caught.value.code == ExitCode.FORMAT
    assert not (tmp_path / "c").exists()


def test_batch_norm_without_running_statistics_is_exported_and_said(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    bundle = torchferry.export(module, inputs={"x": "float32[N,3,8,8]"}, out=tmp_path / "bn", note=lambda _: None)
    assert bundle.contract.samples == "batch"


def test_instance_norm_is_exported_as_independent(tmp_path: Path) -> None:
    bundle = torchferry.export(nn.InstanceNorm2d(3).eval(), inputs={"x": "float32[N,3,5,5]"}, out=tmp_path / "in")
    assert bundle.contract.samples == "independent"
