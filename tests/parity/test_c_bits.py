"""The engine `c` gives one set of bits: those of its NumPy reference, in both languages, at every batch, from an object or built here."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from builders.programs import Program, assert_answered
from builders.sides import ALLOW
from builders.spread import spread
from builders.trained import Trained
from builders.zoo import Zoo
from torchferry.bundle.contract import Array
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.cgen import generate, reference
from torchferry.engines.c_build import find_compiler
from torchferry.intake.source import ExportSource

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler is here")
NAMES = ("iris-adaline", "digits-mlp")


def reference_outputs(trained: Trained, name: str, bundle: Bundle, rows: Array) -> dict[str, Array]:
    """The model in NumPy, operation by operation as the C does them; nothing of the bundle's C is used."""
    inputs = {bundle.contract.inputs[0].name: rows}
    program = ExportSource(trained.run(name).module, bundle.contract, inputs).functional_program
    graph = generate(program, bundle.contract, name="net", goldens=inputs).graph
    return {spec.name: array for spec, array in zip(bundle.contract.outputs, reference.run(graph, inputs), strict=True)}


def predicted(program: Program, bundle: Path, rows: Path, batch: int, folder: Path) -> dict[str, Array]:
    arguments = ["--engine", "c", ALLOW, "--input", rows, "--output", folder / "out.npy", "--batch", batch]
    done = program("predict", bundle, *arguments)
    assert_answered(done)
    return {spec.name: np.load(folder / f"out.{spec.name}.npy") for spec in open_bundle(bundle).contract.outputs}


@pytest.mark.parametrize("object_is", ["there", "missing"])
@pytest.mark.parametrize("name", spread(NAMES, 1))
@pytest.mark.parametrize("language", ["python", "c++"])
def test_the_bits_are_those_of_the_reference(
    trained: Trained, programs: dict[str, Program], tmp_path: Path, name: str, language: str, object_is: str
) -> None:
    bundle = Path(shutil.copytree(trained.bundle(name), tmp_path / "bundle"))
    if object_is == "missing":
        shutil.rmtree(bundle / "native")
    rows = trained.run(name).dataset.test_inputs.numpy()
    np.save(tmp_path / "rows.npy", rows)
    expected = reference_outputs(trained, name, open_bundle(bundle), rows)
    for batch in (1, 7, 256):
        actual = predicted(programs[language], bundle, tmp_path / "rows.npy", batch, tmp_path)
        assert all(actual[key].tobytes() == expected[key].tobytes() for key in expected), f"batch {batch}"


def test_c_expresses_the_models_of_the_conformance_suite_that_have_fixed_dims(zoo: Zoo) -> None:
    """Else the suite would skip them, and structs with gaps would be under no test."""
    assert zoo.bundle("classifier", "c") is not None
    assert zoo.bundle("scorer", "c") is not None


def test_the_comparison_can_fail(trained: Trained, programs: dict[str, Program], tmp_path: Path) -> None:
    """Other inputs give other bits."""
    bundle = trained.bundle("digits-mlp")
    rows = trained.run("digits-mlp").dataset.test_inputs.numpy()
    np.save(tmp_path / "rows.npy", rows[::-1])
    expected = reference_outputs(trained, "digits-mlp", open_bundle(bundle), rows)
    actual = predicted(programs["c++"], bundle, tmp_path / "rows.npy", 256, tmp_path)
    assert actual["logits"].tobytes() != expected["logits"].tobytes()
