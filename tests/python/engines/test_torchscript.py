"""Engine `torchscript`: honest modules pass its door, and permissions travel from the export to the reader."""

from __future__ import annotations

import io
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
from builders.torchscript_archive import archive, archive_bundle, net
from torchferry import native
from torchferry.bundle.reader import open_bundle
from torchferry.engines.base import Session
from torchferry.engines.torchscript import load_archive
from torchferry.engines.torchscript_door import scan_archive
from torchferry.errors import ExitCode, FerryError


def scripted(module: nn.Module) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(module.eval()), stream)
    return stream.getvalue()


class Names(nn.Module):
    """Attributes and layers with the names of operators, values of every kind."""

    __constants__ = ("k",)

    def __init__(self) -> None:
        super().__init__()
        self.save = nn.Linear(2, 2)
        self.resize = nn.ReLU()
        self.blocks = nn.ModuleDict({"wait": nn.ReLU(), "last": nn.Linear(2, 2)})
        self.layers = nn.ModuleList([nn.Linear(2, 2), nn.Identity()])
        self.register_buffer("indices", torch.arange(2))
        self.seed = 3
        self.text = 'quoted " and \n'
        self.k = 4

    def forward(self, x: Tensor, far: float = float("inf"), near: int = -1) -> tuple[Tensor, dict[str, Tensor]]:
        y = self.resize(self.save(x))
        for layer in self.blocks.values():
            y = layer(y)
        for layer in self.layers:
            y = layer(y)
        y[:, 0] += self.seed + self.k
        y[y > far] = 0.0
        if y.dim() != 2:
            raise ValueError(self.text)
        return y[:, self.indices], {"y": torch.clamp(y, near, far), "sum": y.sum(dim=1)}


HONEST: dict[str, Callable[[], nn.Module]] = {
    "names": Names,
    "lstm": lambda: nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True),
    "gru": lambda: nn.GRU(3, 4),
    "attention": lambda: nn.MultiheadAttention(4, 2, batch_first=True),
    "transformer": lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
    "convolutions": lambda: nn.Sequential(
        nn.Conv2d(1, 2, 3, padding_mode="reflect"), nn.BatchNorm2d(2), nn.GELU(), nn.AdaptiveAvgPool2d(1)
    ),
    "transposed": lambda: nn.Sequential(
        nn.ConvTranspose2d(1, 2, 3), nn.GroupNorm(1, 2), nn.Upsample(scale_factor=2, mode="bilinear")
    ),
    "embedding": lambda: nn.EmbeddingBag(8, 4),
    "norms": lambda: nn.Sequential(nn.LayerNorm(4), nn.RMSNorm(4), nn.Softplus(), nn.Dropout(), nn.Softmax(1)),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_module_needs_no_permission(name: str) -> None:
    data = scripted(HONEST[name]())
    assert scan_archive("model.ts.pt", data).outside == {}
    load_archive("model.ts.pt", data, requires={})


def test_what_was_compiled_is_held_to_the_list_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line: an operator that the first one did not see is found before anything runs."""
    monkeypatch.setattr("torchferry.engines.torchscript.check_archive", lambda *_: None)
    data = archive(
        net(more="  def unused(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n    return torch.as_strided(x, [1], [1], 0)\n")
    )
    with pytest.raises(FerryError, match=r"Net\.unused: got operator aten::as_strided") as caught:
        load_archive("model.ts.pt", data, requires={})
    assert caught.value.code == ExitCode.FORMAT
    load_archive("model.ts.pt", data, allow_ops=["aten::as_strided"], requires={})


class Strided(nn.Module):
    """Needs a permission."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_strided(x.contiguous(), [x.size(0), 1], [2, 1]).clone()


def export_strided(out: Path, **options: object) -> torchferry.Bundle:
    return torchferry.export(
        Strided().eval(),
        inputs={"x": "float32[N,2]"},
        out=out,
        outputs=["y"],
        to=("torchscript",),
        **options,  # type: ignore[arg-type]
    )


def test_the_exporter_names_an_operator_and_the_way_to_allow_it(tmp_path: Path) -> None:
    with pytest.raises(FerryError, match="pass --allow-op aten::as_strided") as caught:
        export_strided(tmp_path / "bundle")
    assert caught.value.code == ExitCode.FORMAT
    assert not (tmp_path / "bundle").exists()


def test_what_the_exporter_was_allowed_is_recorded(tmp_path: Path) -> None:
    bundle = export_strided(tmp_path / "bundle", allow_ops=["aten::as_strided", "aten::set_"])
    assert bundle.artifact("torchscript").requires == {"operators": "aten::as_strided"}
    with pytest.raises(FerryError, match="which the manifest says its exporter allowed"):
        Session(bundle, "torchscript")
    x = np.arange(4, dtype=np.float32).reshape(2, 2)
    assert Session(bundle, "torchscript", allow_ops=["aten::as_strided"]).run({"x": x})["y"].tolist() == [[0.0], [2.0]]


def test_models_that_print_from_many_threads_leave_stdout_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = archive_bundle(tmp_path / "bundle", archive(net('print("from the model")')))
    session = Session(open_bundle(folder), "torchscript")
    before = sys.stdout
    threads = [threading.Thread(target=lambda: session.run({"x": np.ones((1, 2), np.float32)})) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("from the model")) == ("", 8)
    assert sys.stdout is before


def test_a_native_engine_in_this_process_takes_no_print_from_python(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """libferry sends what its own models print to stderr; LibTorch has one handler for the process."""
    content = archive(net('print("from a model")'))
    with native.open_bundle(archive_bundle(tmp_path / "bundle", content)).session("torchscript") as session:
        shown = io.StringIO()
        monkeypatch.setattr(sys, "stdout", shown)
        session.run({"x": np.ones((1, 2), np.float32)})
        assert (shown.getvalue(), set(capfd.readouterr().err.splitlines())) == ("", {"from a model"})
        load_archive("model.ts.pt", content, requires={})(torch.ones(1, 2))
    assert (set(shown.getvalue().splitlines()), capfd.readouterr()) == ({"from a model"}, ("", ""))
