"""`to=["all"]`: what can be exported is, and the formats that refuse the module are named with their reasons."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import torchferry
from builders.programs import run_here
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry
from torchferry.formats.registry import Asked, asked


class Bessel(nn.Module):
    """An operator that only LibTorch has."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.special.bessel_j0(x)


class Centred(nn.Module):
    """Mixes the samples of a batch."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keepdim=True)


@pytest.fixture
def without_aoti(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the format that needs a minute of a compiler."""
    monkeypatch.setattr(registry, "shown", lambda: ["torchscript", "onnx", "c"])


def export(module: nn.Module, out: Path, *formats: str, **options: object) -> tuple[list[str], list[str]]:
    """The formats of the bundle, and the notes about those that it does not have."""
    notes: list[str] = []
    bundle = torchferry.export(
        module.eval(),
        inputs={"x": "float32[N,4]"},
        out=out,
        to=formats,
        note=notes.append,
        **options,  # type: ignore[arg-type]
    )
    return [artifact.format for artifact in bundle.manifest.artifacts], [note for note in notes if " artifact: " in note]


@pytest.mark.usefixtures("without_aoti")
def test_a_module_that_all_take_is_in_all_formats(tmp_path: Path) -> None:
    assert export(nn.Linear(4, 2), tmp_path / "out", "all") == (["c", "export", "onnx", "torchscript"], [])


@pytest.mark.usefixtures("without_aoti")
def test_formats_that_lack_an_operator_are_left_out_and_named(tmp_path: Path) -> None:
    formats, notes = export(Bessel(), tmp_path / "out", "all", max_bytes=1_000_000)
    assert formats == ["export", "torchscript"]
    assert [note.partition(" artifact: ")[0] for note in notes] == ["the bundle has no c", "the bundle has no onnx"]
    assert all("bessel_j0" in note for note in notes)


@pytest.mark.usefixtures("without_aoti")
def test_a_format_for_single_samples_is_left_out_of_a_module_that_mixes_them(tmp_path: Path) -> None:
    formats, notes = export(Centred(), tmp_path / "out", "all")
    assert formats == ["export", "onnx", "torchscript"]
    assert len(notes) == 1
    assert "mixes the samples" in notes[0]


def test_formats_by_name_are_all_or_nothing(tmp_path: Path) -> None:
    with pytest.raises(FerryError, match="bessel_j0") as caught:
        export(Bessel(), tmp_path / "out", "torchscript", "onnx")
    assert caught.value.code == ExitCode.FORMAT
    assert list(tmp_path.iterdir()) == []


def test_where_every_format_refuses_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "shown", lambda: ["onnx", "c"])
    with pytest.raises(FerryError, match="bessel_j0"):
        export(Bessel(), tmp_path / "out", "all")
    assert list(tmp_path.iterdir()) == []


def test_a_format_whose_package_is_not_here_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "shown", lambda: ["torchscript", "executorch"])
    for name in [name for name in sys.modules if name.partition(".")[0] == "executorch"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "executorch", None)
    formats, notes = export(nn.Linear(4, 2), tmp_path / "out", "all")
    assert formats == ["export", "torchscript"]
    assert notes == [
        "the bundle has no executorch artifact: format executorch: this Python has no package executorch; type: pip install 'torchferry[executorch]'"
    ]


