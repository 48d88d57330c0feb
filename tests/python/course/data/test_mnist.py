"""MNIST where it stands, where it does not, and where it is damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from torchferry.course.data import load_dataset
from torchferry.errors import ExitCode, FerryError


@pytest.fixture
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    """No way to download, also where the machine has a network: nothing listens on port 9."""
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:9/"])


def test_mnist_is_uint8_images_of_28_by_28(data_root: Path):
    mnist = load_dataset("mnist", data_root)
    assert (mnist.train_inputs.dtype, mnist.train_inputs.shape) == (torch.uint8, (60_000, 28, 28))
    assert (mnist.test_inputs.shape, mnist.test_targets.dtype) == ((10_000, 28, 28), torch.int64)
    assert mnist.train_targets[:5].tolist() == [5, 0, 4, 1, 9]


@pytest.mark.usefixtures("no_mirror")
def test_missing_mnist_is_one_line_with_the_fix_and_leaves_nothing_behind(tmp_path: Path):
    with pytest.raises(FerryError, match="give the folder that holds MNIST/raw") as caught:
        load_dataset("mnist", tmp_path / "nowhere")
    assert caught.value.code == ExitCode.BAD_INPUT
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [0, 8, 1000, 5_000_000], ids=lambda size: f"cut to {size} bytes")
def test_damaged_mnist_is_refused_by_name(damage: int, data_root: Path, tmp_path: Path):
    raw = tmp_path / "MNIST" / "raw"
    shutil.copytree(data_root / "MNIST" / "raw", raw)
    images = raw / "t10k-images-idx3-ubyte"
    images.chmod(0o644)
    images.write_bytes(images.read_bytes()[:damage])
    with pytest.raises(FerryError, match="MNIST/raw: damaged") as caught:
        load_dataset("mnist", tmp_path)
    assert caught.value.code == ExitCode.BAD_INPUT


def test_unknown_data_set_is_a_usage_error():
    with pytest.raises(FerryError, match="got 'cifar'") as caught:
        load_dataset("cifar")
    assert caught.value.code == ExitCode.USAGE
