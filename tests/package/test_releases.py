"""A fleet of releases: other onnxruntimes and another torch from the package index, each in an environment of its own.

They are the matrix of old and new runtimes on the goldens of one bundle, which `ferry fleet gate` turns into an exit code. What a
report says of a release is held to what that release answers without torchferry. FERRY_RELEASES names a folder where the
environments are kept from run to run; without it they are made anew, several GB, and removed at the end.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders.environments import make_environment
from builders.programs import ROOT, Finished, run_here, run_program
from builders.scoring import broken_machine
from torchferry.errors import ExitCode
from torchferry.fleet.entry import Belief
from torchferry.fleet.store import load_fleet
from torchferry.fleet.summary import reached

pytestmark = pytest.mark.slow
DIGITS = ROOT / "exported" / "digits-mlp"
CORE = ("numpy", "pydantic", "PyNaCl", "rich", "typer", "typing-extensions")
RELEASES = {"onnxruntime-old": "onnxruntime==1.26.0", "onnxruntime-new": "onnxruntime==1.32.0", "torch-new": "torch==2.14.1"}
BELIEF = Belief(datetime.datetime.now(datetime.timezone.utc))

# What a user of the runtime alone would write: is each answer the golden's, bit for bit, and how far is it from the float64 answer?
ALONE = """
import json, sys
import numpy as np
def golden(part): return np.load(f"{sys.argv[1]}/golden/batch-64.{part}.npy")
image = golden("input.image")
if sys.argv[2] == "onnxruntime":
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(f"{sys.argv[1]}/model.onnx", options, providers=["CPUExecutionProvider"])
    answers = dict(zip([one.name for one in session.get_outputs()], session.run(None, {"image": image})))
else:
    import torch
    torch.set_num_threads(1)
    model = torch.jit.freeze(torch.jit.load(f"{sys.argv[1]}/model.ts.pt").eval())
    answers = {name: value.numpy() for name, value in zip(("logits", "probabilities", "label"), model(torch.from_numpy(image)))}
print(json.dumps({name: [answers[name].tobytes() == golden("float32." + name).tobytes(),
    float(np.abs(answers[name].astype(np.float64) - golden("float64." + name)).max())] for name in ("logits", "probabilities")}))
"""


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the environments, by the names of RELEASES."""
    kept = os.environ.get("FERRY_RELEASES")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("releases")
    try:
        for name, release in RELEASES.items():
            make_environment(folder / name, *CORE, release)
        yield folder
    finally:
        if not kept:
            shutil.rmtree(folder)


def verify(python: Path | str, **variables: str) -> Finished:
    """Let the torchferry of this checkout verify the bundle in that environment, with nothing of this one on its path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONPATH"] = os.pathsep.join([*filter(None, [variables.pop("first", "")]), str(ROOT / "python")])
    return run_program([str(python), "-m", "torchferry", "verify"], DIGITS, "--json", env=environment | variables)


@pytest.fixture(scope="module")
def reports(environments: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the reports: of this environment, and of each release."""
    folder = tmp_path_factory.mktemp("reports")
    for name in ("here", *RELEASES):
        done = verify(sys.executable if name == "here" else environments / name / "bin" / "python")
        assert (done.code, done.stderr) == (ExitCode.OK, "")
        (folder / f"{name}.json").write_bytes(done.stdout)
    return folder


def joined(store: Path, *files: Path) -> Path:
    done = run_here("fleet", "add", store, *files)
    assert done.code == ExitCode.OK, done.stderr
    return store


