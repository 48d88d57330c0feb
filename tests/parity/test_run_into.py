"""`run_into`: the caller's memory, the same bits, and with the engines `c` and `c-int8` no allocation and no system call."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from builders.programs import BUILD, run_program
from builders.trained import Trained
from torchferry import native
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle

HOST = BUILD / "tests" / "bin" / "ferry_run_into_host"
QUIET = {"c": "c", "c-int8": "c-int8"}  # format -> engine
OTHERS = {"onnx": "onnxruntime", "torchscript": "torchscript", "executorch": "executorch"}


def one_sample(bundle: Path) -> bytes:
    opened = open_bundle(bundle)
    (values,) = read_case(opened, opened.manifest.golden.cases[0]).inputs.values()
    return values[:1].tobytes()


@pytest.mark.parametrize(("name", "engine"), (QUIET | OTHERS).items())
def test_the_bits_are_those_of_run(trained: Trained, name: str, engine: str) -> None:
    bundle = trained.bundle_for("digits-mlp", name)
    done = run_program([str(HOST)], bundle, engine, 8, stdin=one_sample(bundle))
    assert done.code == 0, done.stderr
    opened = open_bundle(bundle)
    native_bundle = native.open_bundle(bundle)
    native_bundle.allow_native()
    case = read_case(opened, opened.manifest.golden.cases[0])
    outputs = native_bundle.session(engine).run({key: value[:1] for key, value in case.inputs.items()})
    assert done.stdout == b"".join(value.tobytes() for value in outputs.values())


@pytest.mark.parametrize(("name", "engine"), QUIET.items())
def test_eight_threads_ask_for_no_memory(trained: Trained, name: str, engine: str) -> None:
    bundle = trained.bundle_for("digits-mlp", name)
    done = run_program([str(HOST)], bundle, engine, 8, stdin=one_sample(bundle))
    assert "allocations: 0\n" in done.stderr, done.stderr


def test_executorch_asks_for_memory_three_times_a_call_at_most(trained: Trained) -> None:
    bundle = trained.bundle_for("digits-mlp", "executorch")
    done = run_program([str(HOST)], bundle, "executorch", 1, stdin=one_sample(bundle))
    found = re.search(r"allocations: (\d+)", done.stderr)
    assert found is not None, done.stderr
    assert int(found[1]) <= 3 * 2000


def test_the_counter_counts(trained: Trained) -> None:
    """An engine that does ask for memory: the test above can fail."""
    bundle = trained.bundle_for("digits-mlp", "onnx")
    done = run_program([str(HOST)], bundle, "onnxruntime", 1, stdin=one_sample(bundle))
    found = re.search(r"allocations: (\d+)", done.stderr)
    assert found is not None
    assert int(found[1]) >= 2000


@pytest.mark.parametrize(("name", "engine"), QUIET.items())
def test_no_call_of_the_system_lies_between(trained: Trained, name: str, engine: str, tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (tests/packages.txt)")
    bundle, log = trained.bundle_for("digits-mlp", name), tmp_path / "strace.txt"
    done = run_program(["strace", "-o", str(log), str(HOST)], bundle, engine, 1, stdin=one_sample(bundle))
    assert done.code == 0, done.stderr
    calls = [line.partition("(")[0] for line in log.read_text().splitlines()]
    first = calls.index("getppid")
    assert calls[first : first + 2] == ["getppid", "getppid"]