class OnlyPairs(nn.Module):
    """A module that takes no batch but two samples, where it was written for any."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(2, 4) * 2


def test_a_format_that_gives_no_answer_is_left_out_without_a_word_of_wrong_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchferry.formats import torchscript

    honest = torchscript.export
    monkeypatch.setattr(registry, "shown", lambda: ["torchscript", "onnx"])

    def narrow(source: object, folder: Path) -> object:
        import dataclasses

        return honest(dataclasses.replace(source, module=OnlyPairs().eval()), folder)  # type: ignore[type-var]

    monkeypatch.setattr(torchscript, "export", narrow)
    formats, notes = export(nn.Linear(4, 4), tmp_path / "out", "all")
    assert formats == ["export", "onnx"]
    assert notes[0].startswith("the bundle has no torchscript artifact: torchscript: batch-64: ")
    assert "the artifact depends on the sizes used at export" in notes[0]


def answering_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let TorchScript be written of another module, whose answers are cut off."""
    from torchferry.formats import torchscript

    honest = torchscript.export
    monkeypatch.setattr(registry, "shown", lambda: ["torchscript", "onnx"])

    def cut_off(source: object, folder: Path) -> object:
        import dataclasses

        wrong = nn.Sequential(source.module, nn.Hardtanh(-0.01, 0.01)).eval()  # type: ignore[attr-defined]
        return honest(dataclasses.replace(source, module=wrong), folder)  # type: ignore[type-var]

    monkeypatch.setattr(torchscript, "export", cut_off)


def test_a_format_that_answers_wrongly_is_left_out_of_all_and_that_is_said_loudly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering_wrongly(monkeypatch)
    formats, notes = export(nn.Linear(4, 2), tmp_path / "out", "all")
    assert formats == ["export", "onnx"]
    (note,) = notes
    assert note.startswith("WRONG ANSWERS: the bundle has no torchscript artifact: torchscript: batch-64: output ")
    assert " elements differ from the module in float32: at [" in note
    assert "nothing was written" not in note


def test_a_format_by_name_that_answers_wrongly_ends_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering_wrongly(monkeypatch)
    with pytest.raises(FerryError, match="elements differ from the module") as caught:
        export(nn.Linear(4, 2), tmp_path / "out", "torchscript", "onnx")
    assert caught.value.code == ExitCode.MISMATCH
    assert str(caught.value).endswith("; leave torchscript out; nothing was written")
    assert list(tmp_path.iterdir()) == []


def test_where_every_format_answers_wrongly_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering_wrongly(monkeypatch)
    monkeypatch.setattr(registry, "shown", lambda: ["torchscript"])
    with pytest.raises(FerryError) as caught:
        export(nn.Linear(4, 2), tmp_path / "out", "all")
    assert caught.value.code == ExitCode.MISMATCH
    assert list(tmp_path.iterdir()) == []


def test_a_mismatch_names_the_layer_where_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A weight of the second of three layers that was changed on the way into the artifact."""
    from torchferry.formats import onnx

    honest = onnx.export

    def changed(source: object, folder: Path) -> object:
        import copy
        import dataclasses

        wrong = copy.deepcopy(source.module)  # type: ignore[attr-defined]
        with torch.no_grad():
            next(part for part in wrong.modules() if isinstance(part, nn.Linear) and part.in_features == 5).weight[0, 0] += 0.5
        return honest(dataclasses.replace(source, module=wrong), folder)  # type: ignore[type-var]

    monkeypatch.setattr(onnx, "export", changed)
    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 2))
    with pytest.raises(FerryError, match=r"; the first value out of its bound: .*2 \(Linear\)") as caught:
        export(module, tmp_path / "out", "onnx")
    assert caught.value.code == ExitCode.MISMATCH


def test_no_format_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FerryError, match=r"^to: got no format, expected one or more of torchscript,onnx,") as caught:
        torchferry.export(nn.Linear(4, 2).eval(), inputs={"x": "float32[N,4]"}, out=tmp_path / "out", to=[])
    assert caught.value.code == ExitCode.USAGE


def test_all_stands_alone_and_takes_int8_too() -> None:
    assert asked(["all"], "int8", option="--quantize") == Asked(["torchscript", "onnx", "aoti", "c-int8", "executorch"], True)
    assert asked(["onnx"], None, option="--quantize") == Asked(["onnx"], False)
    done = run_here("export", "builders.models:anything", "--to", "all,onnx", "--input", "x=float32[N,4]")
    assert done.code == ExitCode.USAGE
    assert done.stderr == "error: --to: got all,onnx, expected all alone: it stands for every format\n"
