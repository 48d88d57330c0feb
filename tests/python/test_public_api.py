"""`import torchferry`: what it gives, that it is lazy and typed, and that it says the same as the programs."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import torchferry
from builders.programs import ROOT, Program

BUNDLE = ROOT / "exported" / "iris-adaline"
GOOD = """
import torchferry
from torchferry import Bundle, EngineVerdict, EnginesDiff, ExitCode, FerryError, ImagePreprocess, Session, Verdict

def prove(folder: str) -> bool:
    bundle: Bundle = torchferry.open_bundle(folder)
    session: Session = Session(bundle, "eager", threads=2)
    found: EngineVerdict = torchferry.verify(bundle, session, calls=2)
    worst: list[Verdict] = [item for item in found.verdicts if not item.passed]
    moved: EnginesDiff = torchferry.diff(bundle, session, session)
    contract: torchferry.Contract = bundle.contract
    first: torchferry.TensorSpec = contract.inputs[0]
    return found.passed and moved.is_same and not worst and first.name != ""

def described() -> ImagePreprocess:
    return ImagePreprocess(resize=256, crop=(224, 320), mean=(0.485, 0.456, 0.406), std=[0.229, 0.224, 0.225])

def code(error: FerryError) -> ExitCode:
    return error.code
"""
WRONG = {
    'torchferry.export(3, banana="yes")': "banana",
    'torchferry.open_bundle("b").contrakt': "contrakt",
    'torchferry.Session(torchferry.open_bundle("b"), "eager", threads="two")': "threads",
    'torchferry.verify(torchferry.open_bundle("b"))': "session",
    'torchferry.ImagePreprocess(resize="256")': "resize",
    "torchferry.no_such_name": "no_such_name",
}


def mypy(folder: Path, text: str) -> tuple[int, str]:
    """Run mypy --strict on a user's file."""
    (folder / "user.py").write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder.parent / "mypy-cache"), "user.py"]
    environment = {"MYPYPATH": str(ROOT / "python"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)
    return done.returncode, done.stdout


@pytest.mark.slow
def test_mypy_takes_what_is_right_and_refuses_what_is_wrong(tmp_path: Path) -> None:
    lines = len(GOOD.splitlines())
    code, printed = mypy(tmp_path, GOOD + "".join(f"{line}\n" for line in WRONG))
    mine = [line for line in printed.splitlines() if line.startswith("user.py:") and ": error:" in line]
    assert code == 1
    for number, (text, named) in enumerate(WRONG.items(), lines + 1):
        assert any(line.startswith(f"user.py:{number}:") and named in line for line in mine), f"{text} was taken: {printed}"
    assert all(int(line.split(":")[1]) > lines for line in mine), printed


def test_import_alone_loads_neither_torch_nor_numpy() -> None:
    code = "import sys, torchferry; sys.exit(sum(name in sys.modules for name in ('torch', 'numpy', 'pydantic', 'typer')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_opening_and_errors_need_no_torch() -> None:
    code = f"import sys, torchferry; torchferry.open_bundle({str(BUNDLE)!r}); torchferry.FerryError; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_is_what_it_says() -> None:
    for name in torchferry.__all__:
        found = getattr(torchferry, name)
        assert name == "__version__" or found.__name__ == name
    assert set(torchferry.__all__) == set(dir(torchferry))


def test_a_name_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(AttributeError, match="no attribute 'banana'; it has Bundle, Contract"):
        getattr(torchferry, "banana")  # noqa: B009


def test_help_shows_the_parameters() -> None:
    assert inspect.isfunction(torchferry.export)
    done = subprocess.run(
        [sys.executable, "-c", "import torchferry; help(torchferry.export)"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Help on function export in module torchferry.exporter.api:")
    for name in inspect.signature(torchferry.export).parameters:
        assert name in done.stdout
    assert "golden: Golden | None = None" in done.stdout or "golden: 'Golden | None' = None" in done.stdout


def test_verify_says_what_the_program_says(ferry_here: Program) -> None:
    bundle = torchferry.open_bundle(BUNDLE)
    found = torchferry.verify(bundle, torchferry.Session(bundle, "onnxruntime"), calls=2)
    printed = json.loads(ferry_here("verify", BUNDLE, "--engine", "onnxruntime", "--calls", 2, "--json").stdout)
    told = printed["engines"][0]["verdicts"]
    assert found.passed
    assert [(item.case, item.call, item.output, item.max_abs) for item in found.verdicts] == [
        (item["case"], item["call"], item["output"], item["max_abs"]) for item in told
    ]


def test_verify_refuses_calls_that_prove_nothing() -> None:
    bundle = torchferry.open_bundle(BUNDLE)
    with pytest.raises(torchferry.FerryError, match="--calls: got 0, expected 1 to 100"):
        torchferry.verify(bundle, torchferry.Session(bundle, "onnxruntime"), calls=0)


def test_diff_of_two_sessions_is_within_their_bounds() -> None:
    bundle = torchferry.open_bundle(BUNDLE)
    first, second = (torchferry.Session(bundle, name) for name in ("torchscript", "onnxruntime"))
    inputs = [{"measurements": np.ones((3, 2), dtype=np.float32)}]
    found = torchferry.diff(bundle, first, second, inputs=inputs)
    assert found.is_same
    assert [item.compared for item in found.outputs] == [
        int(np.prod([3 if dim == "N" else dim for dim in spec.shape])) for spec in bundle.contract.outputs
    ]
    with pytest.raises(torchferry.FerryError, match="got no samples"):
        torchferry.diff(bundle, first, second, inputs=[])
