"""Options, engines and devices that cannot be are refused alike by `ferry` and `ferry-run` (FORMAT.md section 11)."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from builders.programs import Program
from hostile.refusal import assert_error, assert_refused

INPUT = "golden/batch-1.input.measurements.npy"


def words(text: str, bundle: Path) -> list[str]:
    """A command line; B is the bundle, I an input of it, DIR the folder it lies in, '' an empty word."""
    known = {"B": str(bundle), "I": str(bundle / INPUT), "DIR": str(bundle.parent), "''": ""}
    return ["/".join([known.get(parts[0], parts[0]), *parts[1:]]) for parts in (word.split("/") for word in text.split())]


USAGE = {
    "no-such-verb": "no-such-verb",
    "inspect": "BUNDLE",
    "verify": "BUNDLE",
    "predict --input I": "BUNDLE",
    "inspect B more": "more",
    "inspect B --no-such": "--no-such",
    "inspect B --device cpu": "--device",
    "verify B --no-such": "--no-such",
    "verify B --engine": "--engine",
    "verify B --engine ''": "--engine",
    "verify B --device gpu": "gpu",
    "verify B --threads 0": "--threads",
    "predict B": "--input",
    "predict B --input": "--input",
    "predict B --input I --output": "--output",
    "predict B --input I --inp I": "--inp",
    "predict B --input I I": INPUT,
    "predict B --input I --input I": "--input",
    "predict B --input - --input -": "--input",
    "predict B --input I --device gpu": "gpu",
    "predict B --input I --device cuda": "cuda",
    "predict B --input I --device CPU": "CPU",
    "predict B --input I --device cuda:": "cuda:",
    "predict B --input I --device cuda:x": "cuda:x",
    "predict B --input I --device cuda:-1": "cuda:-1",
    "predict B --input I --device cpu:0": "cpu:0",
    "predict B --input I --device ''": "--device",
    "predict B --input I --threads 0": "--threads",
    "predict B --input I --threads -1": "--threads",
    "predict B --input I --threads x": "--threads",
    "predict B --input I --threads 1.5": "--threads",
    "predict B --input I --threads ''": "--threads",
    "predict B --input I --threads 99999999999": "--threads",
    "predict B --input I --batch 0": "--batch",
    "predict B --input I --batch -5": "--batch",
    "predict B --input I --batch x": "--batch",
    "predict B --input I --batch 1e3": "--batch",
    "predict B --input I --format xml": "--format",
    "predict B --input I --format ''": "--format",
    "predict B --input I --output DIR/out.txt": "out.txt",
    "predict B --input I --output ''": "--output",
    "predict B --input I --select no-such": "no-such",
    "predict B --input I --select ''": "--select",
    "predict B --input I --format npy": "--output",
}
MISSING = {
    "predict B --input DIR/none.npy": "none.npy",
    "predict B --input DIR/none/x.npy": "x.npy",
    "predict B --input DIR": "expected a readable file",
    "predict B --input ''": "expected a readable file",
    "predict B --input other=I": "other=",
    "predict B --input I --output DIR/none/out.jsonl": "out.jsonl",
    "predict B --input I --output DIR --format jsonl": "expected",
    "predict B --input I --output I/out.csv": "out.csv",
}
UNAVAILABLE = {
    "predict B --input I --engine no-such-engine": "no-such-engine",
    "predict B --input I --engine ../../evil": "../../evil",
    "predict B --input I --engine Torchscript": "Torchscript",
    "predict B --input I --engine torchscript --device cuda:9999": "cuda:9999",
    "verify B --engine no-such-engine": "no-such-engine",
    "verify B --engine torchscript --device cuda:9999": "cuda:9999",
}


@pytest.mark.parametrize(("line", "named"), USAGE.items(), ids=USAGE)
def test_a_wrong_command_line_is_a_usage_error(quick_program: Program, iris: Path, line: str, named: str) -> None:
    verb, *rest = words(line, iris)
    options = ["--engine", "torchscript"] if verb == "predict" else []
    assert_refused(quick_program, verb, *options, *rest, code=2, named=named, under=iris.parent)


def test_a_verb_is_required(program: Program) -> None:
    done = program()
    assert done.code == 2
    assert done.stderr.startswith("error: got no verb")


@pytest.mark.parametrize(("line", "named"), MISSING.items(), ids=MISSING)
def test_a_path_that_is_not_there_is_an_io_error(quick_program: Program, iris: Path, line: str, named: str) -> None:
    assert_refused(quick_program, *words(line, iris), "--engine", "torchscript", code=6, named=named, under=iris.parent)


@pytest.mark.parametrize(("line", "named"), UNAVAILABLE.items(), ids=UNAVAILABLE)
def test_an_engine_or_device_that_is_not_here_is_unavailable(quick_program: Program, iris: Path, line: str, named: str) -> None:
    assert_refused(quick_program, *words(line, iris), code=5, named=named, under=iris.parent)


@pytest.fixture
def no_cuda() -> None:
    """Skips where this torch finds a CUDA device."""
    torch = importlib.import_module("torch")  # here: most of these tests need none
    if torch.cuda.device_count() > 0:
        pytest.skip("there is a CUDA device here")


@pytest.mark.usefixtures("no_cuda")
@pytest.mark.parametrize("options", ["--engine torchscript", ""])
def test_cuda_where_there_is_none_is_unavailable_and_never_the_cpu(quick_program: Program, iris: Path, options: str) -> None:
    command = [
        "predict",
        iris,
        "--input",
        iris / INPUT,
        "--device",
        "cuda:0",
        "--output",
        iris.parent / "out.jsonl",
        *options.split(),
    ]
    assert_refused(quick_program, *command, code=5, named="cuda:0", under=iris.parent)


@pytest.mark.usefixtures("no_cuda")
def test_no_engine_that_can_run_here_is_told_by_verify(quick_program: Program, iris: Path) -> None:
    done = quick_program("verify", iris, "--device", "cuda:0", "--json")
    assert done.code == 5
    assert json.loads(done.stdout)["passed"] is False
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("line", ["inspect B --no-such", "predict B --input I --device gpu", "verify B --engine no-such-engine"])
def test_a_refusal_is_the_same_from_a_whole_process(program: Program, iris: Path, line: str) -> None:
    done = program(*words(line, iris))
    assert_error(done, 5 if "no-such-engine" in line else 2)


@pytest.mark.parametrize("verb", ["", "inspect", "predict", "verify"])
def test_help_is_no_error(quick_program: Program, verb: str) -> None:
    done = quick_program(*verb.split(), "--help")
    assert done.code == 0
    assert done.stderr == ""
    assert len(done.stdout) > 200


@pytest.mark.parametrize("word", ["two\nlines", "\u001b[2J", "\u009b2J", "\ufffd", "a" * 5000])
def test_a_strange_word_cannot_break_the_message(quick_program: Program, iris: Path, word: str) -> None:
    for line in (
        [word],
        ["inspect", iris, word],
        ["inspect", f"{iris}/{word}"],
        ["inspect", iris, f"--{word}"],
        ["verify", iris, "--engine", word],
    ):
        done = quick_program(*line)
        assert_error(done, done.code)
        assert done.code in (2, 5, 6)
