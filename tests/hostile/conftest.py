"""Both programs, called fast enough for long tables, and a bundle to break."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import typer.main

from builders.forms import as_links, as_one_file, from_memory_in_cpp, from_memory_in_python
from builders.programs import Program, run_here
from builders.zoo import Zoo
from torchferry.cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def command() -> object:
    """The verbs of `ferry`, put together once: typer takes three quarters of a call's time for that."""
    return typer.main.get_command(main.app)


@pytest.fixture
def ferry_here(monkeypatch: pytest.MonkeyPatch, command: object) -> Program:
    """The Python program inside this process: milliseconds a call. A traceback would fail the test by itself."""
    monkeypatch.setattr(main, "app", command)
    return run_here


@pytest.fixture(params=["ferry_here", "ferry_run"])
def quick_program(request: pytest.FixtureRequest) -> Program:
    """Each program in turn, for tables: Python inside this process, C++ as a process."""
    program: Program = request.getfixturevalue(request.param)
    return program


QUICK_FORMS = ("folder", "memory")
FORMS = [
    pytest.param(f"{reader}-{form}", marks=[pytest.mark.slow] * (form not in QUICK_FORMS))
    for form in ("folder", "links", "one-file", "memory")
    for reader in ("ferry_here", "ferry_run")
]


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Program:
    """Each program on each form of a bundle in turn: `form("inspect", FOLDER)` judges what lies in the folder."""
    name, _, kind = request.param.partition("-")
    if kind == "memory":
        return as_one_file(from_memory_in_python if name == "ferry_here" else from_memory_in_cpp)
    program: Program = request.getfixturevalue(name)
    return {"folder": lambda it: it, "links": as_links, "one-file": as_one_file}[kind](program)


@pytest.fixture
def iris(tmp_path: Path) -> Path:
    """A copy of the smallest bundle, whose input is float32 [N,2]."""
    return Path(shutil.copytree(ROOT / "exported" / "iris-adaline", tmp_path / "iris-adaline"))


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """A copy of the bundle whose input is uint8 [N,8,8]."""
    return Path(shutil.copytree(ROOT / "exported" / "digits-mlp", tmp_path / "digits-mlp"))


@pytest.fixture
def c_bundle(zoo: Zoo, tmp_path: Path) -> Path:
    """A copy of an honest bundle of the engine `c`, with an object for this machine."""
    found = zoo.bundle("classifier", "c")
    assert found is not None
    return Path(shutil.copytree(found, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def package_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package torchferry, which has no build beside it, for PYTHONPATH."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT / "python" / "torchferry", folder / "torchferry", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """An engine of the program of this test that starts fast: importing torch would take Python two seconds."""
    in_python = any(value in ("ferry", "ferry_here") for value in request.node.callspec.params.values())
    return "onnxruntime" if in_python else "torchscript"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, empty before the test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder
