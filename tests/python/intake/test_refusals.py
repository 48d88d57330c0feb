"""Modules that would do harm later are refused before anything is written: what, where, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import torchferry
from torchferry.errors import ExitCode, FerryError

GRID = np.linspace(-1, 1, 24, dtype=np.float32).reshape(6, 4)


class Linear(nn.Module):
    """The harmless module that the others spoil."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)  # type: ignore[no-any-return]


class AlwaysDropping(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(super().forward(x))


class Noisy(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.randn(4, device=x.device)


class Counting(Linear):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x) * self.calls


class Remembering(Linear):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        return super().forward(x) - self.mean


class Aliasing(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, 1:]


class Writing(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.mul_(2))


class NamingTheCpu(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.ones(4, device="cpu")


class MovingToTheCpu(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).cpu()


class NamingCuda(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.to("cuda"))


class FixedBatch(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.reshape(6, 2, 2).flatten(1))


class BarelyDropping(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(super().forward(x), p=1e-9, training=True)


class Float64Constant(Linear):
    def __init__(self) -> None:
        super().__init__()
        self.offset = torch.ones(4, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.offset


class BatchStatistics(Linear):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(super().forward(x))  # type: ignore[no-any-return]


class Complex(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).to(torch.complex64)


class Text(Linear):
    def forward(self, x: Tensor) -> tuple[Tensor, str]:  # type: ignore[override]
        return super().forward(x), "done"


def double_weight() -> nn.Module:
    module = Linear()
    module.layer.double()
    return module


def training_inside() -> nn.Module:
    module = nn.Sequential(Linear(), nn.Dropout()).eval()
    module[1].train()
    return module


def not_a_number() -> nn.Module:
    module = Linear()
    module.layer.weight.data[1, 2] = torch.nan
    return module


def on_meta() -> nn.Module:
    return Linear().to("meta")


def quantized() -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 3)).eval(), {nn.Linear}, dtype=torch.qint8)  # type: ignore[no-any-return]


def quantized_weights() -> nn.Module:
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    module = nn.Sequential(nn.Linear(4, 3)).eval()
    quantize_(module, Int8WeightOnlyConfig())
    return module


CASES = [
    (
        quantized_weights(),
        GRID,
        ("module: 0.weight: got torchao.quantization.Int8Tensor", "a plain tensor", "quantize=from-module"),
    ),
    (quantized(), GRID, ("module: 0:", "quantized", "quantize=int8")),
    (training_inside(), GRID, ("module: 1:", "train mode", "module.eval()")),
    (AlwaysDropping(), GRID, ("two answers", "dropout at test_refusals.py:", "F.dropout(super()", "training=self.training")),
    (Noisy(), GRID, ("two answers", "randn at test_refusals.py:")),
    (Counting(), GRID, ("two answers", "remembers its calls")),
    (Remembering(), GRID, ("two answers", "each call writes buffer mean", "return it as an output")),
    (double_weight(), GRID, ("layer.weight", "float64", "module.float()")),
    (BarelyDropping(), GRID, ("draws random numbers", "dropout at test_refusals.py:", "training=self.training")),
    (not_a_number(), GRID, ("layer.weight", "NaN", "load other weights")),
    (Float64Constant(), GRID, ("output output", "float64 constant", "dtype=torch.float32")),
    (BatchStatistics(), GRID, ("batch-1", "Expected more than 1 value per channel", "others beside it")),
    (Linear(), GRID[:0], ("golden", "got 0", "at least 2 samples")),
    (on_meta(), GRID, ("layer.weight", "device meta", "module.cpu()")),
    (NamingTheCpu(), GRID, ("device baked in", "ones at test_refusals.py:", "device=x.device")),
    (MovingToTheCpu(), GRID, ("device baked in", ".cpu()")),
    (NamingCuda(), GRID, ("device baked in", 'to("cuda")')),
    (Aliasing(), GRID, ("output output", "memory of input x", ".clone()")),
    (Writing(), GRID, ("input x", "changed by the module")),
    (FixedBatch(), GRID, ("N = 7", "test_refusals.py:", "N = 6 works", "x.shape[0]")),
    (Complex(), GRID, ("complex64", "convert it")),
    (Text(), GRID, ("output 1", "str", "tensors only")),
    (Linear(), np.zeros((6, 4), np.float32), ("golden: x", "all 0.0", "real inputs")),
    (Linear(), np.full((6, 4), 2.5, np.float32), ("golden: x", "all 2.5")),
]


@pytest.mark.parametrize(
    ("module", "golden", "words"), CASES, ids=[type(case[0]).__name__ + str(i) for i, case in enumerate(CASES)]
)
def test_a_harmful_module_or_golden_is_refused(
    module: nn.Module, golden: np.ndarray, words: tuple[str, ...], tmp_path: Path
) -> None:
    if not isinstance(module, nn.Sequential):
        module.eval()
    with pytest.raises(FerryError) as caught:
        torchferry.export(module, inputs={"x": "float32[N,4]"}, golden=golden, out=tmp_path / "b", to=["export"])
    text = str(caught.value)
    assert caught.value.code == ExitCode.BAD_INPUT
    assert "\n" not in text
    for word in words:
        assert word in text
    assert list(tmp_path.iterdir()) == []


class Transposing(nn.Module):
    """Under a dispatch mode this takes another kernel, whose last bits differ."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(12, 8)
        self.drop = nn.Sequential(nn.Dropout(), nn.RReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.layer(x.transpose(1, 2)))  # type: ignore[no-any-return]


def test_a_module_whose_kernels_depend_on_who_is_watching_is_taken(tmp_path: Path) -> None:
    torchferry.export(
        Transposing().eval(), inputs={"x": "float32[N,12,8]"}, to=("torchscript",), out=tmp_path / "b", note=lambda _: None
    )


class OnTheDefaultDevice(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.ones(4)


def test_a_tensor_on_the_default_device_is_allowed_with_a_note(tmp_path: Path) -> None:
    notes: list[str] = []
    torchferry.export(
        OnTheDefaultDevice().eval(),
        inputs={"x": "float32[N,4]"},
        golden=GRID,
        out=tmp_path / "b",
        to=["export"],
        note=notes.append,
    )
    assert "CPU only" in notes[0]
    assert "torch.ones(4)" in notes[0]


def test_the_harmless_module_is_taken(tmp_path: Path) -> None:
    notes: list[str] = []
    torchferry.export(Linear().eval(), inputs={"x": "float32[N,4]"}, golden=GRID, out=tmp_path / "b", note=notes.append)
    assert notes == []


class Counted(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.zeros(len(x), 4)


def test_a_batch_that_len_freezes_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(FerryError, match=r"the dim N: got it frozen at \d+ by the module.*x\.shape\[0\] does not"):
        torchferry.export(Counted().eval(), inputs={"x": "float32[N,4]"}, golden=GRID, out=tmp_path / "b", to=["c"])
