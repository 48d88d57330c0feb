"""MNIST through torchvision's loader: read where it stands, downloaded where it does not."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import torch

import torchferry.mixed_builds  # noqa: F401  torchvision beside a torch of another build
from torchferry.course.data.dataset import Dataset
from torchferry.errors import ExitCode, FerryError

DEFAULT_ROOT = Path("data")


def load_mnist(data_root: Path | None = None) -> Dataset:
    """Load MNIST as uint8 [60000, 28, 28] and [10000, 28, 28]; `data_root` holds `MNIST/raw` (default: `data`, filled by download).

    Raises FerryError(BAD_INPUT) where the files are neither there nor to be had, or are damaged.
    """
    root = DEFAULT_ROOT if data_root is None else data_root
    from torchvision.datasets import MNIST  # half a second, and only for this data set

    train, test = _read(MNIST, root, train=True), _read(MNIST, root, train=False)
    return Dataset(
        name="mnist",
        description="MNIST (Y. LeCun, C. Cortes, C. J. C. Burges), its own test set",
        train_inputs=train.data,
        train_targets=train.targets,
        test_inputs=test.data,
        test_targets=test.targets,
        class_names=tuple("0123456789"),
        input_name="image",
        input_range=(0.0, 255.0),
        input_unit="grey level",
    )


def _read(mnist: Any, root: Path, *, train: bool) -> Any:
    """One half of MNIST, checked for its published size: torchvision checks only that the files exist."""
    try:
        half = mnist(str(root), train=train, download=False)
    except Exception as error:  # whatever torchvision's parser makes of the bytes
        if not str(error).startswith("Dataset not found"):
            raise _damaged(root, _one_line(error)) from error
        half = _download(mnist, root, train=train)
    expected = (60_000 if train else 10_000, 28, 28)
    if half.data.shape != expected or half.targets.shape != expected[:1] or half.data.dtype != torch.uint8:
        raise _damaged(root, f"got images {list(half.data.shape)}, expected {list(expected)}")
    return half


def _download(mnist: Any, root: Path, *, train: bool) -> Any:
    try:
        return mnist(str(root), train=train, download=True)
    except (OSError, RuntimeError) as error:
        _remove_empty(root)
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"--data-root {root}: MNIST: not there, and the download failed ({_one_line(error)}); "
            "give the folder that holds MNIST/raw with the four unpacked files",
        ) from error


def _damaged(root: Path, reason: str) -> FerryError:
    return FerryError(
        ExitCode.BAD_INPUT,
        f"--data-root {root}: MNIST/raw: damaged or unreadable ({reason}); delete that folder and run again to download",
    )


def _remove_empty(root: Path) -> None:
    """Take back the folders that a failed download has left."""
    for folder in (root / "MNIST" / "raw", root / "MNIST", root):
        with contextlib.suppress(OSError):  # not there, or not empty
            folder.rmdir()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
