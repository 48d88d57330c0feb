"""`ferry diff BUNDLE --engine X` names the layer in which a fault was planted, in both languages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import Tensor, nn

import torchferry
from builders.bundles import reseal
from builders.faults import FAULTS, plant, right_bundle, six_layers, with_fault
from builders.programs import BUILD, Finished, Program
from builders.spread import spread
from torchferry.errors import ExitCode

SIDES = {
    "torchscript in Python": ("--engine", "torchscript"),
    "torchscript in C++": ("--engine", "torchscript", "--language", "cpp", "--ferry-run", BUILD / "bin" / "ferry-run"),
    "onnxruntime in Python": ("--engine", "onnxruntime"),
}
RUN = ("--run", "builders.faults:six_layers")
Bisect = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return right_bundle(tmp_path_factory.mktemp("right") / "six")


@pytest.fixture
def bisect(ferry_here: Program) -> Bisect:
    """The report, held to its exit code."""

    def run(bundle: Path, *options: object) -> dict[str, Any]:
        done: Finished = ferry_here("diff", bundle, *options, "--json")
        assert done.code in (ExitCode.OK, ExitCode.MISMATCH), done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        assert found["same"] == (done.code == ExitCode.OK)
        return found

    return run


def test_there_are_at_least_20_faults() -> None:
    assert len(FAULTS) >= 20


@pytest.mark.parametrize("fault", spread(FAULTS, 4))
def test_the_layer_named_is_the_planted_one(bisect: Bisect, right: Path, tmp_path: Path, fault: str) -> None:
    """Against the bundle's program, which is right, in every engine and language that can show its layers."""
    wrong = plant(right, with_fault(FAULTS[fault]), tmp_path / "wrong")
    assert {side: bisect(wrong, *options)["first"] for side, options in SIDES.items()} == dict.fromkeys(
        SIDES, FAULTS[fault].layer
    )


@pytest.mark.parametrize("side", spread(SIDES, 1))
@pytest.mark.parametrize("eager", [(), RUN], ids=["program", "run"])
def test_a_right_model_has_no_first_difference(bisect: Bisect, right: Path, side: str, eager: tuple[str, ...]) -> None:
    found = bisect(right, *SIDES[side], *eager)
    assert found["first"] is None
    assert found["note"] is None
    assert [entry["layer"] for entry in found["layers"] if entry["seen"] and entry["layer"].startswith("fc")] == [
        f"fc{number}" for number in range(1, 7)
    ]


@pytest.mark.slow
def test_both_languages_find_the_same_numbers(bisect: Bisect, right: Path, tmp_path: Path) -> None:
    wrong = plant(right, with_fault(FAULTS["one weight of layer 3 of 6"]), tmp_path / "wrong")
    ours, theirs = (bisect(wrong, *SIDES[side]) for side in ("torchscript in Python", "torchscript in C++"))
    assert {**ours, "language": "cpp"} == theirs


@pytest.mark.slow
def test_a_program_with_the_same_fault_hides_it_and_the_right_module_shows_it(
    bisect: Bisect, right: Path, tmp_path: Path
) -> None:
    """Without --run the reference is in the bundle: what is wrong in both is not seen, and the note says that the goldens differ."""
    module = with_fault(FAULTS["one weight of layer 3 of 6"])
    wrong = plant(right, module, tmp_path / "wrong")
    shutil.copy(right_of(module, tmp_path) / "model.export.pt2", wrong / "model.export.pt2")
    reseal(wrong)
    hidden = bisect(wrong, "--engine", "torchscript")
    assert hidden["first"] is None
    assert "does not give the bundle's goldens" in hidden["note"]
    found = bisect(wrong, "--engine", "torchscript", *RUN)
    assert (found["first"], found["note"]) == ("fc3", None)


def right_of(module: nn.Module, folder: Path) -> Path:
    return right_bundle(folder / "other", lambda: module)


