"""The verdict can go red, in both languages: each fault is exported for real, beside the goldens of the right model.

Every digest is right, so nothing but the comparison can find these faults; where a rule of the format strikes first, the test says so.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builders.bundles import edit_manifest, reseal
from builders.contracts import contract, spec
from builders.model_faults import FAULTS
from builders.models import Classifier
from builders.mutants import Normalized, with_weight_changed, write_mutant
from builders.programs import Program
from builders.sides import Verify, runnable_engines
from builders.spread import spread
from builders.trained import FORMATS, Trained
from builders.zoo import Zoo
from torchferry.bundle.contract import Classes
from torchferry.exporter.exporter import BundleRequest, GoldenInputs, export_bundle


def every(codes: dict[str, int]) -> set[int]:
    return set(codes.values())


@pytest.mark.parametrize("name", spread(["iris-adaline", "digits-mlp"], 1))
def test_the_right_model_passes_through_the_same_builder(verify: Verify, trained: Trained, tmp_path: Path, name: str) -> None:
    twin = write_mutant(trained.bundle(name), trained.run(name).module, tmp_path / "twin")
    assert every(verify(twin)) == {0}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["on the golden's machine", "on another"])
@pytest.mark.parametrize("fault", spread(FAULTS, 4))
def test_a_wrong_model_is_found(verify: Verify, made: Callable[[str], Path], tmp_path: Path, fault: str, elsewhere: bool) -> None:
    mutant = made(fault)
    if elsewhere:  # the bits are no longer promised: the bound alone must find it
        mutant = Path(shutil.copytree(mutant, tmp_path / "mutant"))
        edit_manifest(mutant, lambda value: value["golden"].update(numerics="another machine"))
    assert every(verify(mutant)) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["executorch", pytest.param("aoti", marks=pytest.mark.slow)])
def test_a_wrong_weight_is_found_on_an_engine_whose_export_takes_long(
    verify: Verify, zoo: Zoo, tmp_path: Path, engine: str
) -> None:
    """The exports of the other tests would take minutes in these formats; the comparison is the same."""
    right = zoo.bundle("classifier", engine)
    if right is None:
        pytest.skip(f"{engine} cannot be exported here")
    assert every(verify(right)) == {0}
    assert every(
        verify(write_mutant(right, with_weight_changed(Classifier(), "hidden.weight", 1e-2).eval(), tmp_path / "mutant"))
    ) == {1}


@pytest.mark.slow
def test_c_is_under_every_fault_that_it_can_express(made: Callable[[str], Path]) -> None:
    """The others are operators, dtypes and shapes that --to c refuses: such a mutant has no artifact of that format."""
    assert len([fault for fault in FAULTS if "c" in runnable_engines(made(fault), "python")]) >= 12


def test_there_are_at_least_twenty_faults() -> None:
    assert len(FAULTS) >= 20


@pytest.fixture(scope="session")
def normalized(tmp_path_factory: pytest.TempPathFactory, trained: Trained) -> Path:
    """A right bundle of a model with batch norm and dropout."""
    folder = tmp_path_factory.mktemp("normalized") / "right"
    dataset = trained.run("digits-mlp").dataset
    image = spec("image", "uint8", ("N", 8, 8))
    outputs = (spec("logits", shape=("N", 10)), spec("probabilities", shape=("N", 10)), spec("label", "int64", ("N",)))
    export_bundle(
        BundleRequest(
            Normalized().eval(),
            name="normalized",
            contract=contract((image,), outputs, classes=Classes(output="label", names=dataset.class_names)),
            golden=GoldenInputs({"image": dataset.test_inputs[:64].numpy()}, "real", dataset.description),
            formats=FORMATS,
            out=folder,
        )
    )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("left_on", spread([{"norm_left_on": True}, {"dropout_left_on": True}], 1), ids=["batch norm", "dropout"])
def test_a_part_left_in_train_mode_is_found(verify: Verify, normalized: Path, tmp_path: Path, left_on: dict[str, bool]) -> None:
    assert every(verify(normalized)) == {0}
    mutant = write_mutant(normalized, Normalized(**left_on).eval(), tmp_path / "mutant")
    assert every(verify(mutant)) == {1}


def test_a_model_of_nan_fails_even_against_goldens_of_nan(verify: Verify, made: Callable[[str], Path], tmp_path: Path) -> None:
    mutant = Path(shutil.copytree(made("one NaN"), tmp_path / "mutant"))
    for reference in ("float32", "float64"):
        for case in ("batch-64", "batch-1", "stress"):
            path = mutant / "golden" / f"{case}.{reference}.logits.npy"
            logits = np.load(path)
            logits[-1, -1] = np.nan
            np.save(path, logits)
    reseal(mutant)
    assert every(verify(mutant)) == {1}


@pytest.mark.slow
def test_both_languages_give_the_same_evidence(programs: dict[str, Program], made: Callable[[str], Path]) -> None:
    for fault in FAULTS:
        mutant = made(fault)
        ours, theirs = (json.loads(p("verify", mutant, "--engine", "torchscript", "--json").stdout) for p in programs.values())
        for report in (ours, theirs):
            del report["machine"]  # with the language
            for entry in report["engines"]:  # C++ meets a broken contract at its warm-up, with another batch: the shapes differ
                entry["reason"] = entry["reason"] and re.sub(r"\[\d+,", "[N,", entry["reason"])
        assert ours == theirs, fault
