"""`ferry` and `ferry-run` refuse the same fault with the same exit code and in the same words (FORMAT.md section 11)."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from builders.bundles import fill_bundle
from builders.contracts import contract, spec
from builders.programs import Finished, Program
from hostile.everyday_faults import FAULTS, Fault, npy_of_shape
from torchferry.bundle.golden import CaseArrays

# Where the words cannot be the same, and why. No more than three rows.
DIFFERENT = {
    "a device that is not here": "ONNX Runtime is another build in each language, and only Python's may have CUDA",
    "an engine that neither has": "Python finds engines among its packages, C++ as a plugin in a folder, which the message names",
}
MEMORY_BYTES = 3 << 30
ROWS = 1 << 29  # of 8 bytes: 4 GiB


def said(done: Finished) -> tuple[int, str]:
    """Exit code and words, the program's name apart."""
    return done.code, done.stderr.replace("ferry-run", "ferry")


def assert_same(python: Finished, cpp: Finished) -> None:
    assert said(python) == said(cpp)
    assert python.code != 0
    assert python.stderr.startswith("error: ")
    assert python.stderr.count("\n") == 1


def run_both(fault: Fault, bundle: Path, *programs: Program) -> list[Finished]:
    fault.plant(bundle)
    return [program(*fault.words(bundle), stdin=fault.stdin) for program in programs]


def test_there_are_faults_enough_and_few_exceptions() -> None:
    assert len(FAULTS) >= 60
    assert len(DIFFERENT) <= 3
    assert set(DIFFERENT) < set(FAULTS)


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in DIFFERENT])
def test_both_programs_say_the_same(ferry_here: Program, ferry_run: Program, iris: Path, name: str) -> None:
    assert_same(*run_both(FAULTS[name], iris, ferry_here, ferry_run))


@pytest.mark.parametrize("name", DIFFERENT)
def test_an_exception_has_the_same_code_and_is_still_one(ferry_here: Program, ferry_run: Program, iris: Path, name: str) -> None:
    python, cpp = run_both(FAULTS[name], iris, ferry_here, ferry_run)
    assert python.code == cpp.code != 0
    assert said(python) != said(cpp)


@pytest.mark.parametrize(
    "inputs",
    [
        ["a.npy", "b=b.npy"],
        ["a=a.npy"],
        ["a=a.npy", "b=long.npy"],
        ["a=a.npz", "b=b.npy"],
        ["none.npz"],
    ],
    ids=" ".join,
)
def test_both_say_the_same_of_two_inputs(ferry_here: Program, ferry_run: Program, tmp_path: Path, inputs: list[str]) -> None:
    rows = np.zeros((2, 2), np.float32)
    two = contract((spec("a"), spec("b")), (spec("y"),))
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    outputs = {"y": rows}
    fill_bundle(bundle, contract=two, case=CaseArrays("one", {"a": rows, "b": rows}, outputs, {"y": rows.astype(np.float64)}))
    np.save(tmp_path / "a.npy", rows)
    np.save(tmp_path / "b.npy", rows)
    np.save(tmp_path / "long.npy", np.zeros((3, 2), np.float32))
    np.savez(tmp_path / "a.npz", a=rows)
    words = []
    for argument in inputs:
        name, mark, path = argument.rpartition("=")
        words += ["--input", f"{name}{mark}{tmp_path / path}"]
    assert_same(*(program("predict", bundle, *words) for program in (ferry_here, ferry_run)))


@pytest.mark.slow
def test_both_say_the_same_where_memory_ends(ferry: Program, ferry_run: Program, iris: Path) -> None:
    rows = iris.parent / "rows.npy"
    with rows.open("wb") as stream:  # a file with a hole: it takes no room on the disk
        stream.write(npy_of_shape(f"({ROWS}, 2)"))
        stream.truncate(stream.tell() + 8 * ROWS)

    def limit_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))

    words = ["predict", iris, "--input", rows, "--batch", ROWS]
    python, cpp = (program(*words, preexec_fn=limit_memory) for program in (ferry, ferry_run))
    assert_same(python, cpp)
    assert said(python) == (6, "error: not enough memory; try a smaller --batch\n")
