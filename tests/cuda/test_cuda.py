"""On a CUDA device: what holds on the CPU holds there, by bounds instead of bits, in both languages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import torchferry
from builders.bundles import reseal
from builders.programs import BUILD, Program
from builders.subjects import CppEngine, PythonEngine, Question, Subject
from cuda.networks import NETWORKS, build_network
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode

DEVICE = "cuda:0"
RUNS = [("eager", "Python"), ("torchscript", "Python"), ("torchscript", "C++"), ("aoti", "Python"), ("aoti", "C++")]
SUBJECTS = [PythonEngine("torchscript"), PythonEngine("aoti"), CppEngine("torchscript", BUILD), CppEngine("aoti", BUILD)]


def cells_on_the_device(program: Program, bundle: Path, code: int = ExitCode.OK) -> list[dict[str, Any]]:
    done = program("verify", bundle, "--all", "--json", "--allow-native", "--ferry-run", BUILD / "bin" / "ferry-run")
    assert done.code == code, (done.stderr, done.stdout.decode()[-2000:])
    return [cell for cell in json.loads(done.stdout)["cells"] if cell["device"] == DEVICE]


def test_every_engine_of_both_languages_is_within_its_bounds(ferry: Program, bundle: Path) -> None:
    cells = cells_on_the_device(ferry, bundle)
    ran = {(cell["engine"], cell["language"]) for cell in cells if cell["status"] == "passed"}
    expected = {run for run in RUNS if run[0] in {artifact.engine for artifact in open_bundle(bundle).manifest.artifacts}}
    assert ran == expected, {cell["reason"] for cell in cells if cell["status"] != "passed"}


def test_a_wrong_weight_is_seen_on_the_device(ferry: Program, tmp_path: Path) -> None:
    """The goldens are those of another network: every cell of the device must say so."""
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    module, shape = build_network("mlp"), NETWORKS["mlp"][1]
    for out in (right, wrong):
        torchferry.export(module, inputs={"x": shape}, to=["torchscript", "export"], out=out, note=lambda _: None)
        with torch.no_grad():
            module[0].weight[3, 5] += 0.5  # type: ignore[index,operator]
    for file in (right / "golden").iterdir():
        shutil.copy(file, wrong / "golden" / file.name)
    reseal(wrong)
    cells = cells_on_the_device(ferry, wrong, ExitCode.MISMATCH)
    engines = {cell["engine"] for cell in cells}
    assert engines == {"torchscript", "eager"}
    assert {cell["status"] for cell in cells if (cell["engine"], cell["language"]) != ("eager", "C++")} == {"failed"}


def test_tf32_would_leave_the_bound(convolutions: Path) -> None:
    """The bound can tell: with TF32, which both languages switch off, this device leaves it."""
    bundle = open_bundle(convolutions)
    (row,) = [r for r in bundle.manifest.tolerances if (r.engine, r.device) == ("eager", "cuda")]
    case = read_case(bundle, bundle.manifest.golden.cases[0])
    model = build_network("convolutions").to(DEVICE)
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=True):
        answer = model(torch.from_numpy(case.inputs["x"]).to(DEVICE)).cpu().numpy()
    assert np.abs(answer - case.float64[row.output]).max() > row.bound


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: f"{s.language}-{s.engine}")
def test_eight_threads_and_five_calls_get_equal_bits(subject: Subject, convolutions: Path) -> None:
    case = open_bundle(convolutions)
    inputs = read_case(case, case.manifest.golden.cases[0]).inputs
    (answer,) = subject.ask(convolutions, [inputs], Question(device=DEVICE, workers=8, calls=5))
    assert answer.code == ExitCode.OK, answer.problem
    assert len({outputs[name].tobytes() for outputs in answer.outputs for name in outputs}) == 1


@pytest.mark.parametrize("engine", ["torchscript", "aoti"])
def test_python_and_cpp_give_equal_bits_on_one_device(engine: str, bundle: Path) -> None:
    opened = open_bundle(bundle)
    if engine not in {artifact.engine for artifact in opened.manifest.artifacts}:
        pytest.skip(f"AOTInductor cannot compile {bundle.name} with this torch")
    inputs = read_case(opened, opened.manifest.golden.cases[0]).inputs
    answers = [
        subject.ask(bundle, [inputs], Question(device=DEVICE))[0].only
        for subject in (PythonEngine(engine), CppEngine(engine, BUILD))
    ]
    assert {name: array.tobytes() for name, array in answers[0].items()} == {n: a.tobytes() for n, a in answers[1].items()}


def test_a_module_on_the_device_is_refused_with_the_way_out(tmp_path: Path) -> None:
    module, shape = build_network("mlp").to(DEVICE), NETWORKS["mlp"][1]
    with pytest.raises(torchferry.FerryError, match=r"got device cuda:0, expected cpu; call module\.cpu\(\) first"):
        torchferry.export(module, inputs={"x": shape}, to=["torchscript"], out=tmp_path / "net", note=lambda _: None)


def test_a_device_beyond_the_last_is_refused(program: Program, convolutions: Path) -> None:
    absent = f"cuda:{torch.cuda.device_count()}"
    done = program("verify", convolutions, "--engine", "torchscript", "--device", absent)
    assert (done.code, done.stderr.count("\n")) == (ExitCode.UNAVAILABLE, 1), done.stderr
    assert f"got {absent}, expected a device that is here: {torch.cuda.device_count()} CUDA devices" in done.stderr


def test_isolation_that_was_asked_for_is_refused_and_by_default_it_is_said(ferry_run: Program, convolutions: Path) -> None:
    words = ("verify", convolutions, "--engine", "torchscript", "--device", DEVICE)
    assert ferry_run(*words, "--isolate").code == ExitCode.UNAVAILABLE
    done = ferry_run(*words)
    assert done.code == ExitCode.OK, done.stderr
    assert done.stderr.count("isolat") == 1


def test_training_on_the_device_learns_what_it_learns_on_the_cpu(ferry: Program, tmp_path: Path) -> None:
    losses = []
    for device in ("cpu", DEVICE):
        done = ferry("train", "digits-mlp", "--device", device, "--epochs", 5, "--out", tmp_path / device)
        assert done.code == ExitCode.OK, done.stderr
        history = json.loads((tmp_path / device / "history.json").read_text())
        losses.append([epoch["loss"] for epoch in history["epochs"]])
    assert len(losses[1]) == 5
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)
