"""`ferry` as a program: help, errors of one line, exit codes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from builders.programs import Program
from torchferry.cli import main
from torchferry.errors import ExitCode, FerryError
from torchferry.version import VERSION

VERBS = sorted(
    path.stem
    for path in Path(main.__file__).parent.glob("*.py")
    if path.stem not in ("__init__", "command_line", "console", "main") and not path.stem.endswith("options")
)


def test_help_lists_every_verb_with_what_it_does(ferry_here: Program) -> None:
    done = ferry_here("--help")
    assert done.code == ExitCode.OK
    text = done.stdout.decode()
    for verb in VERBS:
        assert re.search(rf"\b{verb}\b\s+\w", text), verb


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_all_its_options(ferry_here: Program, verb: str) -> None:
    text = ferry_here(verb, "--help").stdout.decode()
    options = re.findall(r"(--[a-z-]+)\s[^\n]*", text)
    assert "--help" in options
    for line in re.findall(r"^│[ *]+--[^\n]*│$", text, re.MULTILINE):
        assert re.search(r"--\S+.*[a-z]{3}.*│", line), line


def test_every_file_of_a_verb_is_a_verb_of_the_program() -> None:
    assert sorted(main.VERBS) == VERBS


def test_no_arguments_show_the_help(ferry_here: Program) -> None:
    done = ferry_here()
    assert b"Usage: ferry " in done.stdout
    assert (done.code, done.stderr) == (ExitCode.USAGE, "error: got no verb, expected one; see `ferry --help`\n")


def test_the_version_is_the_packages(ferry_here: Program) -> None:
    assert ferry_here("--version").stdout.decode() == f"ferry {VERSION}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fly"], "fly: no such verb"),
        (["inspect"], "BUNDLE is missing"),
        (["inspect", "x", "--colour"], "--colour: no such option"),
        (["verify", "x", "--threads", "two"], "--threads"),
        (["predict", "x"], "--input"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_code_2(ferry_here: Program, arguments: list[str], words: str) -> None:
    done = ferry_here(*arguments)
    assert done.code == ExitCode.USAGE
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == b""


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (FerryError(ExitCode.INTEGRITY, "a file: size:\ngot 1"), 4, "error: a file: size: got 1"),
        (
            OSError(28, "No space left on device", "out"),
            6,
            "error: out: got No space left on device, expected to read or write it",
        ),
        (MemoryError(), 6, "error: not enough memory"),
        (KeyboardInterrupt(), 130, "error: interrupted"),
        (ZeroDivisionError("division\nby zero"), 9, "error: internal: ZeroDivisionError: division by zero"),
        (FerryError(ExitCode.FORMAT, "name \x1b[31m\u202e"), 3, "error: name \\x1b[31m\\u202e"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_failure_is_one_line_with_its_code(
    ferry_here: Program, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, line: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(main, "app", fail)
    done = ferry_here("inspect", "x")
    assert done.code == code
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1


def test_a_closed_stdout_is_code_6_without_a_second_message(reference_bundle: Path) -> None:
    command = f"{sys.executable} -m torchferry inspect {reference_bundle} --json > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert done.returncode == ExitCode.IO
    assert done.stderr.decode().count("\n") == 1


@pytest.mark.parametrize("verb", ["inspect", "train", "predict"])
def test_torch_is_loaded_only_when_it_is_needed(reference_bundle: Path, verb: str) -> None:
    code = (
        "import sys; from torchferry.cli.main import run; "
        f"run(['{verb}', '--help' if '{verb}' != 'inspect' else {str(reference_bundle)!r}]); "
        "sys.exit(bool({'torch', 'onnxruntime', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


QUICK = """
import os, sys
from torchferry.cli.main import run
if ASKED:
    os.environ["OPENBLAS_NUM_THREADS"] = ASKED
code = run(["predict", BUNDLE, "--engine", "onnxruntime", "--input", INPUT, "--output", os.devnull, "--format", "jsonl"])
import numpy, threadpoolctl
threads = [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["internal_api"] == "openblas"]
print(code, os.environ.get("OPENBLAS_NUM_THREADS"), *threads, *sorted({"rich.progress", "torch"} & set(sys.modules)))
"""


@pytest.mark.parametrize("asked", ["", "2"])
def test_predict_loads_what_an_answer_needs_only(reference_bundle: Path, asked: str) -> None:
    """Nothing that draws, and no thread of OpenBLAS for each processor, unless the user asks for them."""
    pytest.importorskip("threadpoolctl", reason="scikit-learn brings it")
    samples = next((reference_bundle / "golden").glob("batch-1.input.*.npy"), None) or next(
        (reference_bundle / "golden").glob("batch-64.input.*.npy")
    )
    code = f"ASKED = {asked!r}; BUNDLE, INPUT = {str(reference_bundle)!r}, {str(samples)!r}\n{QUICK}"
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    told = done.stdout.split()
    assert told[:2] == ["0", asked or "None"], done
    assert set(told[2:]) <= {asked or "1"}, done


def test_a_plugin_of_the_library_that_reads_manifests_never_runs(reference_bundle: Path, tmp_path: Path) -> None:
    """Pydantic loads what any installed package calls its plugin; a reader of bundles runs nothing unasked."""
    (tmp_path / "foreign.py").write_text("print('foreign code ran')\nplugin = None\n")
    folder = tmp_path / "foreign-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[pydantic]\nforeign = foreign:plugin\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", "torchferry", "inspect", str(reference_bundle)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "foreign code ran" not in done.stdout + done.stderr
