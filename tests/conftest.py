"""What every Python-side test may ask for: the reference bundles, the C++ program, and both programs under one interface."""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest

from builders import torch_tables
from builders.isolation import can_isolate, without_note
from builders.programs import BUILD, ROOT, Program, run_here, run_program
from builders.shared_folder import shared_folder
from builders.trained import Trained
from builders.zoo import Zoo

# The tools of this environment's wheels (cmake, ninja) come before the system's, which may have none.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

torch_tables.keep()

FERRY_RUN = BUILD / "bin" / "ferry-run"
DATA_ROOT = Path(os.environ.get("FERRY_DATA_ROOT", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def ferry() -> Program:
    """The Python program."""
    return lambda *arguments, **options: run_program([sys.executable, "-m", "torchferry"], *arguments, **options)


@pytest.fixture(scope="session")
def ferry_here() -> Program:
    """The Python program inside this process: the same verbs and exit codes without the start of an interpreter."""
    return run_here


@pytest.fixture(scope="session")
def ferry_run() -> Program:
    """The C++ program; `make test` builds it before these tests."""
    assert FERRY_RUN.exists(), f"{FERRY_RUN} is missing; run `make build` first"
    run = partial(run_program, [str(FERRY_RUN)])
    return run if can_isolate() else lambda *arguments, **options: without_note(run(*arguments, **options))


@pytest.fixture(params=["ferry", "ferry-run"])
def program(request: pytest.FixtureRequest) -> Program:
    """Each program in turn: what is tested through this fixture holds for both languages."""
    return request.getfixturevalue(request.param.replace("-", "_"))


@pytest.fixture(params=["iris-adaline", "digits-mlp"])
def reference_bundle(request: pytest.FixtureRequest) -> Path:
    """Each reference bundle in turn, read only."""
    return ROOT / "exported" / request.param


@pytest.fixture
def bundle_copy(tmp_path: Path) -> Path:
    """A copy of a reference bundle to break."""
    return Path(shutil.copytree(ROOT / "exported" / "digits-mlp", tmp_path / "digits-mlp"))


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of MNIST; without it the test is skipped, and pytest prints and counts the reason."""
    if not (DATA_ROOT / "MNIST").is_dir():
        pytest.skip(f"MNIST is not in {DATA_ROOT}; set FERRY_DATA_ROOT")
    return DATA_ROOT


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """The models of the suites in every format, exported once."""
    return Zoo(shared_folder(tmp_path_factory, "zoo"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The course's models, trained once."""
    return Trained(shared_folder(tmp_path_factory, "trained"))
