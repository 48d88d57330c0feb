"""Checkpoints: everything that an interrupted training needs to go on, in one file that is whole or not there."""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from torchferry.course.train.config import TrainConfig
from torchferry.course.train.history import EpochRecord
from torchferry.errors import ExitCode, FerryError

FILE_NAME = "checkpoint.pt"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state after an epoch, 0: before the first. `model` and `optimizer` are state dicts, `random` the generators."""

    recipe: str
    data_root: str | None
    config: TrainConfig
    versions: dict[str, str]
    history: list[EpochRecord]
    model: dict[str, Any]
    optimizer: dict[str, Any]
    random: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint.pt` in one step. Raises FerryError(IO)."""
    fields = {name: getattr(checkpoint, name) for name in ("recipe", "data_root", "versions", "model", "optimizer", "random")}
    history = [asdict(record) for record in checkpoint.history]
    buffer = io.BytesIO()
    torch.save({"version": VERSION, **fields, "config": asdict(checkpoint.config), "history": history}, buffer)
    write_atomically(folder / FILE_NAME, buffer.getvalue())


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read `checkpoint.pt`, on the CPU. Raises FerryError: IO where it cannot be read, INTEGRITY where it is damaged."""
    path = folder / FILE_NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{path}: {error.strerror}, expected a run's checkpoint; train first: ferry train RECIPE"
        ) from error
    try:
        return _parse(data)
    except Exception as error:  # whatever zipfile, pickle or torch make of damaged bytes
        reason = " ".join(str(error).split())[:120]
        raise FerryError(
            ExitCode.INTEGRITY, f"{path}: damaged or not a checkpoint of this version ({reason}); delete it and train again"
        ) from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside the place, then rename: a reader sees the old file or the new one, whole. Raises FerryError(IO)."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise FerryError(ExitCode.IO, f"{path}: cannot write: {error.strerror}; choose another --out or make room") from error


def _parse(data: bytes) -> Checkpoint:
    # LibTorch does not look at the zip's checksums, so a flipped bit would train on unnoticed.
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"checksum of {damaged} does not match")
    content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    if content.pop("version") != VERSION:
        raise ValueError("another version of the format")
    content["config"] = TrainConfig(**content["config"])
    content["history"] = [EpochRecord(**record) for record in content["history"]]
    return Checkpoint(**content)
