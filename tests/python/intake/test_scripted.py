"""TorchScript without its source: what torch.export is given, and what it says of the rest."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from builders.contracts import contract, spec
from torchferry.errors import FerryError
from torchferry.formats import onnx
from torchferry.intake.scripted import as_exportable
from torchferry.intake.source import ExportSource


def from_file(module: nn.Module) -> torch.jit.ScriptModule:
    """What a user has who has lost the source."""
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(module.eval()), stream)
    stream.seek(0)
    return torch.jit.load(stream).eval()  # type: ignore[no-any-return]


class Pictures(nn.Module):
    """A convolution, a batch norm, a loop and an `if` on the module itself."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm(self.conv(x))).mean([2, 3])
        for layer in self.layers:
            y = y + torch.tanh(layer(y))
        return y


def source_of(module: nn.Module, *shape: int) -> ExportSource:
    given, x = ("N", *shape), torch.rand(3, *shape)
    with torch.no_grad():
        y = module(x)
    kinds = contract((spec("x", shape=given),), (spec("y", shape=("N", *y.shape[1:])),))
    return ExportSource(module, kinds, {"x": x.numpy()})


def test_its_program_gives_the_same_numbers_for_every_batch() -> None:
    scripted = from_file(Pictures())
    program = source_of(scripted, 3, 8, 8).program.module()
    for size in (1, 2, 7):
        x = torch.rand(size, 3, 8, 8)
        with torch.no_grad():
            (found,) = program(x)
            assert torch.equal(found, scripted(x))


def test_any_other_module_is_left_as_it_is() -> None:
    module = Pictures().eval()
    assert as_exportable(module, (torch.rand(2, 3, 8, 8),)) is module


class Attending(nn.Module):
    """A layer of torch whose TorchScript decides by what it finds while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y


def test_the_users_module_is_not_changed_by_a_conversion_that_fails() -> None:
    scripted, x = from_file(Attending()), torch.rand(2, 5, 4)
    with torch.no_grad():
        before = scripted(x)
        with pytest.raises(Exception, match="prim::If"):
            as_exportable(scripted, (x,))
        assert torch.equal(scripted(x), before)


def test_what_the_converter_does_not_take_is_named() -> None:
    with pytest.raises(FerryError, match=r"got TorchScript with prim::If, .*; load its state_dict into the module's class"):
        _ = source_of(from_file(Attending()), 5, 4).program


def test_onnx_refuses_it_without_printing_its_graph(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(FerryError, match=r"got TorchScript with prim::If, .*; and its TorchScript: torch.onnx: "):
        onnx.export(source_of(from_file(Attending()), 5, 4), tmp_path)
    assert capfd.readouterr() == ("", "")
