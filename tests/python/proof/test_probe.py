"""Probes of modules of many kinds: what the files show, and that a right file shows what eager computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

import torchferry
from builders.modules import MODULES
from builders.spread import spread
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.formats.onnx import MODULE_NAMES
from torchferry.proof.layer_reference import module_reference
from torchferry.proof.probe import build_probe, find_taps
from torchferry.proof.replay import replay

SEEN = {
    ("recurrent", "torchscript"): {"lstm", "into head", "head"},
    ("recurrent", "onnxruntime"): {"into head", "head"},  # the older exporter names no module for the LSTM's nodes
    ("several", "torchscript"): {"left", "right"},
    ("several", "onnxruntime"): {"left", "right"},
    # TorchScript has two ways through a transformer's layer behind an `if`: its parts are inside, the whole layer is not.
    ("attention", "torchscript"): {"encoder.layers.0", "encoder.layers.1", "encoder", "into head", "head"},
    ("residual", "torchscript"): {"first", "norm", "into second", "second", "into head", "head"},
    ("residual", "onnxruntime"): {"norm", "into second", "second", "into head", "head"},  # `first` is merged into `norm`
    ("loop", "torchscript"): set(),  # nobody can say which of its calls stands before the loop
}
Export = Callable[[str], Bundle]


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Each module exported once."""
    folder = tmp_path_factory.mktemp("probed")
    done: dict[str, Bundle] = {}

    def run(name: str) -> Bundle:
        sample = MODULES[name]
        if name not in done:
            options = {"inputs": sample.inputs, "outputs": list(sample.outputs), "out": folder / name, "seed": 3}
            done[name] = torchferry.export(sample.module(), **options, note=lambda _: None)  # type: ignore[arg-type]
        return done[name]

    return run


@pytest.mark.parametrize("name_and_engine", spread(SEEN, 2))
def test_a_right_file_shows_its_layers_and_each_is_within_its_tolerance(
    export: Export, tmp_path: Path, name_and_engine: tuple[str, str]
) -> None:
    name, engine = name_and_engine
    bundle = export(name)
    inputs = read_case(bundle, bundle.manifest.golden.cases[1]).inputs
    reference = module_reference(MODULES[name].module(), bundle, None, inputs)
    probe = build_probe(bundle, engine, reference, inputs, tmp_path)
    result = replay(probe.bundle, Session(probe.bundle, engine), engine=engine, device="cpu")
    assert set(probe.outputs) >= SEEN[name, engine]
    assert [verdict.output for verdict in result.verdicts if not verdict.passed] == []
    assert len(result.verdicts) == len(bundle.contract.outputs) + len(probe.outputs)


def test_an_onnx_file_keeps_module_names_and_nothing_of_this_machine(export: Export) -> None:
    bundle = export("residual")
    nodes = onnx.load_from_string(bundle.read(bundle.artifact("onnxruntime").files[0])).graph.node
    assert {entry.key for node in nodes for entry in node.metadata_props} == {MODULE_NAMES}
    assert not any(str(Path.cwd()) in entry.value for node in nodes for entry in node.metadata_props)


def test_a_torchscript_file_keeps_its_modules_beside_an_onnx_file_made_from_torchscript(export: Export) -> None:
    bundle = export("recurrent")
    assert bundle.artifact("onnxruntime").producer.endswith("from TorchScript")
    loaded = torch.jit.load(bundle.folder / "model.ts.pt")
    assert [node.kind() for node in loaded.forward.graph.nodes()].count("prim::CallMethod") == 2


class Between(nn.Module):
    """Functions between layers: one that changes a value, one that changes it in place, and none."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Linear(3, 3) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.d(self.c(self.b(torch.tanh(self.a(x))).mul_(2)))


def test_what_goes_into_a_layer_is_a_tap_only_where_forward_has_changed_it(export: Export) -> None:
    contract = export("several").contract.model_copy(update={"inputs": export("several").contract.inputs[:1]})
    name = contract.inputs[0].name
    taps = find_taps(Between(), contract, {name: torch.randn(4, 3).numpy()})
    assert [tap.name for tap in taps] == ["a", "into b", "b", "into c", "c", "d"]


def test_an_engine_whose_layers_are_hidden_is_unavailable(export: Export, tmp_path: Path) -> None:
    bundle = export("several")
    with pytest.raises(FerryError, match="whose layers cannot be shown") as caught:
        build_probe(bundle, "eager", nn.Identity(), {}, tmp_path)
    assert caught.value.code == ExitCode.UNAVAILABLE
