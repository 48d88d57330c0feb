"""The probe of generated C: the compiled C gives the values that modules give in PyTorch, in their order."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from torchferry.bundle.contract import Contract, SymbolRange, TensorSpec
from torchferry.engines.base import OpenRequest
from torchferry.engines.c import open_model
from torchferry.errors import ExitCode, FerryError
from torchferry.formats.c import ENTRY, export, export_int8
from torchferry.formats.c_probe import probe_c
from torchferry.formats.c_seen import TITLE, read_rows
from torchferry.formats.taps import ProbeRequest, Shown, Tap
from torchferry.intake.source import ExportSource, Quantization
from torchferry.proof.probe import find_taps

SAMPLES = torch.randn(5, 2, 4, 6, generator=torch.Generator().manual_seed(1))
SEEN = {"features", "into shared", "into shared:2", "shared:2", "flat", "head"}


class Net(nn.Module):
    """A convolution with a batch norm that is folded, one that is called twice, a view, and a product."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.features = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU())
        self.shared, self.flat, self.head = nn.Conv2d(3, 3, 3, padding=1), nn.Flatten(), nn.Linear(72, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.features(x)
        y = torch.relu(self.shared(torch.tanh(y)))
        return self.head(self.flat(torch.sigmoid(self.shared(y))))  # type: ignore[no-any-return]


def contract_of(*, outputs: tuple[tuple[str, tuple[int, ...]], ...] = (("y", (4,)),)) -> Contract:
    def spec(name: str, dims: tuple[int, ...]) -> TensorSpec:
        return TensorSpec(name=name, dtype="float32", shape=("N", *dims), range=None, unit=None, allow_nonfinite=False)

    return Contract(
        inputs=(spec("x", (2, 4, 6)),),
        outputs=tuple(spec(*output) for output in outputs),
        symbols={"N": SymbolRange(min=1, max=None)},
        classes=None,
        samples="independent",
    )


def probed(module: nn.Module, folder: Path, *, is_int8: bool = False) -> Shown:
    """The probe of the C of `module`, for the taps of `Net`; the export itself compiles nothing."""
    inputs = {"x": SAMPLES.numpy()}
    source = ExportSource(module.eval(), contract_of(), inputs, quantization=Quantization(inputs))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CC", "no-compiler-here")
        written = (export_int8 if is_int8 else export)(source, folder)
    files = {path: (folder / path).read_bytes() for path in written.files}
    taps = find_taps(Net().eval(), contract_of(), inputs)
    artifact = SimpleNamespace(files=[SimpleNamespace(path=path) for path in files])
    return probe_c(ProbeRequest(artifact, files, taps, contract_of(), (), lambda _: Net(), inputs))  # type: ignore[arg-type]


def values(shown: Shown) -> dict[str, np.ndarray]:
    """What the compiled probe gives for each tap."""
    outputs = (("y", (4,)), *((f"_layer_{i}", tap.shape[1:]) for i, tap in enumerate(shown.taps)))
    model = open_model(OpenRequest(shown.files, {}, contract_of(outputs=outputs), "cpu", 1))
    found = model.run({"x": SAMPLES.numpy()})
    return {tap.name: found[f"_layer_{i}"] for i, tap in enumerate(shown.taps)}


def expected(taps: list[Tap]) -> dict[str, np.ndarray]:
    """What PyTorch's own hooks see in float64."""
    module, seen = Net().eval().double(), dict[str, list[Tensor]]()
    for name, part in module.named_modules():
        part.register_forward_pre_hook(lambda _, given, name=name: seen.setdefault(f"into {name}", []).append(given[0].clone()))
        part.register_forward_hook(lambda _, __, out, name=name: seen.setdefault(name, []).append(out.clone()))
    module(SAMPLES.double())
    return {tap.name: seen[tap.name.partition(":")[0]][tap.call - 1].detach().numpy() for tap in taps}


def test_compiled_c_gives_the_values_of_modules_and_the_shipped_c_has_no_trace_of_a_probe(tmp_path: Path) -> None:
    shown = probed(Net(), tmp_path)
    assert "ferrySeen" not in (tmp_path / "model.c").read_text() + (tmp_path / "model.h").read_text()
    assert {tap.name for tap in shown.taps} >= SEEN
    right = expected(shown.taps)
    for name, found in values(shown).items():
        np.testing.assert_allclose(found, right[name], rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_one_changed_weight_of_the_artifact_moves_the_values_behind_it_alone(tmp_path: Path) -> None:
    wrong = Net()
    wrong.head.weight.data[1, 2] += 0.1
    shown = probed(wrong, tmp_path)
    right = expected(shown.taps)
    off = {name for name, found in values(shown).items() if np.abs(found - right[name]).max() > 1e-4}
    assert off == {"head"}


def test_bytes_of_int8_are_told_as_numbers_near_those_of_float32(tmp_path: Path) -> None:
    shown = probed(Net(), tmp_path, is_int8=True)
    right = expected(shown.taps)
    assert {"into shared", "into shared:2", "head"} <= {tap.name for tap in shown.taps}
    for name, found in values(shown).items():
        assert np.abs(found - right[name]).max() <= 2 * shown.losses[name] + 1e-5, name


@pytest.mark.parametrize("text", ["", f"{TITLE}\n{{}}\n*/\n"])
def test_c_that_says_nothing_of_its_layers_is_refused(text: str) -> None:
    with pytest.raises(FerryError, match="export the bundle again") as caught:
        read_rows(ENTRY, text)
    assert caught.value.code == ExitCode.FORMAT
