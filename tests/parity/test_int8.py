"""`--to c --quantize int8`: both languages give the integers' own bits, the manifest says what they cost, and a wrong model is found."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from builders.mutants import write_mutant
from builders.programs import BUILD, Program
from builders.sides import ALLOW
from builders.spread import spread
from builders.trained import Trained
from torchferry.bundle.reader import open_bundle
from torchferry.cgen import int8_graph, reference
from torchferry.engines.c_build import find_compiler
from torchferry.errors import ExitCode
from torchferry.intake.source import ExportSource

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler is here")
ENGINE = ("--engine", "c-int8", ALLOW)
WORKSPACE = r"note: c: workspace: \d+ bytes, most in layer \d+ .*\n"  # and nothing else
IN_FLOAT32 = r"note: c-int8: in float32, .*: softmax\n"
PLUGIN = BUILD / "lib" / "ferry" / "libferry_engine_c-int8.so"


@pytest.fixture(scope="module")
def bundle(trained: Trained, ferry: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits in int8."""
    out = tmp_path_factory.mktemp("int8") / "digits"
    trained.bundle("digits-mlp")
    done = ferry("export", trained.folder / "runs" / "digits-mlp", "--to", "c", "--quantize", "int8", "--out", out)
    assert done.code == 0, done.stderr
    assert re.fullmatch(WORKSPACE + IN_FLOAT32, done.stderr)
    return out


@pytest.fixture(params=["python", "c++"])
def either(request: pytest.FixtureRequest, programs: dict[str, Program]) -> Program:
    """Each program in turn."""
    if request.param == "c++":
        assert PLUGIN.exists(), f"{PLUGIN} is missing; run `make build` first"
    return programs[request.param]


def test_verify_passes(bundle: Path, either: Program) -> None:
    assert either("verify", bundle, *ENGINE).code == ExitCode.OK


def test_the_bits_are_those_of_the_integers_in_numpy(trained: Trained, bundle: Path, either: Program, tmp_path: Path) -> None:
    run = trained.run("digits-mlp")
    contract, rows = open_bundle(bundle).contract, run.dataset.test_inputs.numpy()
    program = ExportSource(run.module, contract, {"image": rows[:4]}).functional_program
    graph = int8_graph(program, contract, {"image": run.dataset.train_inputs.numpy()})
    expected = reference.run(graph, {"image": rows})
    np.save(tmp_path / "rows.npy", rows)
    arguments = ["--input", tmp_path / "rows.npy", "--output", tmp_path / "out.npy", "--batch", "7"]
    assert either("predict", bundle, *ENGINE, *arguments).code == ExitCode.OK
    for spec, array in zip(contract.outputs, expected, strict=True):
        assert np.load(tmp_path / f"out.{spec.name}.npy").tobytes() == array.tobytes(), spec.name


def test_the_manifest_says_how_many_labels_int8_gets_right(bundle: Path) -> None:
    rows = open_bundle(bundle).manifest.tolerances
    reason = next(row.reason for row in rows if (row.engine, row.output) == ("c-int8", "logits"))
    found = re.search(r"float32 classifies ([\d.]+) % of them as labelled and int8 ([\d.]+) %", reason)
    assert found, reason
    assert float(found[2]) >= float(found[1]) - 0.6  # two of 360: MNIST's tenth of a point is in test_int8.py of the generator


@pytest.mark.parametrize("fault", spread(["swapped pixels", "one weight with the wrong sign"], 1))
def test_a_wrong_model_is_found(trained: Trained, bundle: Path, either: Program, tmp_path: Path, fault: str) -> None:
    module = trained.run("digits-mlp").module
    assert either("verify", write_mutant(bundle, module, tmp_path / "twin"), *ENGINE).code == ExitCode.OK
    weight = module.network.hidden.weight if fault == "swapped pixels" else module.network.output.weight
    with torch.no_grad():
        if fault == "swapped pixels":
            weight.copy_(weight.flip(1))
        else:
            weight.view(-1)[weight.abs().argmax()] *= -1
    assert either("verify", write_mutant(bundle, module, tmp_path / "mutant"), *ENGINE).code == ExitCode.MISMATCH


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--to", "c", "--quantize", "int4"), "--quantize: got 'int4', expected from-module or int8"),
        (("--to", "onnx", "--quantize", "int8"), "--quantize: got int8 with --to onnx, expected it with c"),
        (("--to", "c,c-int8"), "--to: got c and c-int8, expected one of them"),
    ],
)
def test_a_wrong_command_line_is_refused(
    trained: Trained, ferry_here: Program, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    trained.bundle("digits-mlp")
    done = ferry_here("export", trained.folder / "runs" / "digits-mlp", *options, "--out", tmp_path / "out")
    assert done.code == ExitCode.USAGE
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


def test_random_goldens_are_no_calibration_data(ferry_here: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "int8net.py").write_text("from torch import nn\ndef net():\n    return nn.Linear(6, 3).eval()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    arguments = ["int8net:net", "--to", "c", "--quantize", "int8", "--input", "x=float32[N,6]", "--output", "y"]
    done = ferry_here("export", *arguments, "--out", tmp_path / "out")
    assert done.code == ExitCode.BAD_INPUT
    assert "c-int8: calibration: got no data" in done.stderr
    assert not (tmp_path / "out").exists()
    np.save(tmp_path / "real.npy", np.random.default_rng(0).standard_normal((64, 6)).astype(np.float32))
    given = ferry_here("export", *arguments, "--golden", tmp_path / "real.npy", "--out", tmp_path / "out")
    assert given.code == 0, given.stderr
    assert re.fullmatch(WORKSPACE, given.stderr)
