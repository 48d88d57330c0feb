"""A checkpoint is whole or refused."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from torchferry.course.train import train_recipe
from torchferry.course.train.checkpoint import load_checkpoint, write_atomically
from torchferry.errors import ExitCode, FerryError


@pytest.fixture
def folder() -> Path:
    train_recipe("iris-adaline", out=Path("run"), changes={"epochs": 2})
    return Path("run")


def test_cut_checkpoint_is_refused_by_name(folder: Path):
    data = (folder / "checkpoint.pt").read_bytes()
    for size in range(0, len(data), 499):
        (folder / "checkpoint.pt").write_bytes(data[:size])
        with pytest.raises(FerryError, match=r"^run/checkpoint.pt: damaged") as caught:
            load_checkpoint(folder)
        assert caught.value.code == ExitCode.INTEGRITY


def test_flipped_bit_is_refused_or_changes_nothing(folder: Path):
    path = folder / "checkpoint.pt"
    data = path.read_bytes()
    expected = load_checkpoint(folder)
    refused = 0
    for bit in random.Random(1).sample(range(len(data) * 8), 300):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            loaded = load_checkpoint(folder)
        except FerryError as error:
            refused += error.code == ExitCode.INTEGRITY
            continue
        assert loaded.history == expected.history
        assert loaded.config == expected.config
        assert all(torch.equal(loaded.model[name], expected.model[name]) for name in expected.model)
        assert torch.equal(loaded.random["shuffle"], expected.random["shuffle"])
    assert refused >= 200


def test_checkpoint_without_a_key_is_refused(folder: Path):
    content = torch.load(folder / "checkpoint.pt", weights_only=True)
    del content["optimizer"]
    torch.save(content, folder / "checkpoint.pt")
    with pytest.raises(FerryError, match="damaged or not a checkpoint of this version"):
        load_checkpoint(folder)


def test_failed_write_leaves_the_old_file_whole(tmp_path: Path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    (tmp_path / ".file.partial").mkdir()  # so that the new one cannot be written
    with pytest.raises(FerryError, match="cannot write"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
