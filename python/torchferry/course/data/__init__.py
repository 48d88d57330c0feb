"""The data sets of the course: raw values, no training."""

from __future__ import annotations

from pathlib import Path

from torchferry.course.data.dataset import Dataset
from torchferry.course.data.digits import load_digits
from torchferry.course.data.iris import load_iris
from torchferry.course.data.mnist import load_mnist
from torchferry.errors import ExitCode, FerryError

__all__ = ["Dataset", "load_dataset"]

DATASETS = ("iris", "digits", "mnist")


def load_dataset(name: str, data_root: Path | None = None) -> Dataset:
    """Load the data set `iris`, `digits` or `mnist`; `data_root` is torchvision's folder, for MNIST only. Raises FerryError."""
    if name == "iris":
        return load_iris()
    if name == "digits":
        return load_digits()
    if name == "mnist":
        return load_mnist(data_root)
    raise FerryError(ExitCode.USAGE, f"data set: got {name!r}, expected one of {', '.join(DATASETS)}; correct the name")