def gate(store: Path, *options: object) -> tuple[int, list[str]]:
    done = run_here("fleet", "gate", store, *options)
    return done.code, done.stdout.decode().splitlines()


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_reached_what_it_answers_without_torchferry(
    name: str, environments: Path, reports: Path, tmp_path: Path
) -> None:
    engine = {"torch": "torchscript", "onnxruntime": "onnxruntime"}[name.partition("-")[0]]
    python = environments / name / "bin" / "python"
    alone = subprocess.run([python, "-c", ALONE, DIGITS, engine], capture_output=True, text=True, timeout=300, check=True)
    answers: dict[str, tuple[bool, float]] = json.loads(alone.stdout)
    store = joined(tmp_path / "store", reports / f"{name}.json")
    report = load_fleet(store, BELIEF).latest[0].report
    assert report.machine.versions[name.partition("-")[0]].startswith(RELEASES[name].partition("==")[2])
    (said,) = (one for one in report.engines if one.engine == engine)
    far = {one.output: one.max_abs for one in said.verdicts if one.case == "batch-64"}
    for output, (has_the_bits, distance) in answers.items():
        held: Any = far[output]
        assert held in (
            {0.0, distance} if has_the_bits else {distance}
        )  # 0: held to the golden's bits, not to the float64 answer
    level = reached(load_fleet(store, BELIEF).latest)[f"{engine} on cpu"][0]
    if not all(same for same, _ in answers.values()):
        assert level == "bound"
    elif engine == "torchscript":
        assert level == "bits"
    assert gate(store, "--require", engine)[0] == ExitCode.OK
    assert gate(store, "--require", engine, "--allow", "bits")[0] == (ExitCode.OK if level == "bits" else ExitCode.MISMATCH)


def test_old_and_new_runtimes_are_one_verdict(reports: Path, tmp_path: Path) -> None:
    store = joined(tmp_path / "store", *sorted(reports.glob("*.json")))
    code, lines = gate(store)
    assert (code, lines) == (ExitCode.OK, [f"MAY ROLL OUT: {len(RELEASES) + 1} machines, 0 problems, allowed: bound"])
    code, lines = gate(store, "--allow", "bits")
    assert code == ExitCode.MISMATCH
    assert {line.partition(":")[0] for line in lines} >= {"here", "onnxruntime-old", "onnxruntime-new", "HOLD"}
    assert all("onnxruntime on cpu reached bound, expected bits" in line for line in lines if line.startswith("onnxruntime-"))
    assert gate(store, "--require", "onnxruntime")[1][0] == "torch-new: onnxruntime did not run, expected it to"


def test_an_upgrade_says_what_changed_on_its_machine(reports: Path, tmp_path: Path) -> None:
    store, machine = tmp_path / "store", tmp_path / "rack-1.json"
    for name in ("onnxruntime-old", "onnxruntime-new"):
        joined(store, Path(shutil.copy(reports / f"{name}.json", machine)))
    assert run_here("fleet", "report", store, "-o", tmp_path / "fleet.html").code == ExitCode.OK
    old, new = (RELEASES[name].partition("==")[2] for name in ("onnxruntime-old", "onnxruntime-new"))
    page = (tmp_path / "fleet.html").read_text()
    assert f"rack-1: onnxruntime {old} is now {new}" in page
    assert "MAY ROLL OUT" in page


def test_a_release_that_computes_wrong_is_held(environments: Path, reports: Path, tmp_path: Path) -> None:
    fault = broken_machine(tmp_path / "fault")["PYTHONPATH"].split(os.pathsep)[0]
    done = verify(environments / "onnxruntime-new" / "bin" / "python", first=fault)
    assert done.code == ExitCode.MISMATCH, done.stderr
    machine = tmp_path / "rack-1.json"
    machine.write_bytes((reports / "onnxruntime-old.json").read_bytes())
    store = joined(tmp_path / "store", machine)
    assert gate(store)[0] == ExitCode.OK
    machine.write_bytes(done.stdout)
    code, lines = gate(joined(store, machine))
    assert code == ExitCode.MISMATCH
    assert lines[0].startswith("rack-1: onnxruntime on cpu reached failed, expected bound")
    assert lines[-1].startswith("HOLD: 1 machines, 1 problems")