def test_weights_that_a_user_names_are_the_reference(bisect: Bisect, right: Path, tmp_path: Path) -> None:
    torch.save(with_fault(FAULTS["one bias of layer 4"]).state_dict(), tmp_path / "weights.pt")
    assert bisect(right, "--engine", "torchscript", *RUN, "--weights", tmp_path / "weights.pt")["first"] == "fc4"


def test_a_trace_made_in_train_mode_is_found_at_its_dropout(bisect: Bisect, right: Path, tmp_path: Path) -> None:
    """The real fault, not a written-out one: a trace keeps the mode in which it was made, and eval() cannot mend it."""
    module = six_layers()
    module.drop.train()
    wrong = Path(shutil.copytree(right, tmp_path / "wrong"))
    torch.jit.save(torch.jit.trace(module, torch.randn(4, 8), check_trace=False), wrong / "model.ts.pt")
    reseal(wrong)
    for side in ("torchscript in Python", "torchscript in C++"):
        assert bisect(wrong, *SIDES[side])["first"] == "drop"


class Convolved(nn.Module):
    """A convolution with batch norm, which the ONNX exporter makes one node, and a block that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.features = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        self.shared = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.features(x)
        y = torch.relu(self.shared(y)) + y
        y = torch.relu(self.shared(y)) + y
        logits = self.head(y.mean((2, 3)))
        return logits, torch.softmax(logits, 1)


@pytest.fixture(scope="session")
def convolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return right_bundle(tmp_path_factory.mktemp("convolved") / "net", lambda: Convolved().eval(), "float32[N,2,5,5]")


@pytest.mark.slow
def test_layers_that_onnx_has_merged_are_named_beside_the_first_that_it_shows(
    bisect: Bisect, convolved: Path, tmp_path: Path
) -> None:
    module = Convolved()
    module.features[0].weight.data[0, 0, 0, 0] += 0.1
    wrong = plant(convolved, module, tmp_path / "wrong")
    assert bisect(wrong, "--engine", "torchscript")["first"] == "features.0"
    found = bisect(wrong, "--engine", "onnxruntime")
    assert (found["first"], found["suspects"]) == ("features.1", ["features.0"])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torchscript", "onnxruntime"])
def test_each_call_of_a_layer_is_told_apart(bisect: Bisect, convolved: Path, engine: str) -> None:
    found = bisect(convolved, "--engine", engine)
    assert found["first"] is None
    seen = [entry["layer"] for entry in found["layers"] if entry["seen"]]
    assert [name for name in seen if name.startswith("shared")] == ["shared", "shared:2"]


def test_a_file_without_module_names_shows_layers_by_their_weights(bisect: Bisect, right: Path, tmp_path: Path) -> None:
    wrong = plant(right, with_fault(FAULTS["one weight of layer 3 of 6"]), tmp_path / "wrong")
    model = onnx.load(wrong / "model.onnx")
    for node in model.graph.node:
        del node.metadata_props[:]
    onnx.save(model, wrong / "model.onnx")
    reseal(wrong)
    assert bisect(wrong, "--engine", "onnxruntime")["first"] == "fc3"


class Crossing(nn.Module):
    """A layer of two tensors: torch.export's own modules may take them in another order."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.mix = nn.Linear(4, 3), nn.Linear(5, 3), nn.Bilinear(3, 3, 2)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.mix(torch.tanh(self.a(left)), torch.sigmoid(self.b(right)))  # type: ignore[no-any-return]


@pytest.mark.slow
@pytest.mark.parametrize("side", ["torchscript in Python", "torchscript in C++"])
def test_a_clean_bundle_whose_layer_takes_two_tensors_is_the_same(bisect: Bisect, side: str, tmp_path: Path) -> None:
    inputs = {"left": "float32[N,4]", "right": "float32[N,5]"}
    torchferry.export(Crossing().eval(), inputs=inputs, to=("torchscript",), out=tmp_path / "b", note=lambda _: None)
    assert bisect(tmp_path / "b", *SIDES[side])["same"]
