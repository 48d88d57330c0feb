"""--timeout: a model that never answers ends after the seconds that were given, in both programs, with and without isolation."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from builders.bundles import fill_bundle
from builders.endless import endless_onnx, endless_torchscript
from builders.isolation import can_isolate
from builders.programs import Finished, Program
from builders.spread import spread
from hostile.refusal import assert_error
from torchferry.errors import ExitCode

SECONDS = 2
WITH_TORCH = 4  # also for importing torch
ENDLESS = {"torchscript": endless_torchscript, "onnxruntime": endless_onnx}


@pytest.fixture(params=ENDLESS)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bundle(tmp_path: Path, engine: str) -> Path:
    """A sealed bundle whose model never answers."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    fill_bundle(folder, artifacts={engine: ENDLESS[engine]()})
    return folder


def seconds_for(request: pytest.FixtureRequest, engine: str, isolation: str = "") -> int:
    """More where Python imports torch before the model runs: ferry-run starts at once."""
    imports_torch = request.node.callspec.params["program"] == "ferry" and engine == "torchscript" and isolation != "--isolate"
    return WITH_TORCH if imports_torch else SECONDS


def require(isolation: tuple[str, ...]) -> None:
    if "--isolate" in isolation and not can_isolate():
        pytest.skip("no libseccomp at the build, or a kernel without Landlock")


def assert_ended(done: Finished, folder: Path, seconds: int) -> None:
    assert done.code == ExitCode.UNAVAILABLE, done
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert f"within the {seconds} seconds of --timeout" in done.stderr
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(folder) not in running


@pytest.mark.parametrize("isolation", spread([(), ("--isolate",), ("--no-isolate",)], 1), ids=["default", "isolated", "here"])
def test_verify_ends(
    request: pytest.FixtureRequest, program: Program, bundle: Path, engine: str, isolation: tuple[str, ...]
) -> None:
    require(isolation)
    seconds = seconds_for(request, engine, *isolation)
    done = program("verify", bundle, "--engine", engine, "--timeout", seconds, *isolation)
    assert_ended(done, bundle, seconds)


@pytest.mark.parametrize("isolation", spread(["--isolate", "--no-isolate"], 1))
def test_predict_ends_and_leaves_no_file(
    request: pytest.FixtureRequest, program: Program, bundle: Path, engine: str, isolation: str
) -> None:
    require((isolation,))
    folder = bundle.parent / "answers"
    folder.mkdir()
    np.save(bundle.parent / "x.npy", np.zeros((3, 2), np.float32))
    words = ("--engine", engine, "--input", bundle.parent / "x.npy", "--output", folder / "y.jsonl")
    seconds = seconds_for(request, engine, isolation)
    done = program("predict", bundle, *words, "--timeout", seconds, isolation)
    assert_ended(done, bundle, seconds)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("seconds", spread(["-1", "nan", "inf", "31536001"], 2))
def test_what_is_no_time_is_refused(program: Program, reference_bundle: Path, seconds: str) -> None:
    done = program("verify", reference_bundle, "--engine", "onnxruntime", "--timeout", seconds)
    assert_error(done, ExitCode.USAGE, "--timeout")


def test_a_model_in_time_passes(program: Program, reference_bundle: Path) -> None:
    plain = program("verify", reference_bundle, "--engine", "onnxruntime", "--json")
    assert plain.code == ExitCode.OK
    assert program("verify", reference_bundle, "--engine", "onnxruntime", "--json", "--timeout", 60) == plain


def test_a_predict_in_time_writes(program: Program, reference_bundle: Path, tmp_path: Path) -> None:
    case = next(path for path in (reference_bundle / "golden").iterdir() if ".input." in path.name)
    for name, options in {"plain": (), "timed": ("--timeout", 60)}.items():
        words = ("--engine", "onnxruntime", "--input", case, "--output", tmp_path / f"{name}.npy", "--select", "label")
        assert program("predict", reference_bundle, *words, *options).code == ExitCode.OK
    assert (tmp_path / "plain.npy").read_bytes() == (tmp_path / "timed.npy").read_bytes()


def test_an_exit_code_comes_through(ferry: Program, bundle_copy: Path) -> None:
    done = ferry("verify", bundle_copy, "--engine", "aoti", "--timeout", 60)
    assert_error(done, ExitCode.UNAVAILABLE, "aoti")
