"""The settings of one training."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from torchferry.errors import ExitCode, FerryError

OptimizerName = Literal["sgd", "adam"]
GradientName = Literal["autograd", "grad", "manual"]
MAX_SEED = 2**53


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What a recipe sets and a user may change. A bad value raises FerryError(USAGE).

    `accumulate` minibatches make one step; `validation` is the fraction of the training set that is held back for validation.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    optimizer: OptimizerName = "sgd"
    gradient: GradientName = "autograd"
    accumulate: int = 1
    validation: float = 0.0
    device: str = "cpu"

    def __post_init__(self) -> None:
        _require_integer("epochs", self.epochs, 1)
        _require_integer("batch-size", self.batch_size, 1)
        _require_integer("accumulate", self.accumulate, 1)
        _require_integer("seed", self.seed, 0)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise _bad("learning-rate", self.learning_rate, "a finite number above 0")
        if not 0 <= self.validation < 1:
            raise _bad("validation", self.validation, "a fraction from 0 to below 1")
        _require_one_of("optimizer", self.optimizer, get_args(OptimizerName))
        _require_one_of("gradient", self.gradient, get_args(GradientName))
        if not re.fullmatch(r"cpu|cuda:(0|[1-9]\d{0,3})", self.device):
            raise _bad("device", self.device, "cpu or cuda:N")


def require_device(name: str, local_rank: int = 0) -> torch.device:
    """Return the device `cpu` or `cuda:N`, of several processes on a machine the first one's: the next takes the next GPU.

    Raises FerryError(UNAVAILABLE) where it is not there; never falls back to another.
    """
    kind, _, index = name.partition(":")
    if kind == "cpu":
        return torch.device("cpu")
    wanted = int(index) + local_rank
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted >= count:
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"--device: got cuda:{wanted}, expected one that is here ({count} CUDA devices); use --device cpu or a CUDA build of torch",
        )
    return torch.device("cuda", wanted)


def _require_integer(name: str, value: int, minimum: int) -> None:
    if not minimum <= value <= MAX_SEED:
        raise _bad(name, value, f"an integer of at least {minimum}")


def _require_one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise _bad(name, value, f"one of {', '.join(allowed)}")


def _bad(name: str, value: object, expected: str) -> FerryError:
    return FerryError(ExitCode.USAGE, f"--{name}: got {value}, expected {expected}; correct the value")
