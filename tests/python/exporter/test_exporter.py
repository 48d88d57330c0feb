"""The export of a module as a whole: what is published, and what is refused, with exporters that are faulty on purpose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.bundles import doubled
from builders.contracts import doubling
from builders.models import Doubling, doubling_inputs
from torchferry.bundle.contract import Contract
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.engines import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.exporter import BundleRequest, GoldenInputs, export_bundle
from torchferry.formats import torchscript
from torchferry.intake.source import ExportSource, Written


def export(
    module: nn.Module,
    out: Path,
    *,
    formats: tuple[str, ...] = ("torchscript",),
    contract: Contract | None = None,
    golden: GoldenInputs | None = None,
    force: bool = False,
) -> Bundle:
    return export_bundle(
        BundleRequest(
            module,
            name="doubling",
            contract=contract or doubling(),
            golden=golden or doubling_inputs(),
            formats=formats,
            out=out,
            force=force,
        )
    )


def refusal(module: nn.Module, out: Path, **options: object) -> tuple[ExitCode, str]:
    with pytest.raises(FerryError) as caught:
        export(module, out, **options)  # type: ignore[arg-type]
    assert not out.exists() or "force" in options
    assert [path.name for path in out.parent.iterdir() if path.name != out.name] == []
    return caught.value.code, str(caught.value)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "doubling"


def test_a_bundle_holds_every_format_goldens_and_a_tolerance_for_each_output(out: Path) -> None:
    bundle = export(Doubling().eval(), out, formats=("torchscript", "onnx"))
    manifest = bundle.manifest
    assert [artifact.format for artifact in manifest.artifacts] == ["export", "onnx", "torchscript"]
    assert [case.name for case in manifest.golden.cases] == ["batch-8", "batch-1", "stress"]
    case = read_case(bundle, manifest.golden.cases[0])
    for name, expected in doubled(case.inputs["x"]).items():
        assert np.array_equal(case.float32[name], expected)
    assert case.float64["y"].dtype == np.float64
    assert {row.output for row in manifest.tolerances} == {"y", "label"}
    for artifact in manifest.artifacts:
        outputs = Session(bundle, artifact.engine).run(case.inputs)
        assert np.array_equal(outputs["y"], case.float32["y"])


@pytest.mark.parametrize("part", ["all", "one"])
def test_a_module_in_train_mode_is_refused_by_name(out: Path, part: str) -> None:
    module = nn.Sequential(nn.Dropout(), Doubling())
    module.train(part == "all")
    module[0].train()
    code, text = refusal(module, out)
    assert code == ExitCode.BAD_INPUT
    assert ("Sequential" if part == "all" else "module: 0: got train mode") in text


def test_an_unknown_format_is_a_usage_error(out: Path) -> None:
    code, text = refusal(Doubling().eval(), out, formats=("torchscript", "tflite"))
    assert code == ExitCode.USAGE
    assert "'tflite'" in text


def test_goldens_outside_the_contract_or_of_one_sample_are_refused(out: Path) -> None:
    assert (
        refusal(Doubling().eval(), out, golden=GoldenInputs({"x": np.zeros((8, 3), np.float32)}, "real", ""))[0]
        == ExitCode.BAD_INPUT
    )
    code, text = refusal(Doubling().eval(), out, golden=doubling_inputs(1))
    assert code == ExitCode.BAD_INPUT
    assert "at least 2 samples" in text


class Wide(Doubling):
    """Gives float64 where the contract says float32."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (self.factor * x).to(torch.float64), (x.sum(1) > 3).to(torch.int64)


class Single(Doubling):
    """Gives one output where the contract has two."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return self.factor * x


@pytest.mark.parametrize(
    ("kind", "words"), [(Wide, "output y: dtype: got float64, expected float32"), (Single, "got 1 values, expected 2")]
)
def test_a_module_that_breaks_its_contract_is_refused(out: Path, kind: type[nn.Module], words: str) -> None:
    code, text = refusal(kind().eval(), out)
    assert code == ExitCode.BAD_INPUT
    assert words in text


class Unscriptable(Doubling):
    """Uses what torch.jit.script cannot compile."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = {name: factor * x for name, factor in self.named_buffers()}
        return sum(y.values()), (x.sum(1) > 3).to(torch.int64)  # type: ignore[return-value]


def test_a_module_that_cannot_be_scripted_is_traced(out: Path) -> None:
    assert "traced" in export(Unscriptable().eval(), out).manifest.artifacts[-1].producer


class Undecided(Unscriptable):
    """Decides by the data, in a way that neither torch.jit.script nor a trace keeps."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, label = super().forward(x)
        return (y, label) if x.sum() > 0 else (y + 1, label)


def test_a_module_that_a_format_cannot_express_is_named_with_its_line_and_a_way_out(out: Path) -> None:
    code, text = refusal(Undecided().eval(), out)
    assert code == ExitCode.FORMAT
    for part in ("torch.jit.script: Undecided", "freeze a decision", "if x.sum() > 0", "test_exporter.py:", "--to"):
        assert part in text


class UndecidedByEqual(Unscriptable):
    """torch.jit.trace says nothing of this decision."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, label = super().forward(x)
        return (y, label) if torch.equal(x.clamp(-100, 100), x) else (y + 1, label)


