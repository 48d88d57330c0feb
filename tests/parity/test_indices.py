"""Indices beside a table: both programs refuse those outside the declared range before any engine answers, in the same words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import torchferry
from builders.programs import Program
from builders.sides import ALLOW, engines_of
from torchferry.engines import Session
from torchferry.errors import ExitCode, FerryError

GOLDEN = np.random.default_rng(1).integers(0, 10, (6, 3))


class Rows(nn.Module):
    """The sum of rows of a table."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.table = nn.Embedding(10, 4)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Map ids [N,3] to sums [N,4]."""
        return self.table(ids).sum(1)  # type: ignore[no-any-return]


@pytest.fixture(scope="module", params=["int64", "int32"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("indices") / "rows"
    inputs, golden = {"ids": f"{request.param}[N,3]:0..9"}, GOLDEN.astype(request.param)
    torchferry.export(Rows().eval(), inputs=inputs, golden=golden, to=["torchscript", "onnx", "c"], out=folder)
    return folder


@pytest.mark.parametrize(("wrong", "place"), [(10, (0, 0)), (-1, (3, 2)), (2**31 - 1, (5, 1))])
def test_an_index_outside_is_refused_by_every_engine_in_the_same_words(
    programs: dict[str, Program], bundle: Path, tmp_path: Path, wrong: int, place: tuple[int, int]
) -> None:
    dtype = torchferry.open_bundle(bundle).contract.inputs[0].dtype
    ids = GOLDEN.astype(dtype)
    ids[place] = wrong
    np.save(tmp_path / "ids.npy", ids)
    words = f"{tmp_path}/ids.npy: input ids: element [{place[0]},{place[1]}]: got {wrong}, expected 0 to 9; clean the data"
    for language, program in programs.items():
        for engine in engines_of(bundle, language):
            done = program("predict", bundle, "--engine", engine, ALLOW, "--input", tmp_path / "ids.npy")
            assert (done.code, done.stdout) == (ExitCode.BAD_INPUT, b""), (language, engine)
            assert words in done.stderr, (language, engine)


def test_both_ends_of_the_range_are_answered(bundle: Path) -> None:
    opened = torchferry.open_bundle(bundle)
    ids = np.array([[0, 9, 0], [9, 9, 9]], opened.contract.inputs[0].dtype)
    assert Session(opened, "torchscript").run({"ids": ids})["output"].shape == (2, 4)


class Undeclared(Rows):
    """The same without a range, and of numbers that are computed: the engine itself fails."""

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Map ids [N,3] to sums [N,4]."""
        return super().forward(ids * 1)


def test_a_model_that_fails_on_its_inputs_is_bad_input_in_both_programs(programs: dict[str, Program], tmp_path: Path) -> None:
    torchferry.export(
        Undeclared().eval(), inputs={"ids": "int64[N,3]"}, golden=GOLDEN, to=["torchscript", "onnx"], out=tmp_path / "b"
    )
    np.save(tmp_path / "ids.npy", np.full((1, 3), 10))
    for engine in ("torchscript", "onnxruntime"):
        done = [
            program("predict", tmp_path / "b", "--engine", engine, "--input", tmp_path / "ids.npy")
            for program in programs.values()
        ]
        assert [finished.code for finished in done] == [ExitCode.BAD_INPUT] * 2, done
        assert done[0].stderr == done[1].stderr
        assert f"engine {engine}: the model failed on these inputs: " in done[0].stderr


def test_goldens_outside_their_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FerryError, match=r"got 9, expected 0 to 8; clean the data") as caught:
        torchferry.export(
            Rows().eval(), inputs={"ids": "int64[N,3]:0..8"}, golden=np.full((2, 3), 9), to=["torchscript"], out=tmp_path / "b"
        )
    assert caught.value.code == ExitCode.BAD_INPUT
