"""Two processes train to the weights of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from torchferry.course.data import load_dataset
from torchferry.course.train import find_recipe, load_run, train_recipe
from torchferry.course.train.distributed import Processes
from torchferry.course.train.training import start_training
from torchferry.errors import ExitCode, FerryError


def torchrun(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "torchferry",
        "train",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([*launcher, *arguments], cwd=folder, capture_output=True, text=True, env=environment, check=False)


def assert_close(left: str, right: str) -> None:
    expected = load_run(right).module.state_dict()
    for name, value in load_run(left).module.state_dict().items():
        assert torch.allclose(value, expected[name], rtol=0, atol=1e-5), name


@pytest.mark.slow
def test_two_processes_reach_the_weights_of_one_and_only_the_first_prints(tmp_path: Path):
    result = torchrun(tmp_path, "digits-mlp", "--epochs", "3", "--out", "two")
    assert result.returncode == 0, result.stderr
    assert len([line for line in result.stdout.splitlines() if line.startswith("digits-mlp")]) == 4
    train_recipe("digits-mlp", out=Path("one"), changes={"epochs": 3})
    assert_close("two", "one")


@pytest.mark.slow
def test_two_processes_resume_and_accumulate(tmp_path: Path):
    settings = ("--batch-size", "10", "--accumulate", "3")
    for arguments in (("--epochs", "2"), ("--epochs", "3", "--resume")):
        result = torchrun(tmp_path, "digits-mlp", *arguments, *settings, "--out", "two")
        assert result.returncode == 0, result.stderr
    train_recipe("digits-mlp", out=Path("one"), changes={"epochs": 3, "batch_size": 10, "accumulate": 3})
    assert_close("two", "one")
    with pytest.raises(FerryError, match="got 1 processes, expected 2"):
        train_recipe("digits-mlp", out=Path("two"), changes={"epochs": 4}, resume=True)


@pytest.mark.slow
def test_a_bad_setting_is_told_once(tmp_path: Path):
    result = torchrun(tmp_path, "iris-adaline", "--gradient", "manual")
    assert result.returncode != 0
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert errors == ["error: --gradient: got manual, expected autograd: several processes average what backward() computes"]
    assert not (tmp_path / "runs").exists()


def test_shares_of_a_minibatch_are_disjoint_and_complete():
    rows = torch.arange(7)
    shares = [Processes(rank, rank, 3).share(rows) for rank in range(3)]
    assert sorted(torch.cat(shares).tolist()) == rows.tolist()


def test_a_minibatch_smaller_than_the_number_of_processes_is_refused():
    recipe, dataset = find_recipe("digits-mlp"), load_dataset("digits")
    config = recipe.config(batch_size=4)
    with pytest.raises(FerryError, match="smallest minibatch has 1 of 1437 rows, expected at least 2") as caught:
        start_training(recipe, dataset, config, torch.device("cpu"), Processes(0, 0, 2))
    assert caught.value.code == ExitCode.USAGE
