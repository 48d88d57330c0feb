"""What can be told without a runtime is told before one is loaded: the answer comes in milliseconds, and LibTorch, which
checks nothing by itself, never sees the file. The dynamic linker lists what it maps."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from builders.programs import Finished, Program

RUNTIMES = ("libtorch", "libonnxruntime", "onnxruntime_pybind", "libc10")
HERE = "--no-isolate"  # a runtime of a child process is none of this process


@pytest.fixture
def mapped(tmp_path: Path, program: Program) -> object:
    """Runs the program; gives what it did and the runtimes that the dynamic linker mapped for it."""

    def run(*arguments: object) -> tuple[Finished, list[str]]:
        log = tmp_path / "ld"
        done = program(*arguments, env={**os.environ, "LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(log)})
        lines = "".join(path.read_text(errors="replace") for path in tmp_path.glob("ld.*"))
        assert "calling init" in lines, "this linker does not know LD_DEBUG"
        return done, [name for name in RUNTIMES if name in lines]

    return run


def break_file(bundle: Path) -> list[object]:
    (bundle / "model.ts.pt").write_bytes((bundle / "model.ts.pt").read_bytes()[::-1])
    return ["verify", bundle, HERE, "--engine", "torchscript"]


def break_manifest(bundle: Path) -> list[object]:
    (bundle / "manifest.json").write_text("{}")
    return ["verify", bundle, HERE]


def predict(bundle: Path, *options: object) -> list[object]:
    return ["predict", bundle, HERE, "--engine", "torchscript", *options]


def give_nan(bundle: Path) -> list[object]:
    np.save(bundle.parent / "x.npy", np.full((1, 2), np.nan, np.float32))
    return predict(bundle, "--input", bundle.parent / "x.npy")


def give_text(bundle: Path) -> list[object]:
    (bundle.parent / "x.csv").write_text("1,2\n3,x\n")
    return predict(bundle, "--input", bundle.parent / "x.csv")


def ask_for_other_engine(bundle: Path) -> list[object]:
    return ["predict", bundle, HERE, "--engine", "no-such-engine", "--input", bundle / "golden/batch-1.input.measurements.npy"]


def ask_for_other_device(bundle: Path) -> list[object]:
    return predict(bundle, "--device", "gpu", "--input", bundle / "golden/batch-1.input.measurements.npy")


def write_nowhere(bundle: Path) -> list[object]:
    return predict(bundle, "--input", bundle / "golden/batch-1.input.measurements.npy", "--output", bundle / "none" / "out.csv")


def inspect(bundle: Path) -> list[object]:
    return ["inspect", bundle]


CASES = {
    inspect: 0,
    break_manifest: 3,
    break_file: 4,
    ask_for_other_engine: 5,
    write_nowhere: 6,
    give_text: 7,
    give_nan: 7,
    ask_for_other_device: 2,
}


@pytest.mark.parametrize(("prepare", "code"), CASES.items(), ids=[case.__name__ for case in CASES])
def test_no_runtime_is_mapped(mapped, iris: Path, prepare, code: int) -> None:  # type: ignore[no-untyped-def]
    done, runtimes = mapped(*prepare(iris))
    assert done.code == code, done
    assert runtimes == []


def test_the_runtime_is_seen_where_it_is_needed(mapped, iris: Path) -> None:  # type: ignore[no-untyped-def]
    done, runtimes = mapped("verify", iris, HERE, "--engine", "torchscript")
    assert done.code == 0, done
    assert "libtorch" in runtimes