class UndecidedByNumpy(Unscriptable):
    """Nor of this one."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, label = super().forward(x)
        return (y, label) if np.asarray(x.detach()).max() < 100 else (y + 1, label)


class EqualWeights(Unscriptable):
    """This decision depends on no data."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, label = super().forward(x)
        return (y, label) if torch.equal(self.factor, self.factor) else (y + 1, label)


@pytest.mark.parametrize(("kind", "line"), [(UndecidedByEqual, "torch.equal"), (UndecidedByNumpy, "np.asarray")])
def test_a_decision_that_a_trace_would_freeze_in_silence_is_refused(kind: type[nn.Module], line: str, out: Path) -> None:
    code, text = refusal(kind().eval(), out)
    assert code == ExitCode.FORMAT
    assert "freeze a decision" in text
    assert line in text


def test_a_decision_about_weights_may_be_frozen(out: Path) -> None:
    assert "traced" in export(EqualWeights().eval(), out).manifest.artifacts[-1].producer


def plant(monkeypatch: pytest.MonkeyPatch, module: nn.Module, *, traced: bool = False) -> None:
    """An exporter of `torchscript` that writes another module than it was given."""

    def write(source: ExportSource, folder: Path) -> Written:
        written = torch.jit.trace(module, source.example_tensors) if traced else torch.jit.script(module)
        torch.jit.save(written, folder / "model.ts.pt")
        return Written(("model.ts.pt",), "a faulty exporter")

    monkeypatch.setattr(torchscript, "export", write)


def test_an_artifact_that_differs_from_eager_in_one_bit_is_not_published(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Doubling(2.0 + 2.0**-22).eval())
    code, text = refusal(Doubling().eval(), out)
    assert code == ExitCode.MISMATCH
    assert "torchscript: batch-8: output y" in text
    assert "nothing was written" in text


class FixedBatch(Doubling):
    """Right at the batch of the goldens, and an error or wrong at others."""

    def __init__(self, wrong: bool) -> None:
        super().__init__()
        self.wrong = wrong

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, label = super().forward(x)
        if x.shape[0] in (8, 1):
            return y, label
        return (y + 1, label) if self.wrong else (y.reshape(8, 2), label)


class Scriptable(nn.Module):
    """FixedBatch for torch.jit.script, which knows no super()."""

    def __init__(self, wrong: bool) -> None:
        super().__init__()
        self.wrong = wrong

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, label = 2.0 * x, (x.sum(1) > 3).to(torch.int64)
        if x.size(0) == 8 or x.size(0) == 1:
            return y, label
        if self.wrong:
            return y + 1, label
        return y.reshape(8, 2), label


@pytest.mark.parametrize("wrong", [False, True], ids=["fails", "wrong values"])
def test_an_artifact_that_depends_on_the_batch_size_is_not_published(
    out: Path, monkeypatch: pytest.MonkeyPatch, wrong: bool
) -> None:
    plant(monkeypatch, Scriptable(wrong).eval())
    code, text = refusal(Doubling().eval(), out)
    assert code == ExitCode.MISMATCH
    assert "batch-2: output y" in text if wrong else "depends on the sizes" in text


def test_a_module_that_depends_on_the_batch_size_is_refused(out: Path) -> None:
    code, text = refusal(FixedBatch(wrong=True).eval(), out, formats=())
    assert code in (ExitCode.FORMAT, ExitCode.MISMATCH)
    assert "torch.export" in text or "batch" in text


def test_a_failed_export_leaves_the_old_bundle_whole(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(Doubling().eval(), out)
    before = (out / "manifest.json").read_bytes()
    assert refusal(Doubling().eval(), out, force=False)[0] == ExitCode.IO
    plant(monkeypatch, Doubling(3.0).eval())
    assert refusal(Doubling().eval(), out, force=True)[0] == ExitCode.MISMATCH
    assert (out / "manifest.json").read_bytes() == before
    open_bundle(out)


def test_the_batches_tried_are_those_that_the_contract_allows(out: Path) -> None:
    few = export(Doubling().eval(), out, contract=doubling().with_max_batch(4), golden=doubling_inputs(4))
    assert few.contract.symbols["N"].max == 4


def test_the_module_stays_as_it_was(out: Path) -> None:
    module = Doubling().eval()
    before = {name: (tensor.dtype, tensor.clone()) for name, tensor in module.state_dict().items()}
    export(module, out)
    for name, tensor in module.state_dict().items():
        assert tensor.dtype == before[name][0]
        assert torch.equal(tensor, before[name][1])
