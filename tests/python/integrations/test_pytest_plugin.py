"""The fixture for other people's tests, in a pytest of its own: what passes, and the one line of what fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from builders.programs import ROOT
from builders.spread import spread

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PLUGIN = "torchferry.integrations.pytest_plugin"
BEGIN = """
import torch
from torch import nn

class Wrong(nn.Module):
    def forward(self, x):
        return x + torch.rand(())  # another answer each time

"""


def run_pytest(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(BEGIN + test)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        PLUGIN,
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        str(folder),
    ]
    return subprocess.run(
        command,
        cwd=folder,
        env={**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "call",
    spread(
        [
            "torchferry_same(nn.Linear(3, 2), torch.randn(8, 3))",
            "torchferry_same(nn.Bilinear(3, 4, 2), {'input1': torch.randn(8, 3), 'input2': torch.randn(8, 4).numpy()}, to=['onnx'])",
            "torchferry_same(nn.Sequential(nn.Linear(3, 3), nn.Dropout()), torch.randn(8, 3)); torchferry_same(nn.ReLU(), torch.randn(8, 3))",
        ],
        1,
    ),
)
def test_a_module_that_crosses_passes(tmp_path: Path, call: str) -> None:
    done = run_pytest(tmp_path, f"def test_it(torchferry_same):\n    {call}\n")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.slow
def test_the_bundle_is_returned_and_the_module_stays_in_train_mode(tmp_path: Path) -> None:
    done = run_pytest(
        tmp_path,
        "def test_it(torchferry_same, tmp_path):\n"
        "    module = nn.Linear(3, 2)\n"
        "    bundle = torchferry_same(module, torch.randn(8, 3), metadata={'commit': 'abc'})\n"
        "    assert module.training and bundle.folder.parent == tmp_path\n"
        "    assert bundle.manifest.metadata == {'commit': 'abc'}\n"
        "    assert {artifact.format for artifact in bundle.manifest.artifacts} >= {'onnx', 'torchscript'}\n",
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("call", "words"),
    [
        pytest.param("torchferry_same(Wrong(), torch.randn(8, 3))", "got two answers", marks=pytest.mark.slow),
        ("torchferry_same(nn.Linear(3, 2), torch.randn(8, 4))", "Linear"),
        ("torchferry_same(nn.Linear(3, 2), torch.randn(8, 3), to=['banana'])", "banana"),
    ],
)
def test_what_does_not_cross_fails_with_one_line(tmp_path: Path, call: str, words: str) -> None:
    done = run_pytest(tmp_path, f"def test_it(torchferry_same):\n    {call}\n")
    assert done.returncode == 1, done.stdout
    _, _, failure = done.stdout.partition("FAILURES")
    said = failure.splitlines()[2]
    assert words in said
    assert "expected" in said
    assert failure.partition("short test summary")[0].count(said) == 1, failure
    assert "During handling" not in failure
    assert "Traceback" not in done.stdout


def test_pytest_finds_it_and_torch_waits_until_it_is_called() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"torchferry": PLUGIN}
    code = f"import {PLUGIN}, sys; sys.exit(bool({{'torch', 'numpy', 'pydantic'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
