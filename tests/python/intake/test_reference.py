from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from builders.contracts import contract, doubling, spec
from builders.models import Doubling
from torchferry.intake.reference import Reference


class Tenth(nn.Module):
    """x / 10 with the constant as a parameter, so that `.double()` widens it."""

    def __init__(self) -> None:
        super().__init__()
        self.tenth = nn.Parameter(torch.tensor(0.1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.tenth


def test_both_references_use_the_same_float32_weights() -> None:
    reference = Reference(Tenth(), contract((spec("x"),), (spec("y"),)))
    x = {"x": np.array([[3.0, 7.0]], np.float32)}
    tenth = np.float32(0.1)
    assert np.array_equal(reference.float32(x)["y"], x["x"] * tenth)
    assert np.array_equal(reference.float64(x)["y"], x["x"].astype(np.float64) * np.float64(tenth))


def test_integer_inputs_and_outputs_keep_their_dtype_in_float64() -> None:
    case = Reference(Doubling(), doubling()).case("batch-1", {"x": np.array([[1, 3]], np.float32)})
    assert case.float64["y"].dtype == np.float64
    assert case.float64["label"].dtype == np.int64
    assert case.float32["y"].dtype == np.float32


def test_references_run_on_one_thread() -> None:
    seen = []

    class Watch(Doubling):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            seen.append(torch.get_num_threads())
            return super().forward(x)

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        Reference(Watch(), doubling()).float32({"x": np.zeros((1, 2), np.float32)})
    finally:
        torch.set_num_threads(before)
    assert seen == [1]
