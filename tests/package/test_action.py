"""The GitHub Action: its syntax, that no input reaches the shell as code, and its verdict, run as the runner would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from builders.documents import ENVIRONMENT, blocks_of
from builders.programs import ROOT

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]


def test_the_action_is_what_github_takes() -> None:
    assert set(ACTION) == {"name", "description", "inputs", "runs"}
    assert ACTION["runs"]["using"] == "composite"
    for name, given in ACTION["inputs"].items():
        assert re.fullmatch(r"[a-z]+", name)
        assert set(given) <= {"description", "required", "default"}
        assert given.get("required") is True or isinstance(given["default"], str), name
    for step in STEPS:
        assert set(step) == {"name", "shell", "env", "run"}
        subprocess.run(["bash", "-n", "-c", step["run"]], check=True)


def test_the_workflow_that_the_site_shows_gives_inputs_that_the_action_has() -> None:
    page = (ROOT / "docs" / "guides" / "deployment.md").read_text()
    (block,) = (block for block in blocks_of(page) if block.language == "yaml")
    (step,) = (step for step in yaml.safe_load(block.content)["jobs"]["verify"]["steps"] if "torchferry@" in step["uses"])
    assert (
        {name for name, given in ACTION["inputs"].items() if given.get("required")} <= set(step["with"]) <= set(ACTION["inputs"])
    )


def test_every_input_comes_by_the_environment_and_every_one_is_used() -> None:
    used = set()
    for step in STEPS:
        assert "${{" not in step["run"], "an expression in a script is code of whoever wrote the input"
        for value in step["env"].values():
            found = re.fullmatch(r"\$\{\{ inputs\.([a-z]+) \}\}", value)
            assert found is not None, value
            used.add(found[1])
    assert used == set(ACTION["inputs"])


def verify(folder: Path, bundle: Path, **inputs: str) -> tuple[int, str, str]:
    """Run the last step as a runner does; return its exit code, what it printed and the summary."""
    summary = folder / "summary.md"
    environment = {**ENVIRONMENT, "REQUIRE": "", "OPTIONS": "", "TRUST": "", **inputs}
    environment |= {"BUNDLE": str(bundle), "GITHUB_STEP_SUMMARY": str(summary), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[-1]["run"]]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr, summary.read_text()


def test_a_sound_bundle_passes_and_the_summary_has_the_verdicts(tmp_path: Path) -> None:
    code, printed, summary = verify(
        tmp_path, ROOT / "exported" / "iris-adaline", REQUIRE="onnxruntime", OPTIONS="--engine onnxruntime"
    )
    assert (code, "PASSED onnxruntime" in printed) == (0, True)
    assert "PASSED onnxruntime" in summary


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [({"REQUIRE": "executorch"}, 5), ({"TRUST": "nobody.pub"}, 6), ({"OPTIONS": "--engine $(touch x)"}, 2)],
)
def test_what_is_asked_for_and_not_so_fails_with_its_code(tmp_path: Path, inputs: dict[str, str], expected: int) -> None:
    code, printed, _ = verify(tmp_path, ROOT / "exported" / "iris-adaline", **inputs)
    assert code == expected, printed
    assert not (tmp_path / "x").exists()


def test_a_broken_bundle_fails(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(ROOT / "exported" / "iris-adaline", broken)
    (broken / "model.onnx").write_bytes((broken / "model.onnx").read_bytes() + b"x")
    assert verify(tmp_path, broken)[0] == 4
