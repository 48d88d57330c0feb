"""What programs do wrong with buffers, batchers, calls and sessions: in every language the same code, in one line of the same words.

The programs of misuse/ take `CASE BUNDLE ENGINE ABSENT` and an image on stdin; what they computed goes to stdout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from bindings.languages import BINDINGS, LANGUAGES, LIBRARY, WITHOUT_BINDING, misuse_of
from builders.programs import BUILD, ROOT, run_program
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.engines.base import Session
from torchferry.errors import ExitCode

DIGITS = ROOT / "exported" / "digits-mlp"
ENGINE, ABSENT = "onnxruntime", "executorch"
# Case -> the code, and words of the one line.
REFUSALS = {
    "small": (ExitCode.BAD_INPUT, "output logits: "),
    "misaligned": (ExitCode.BAD_INPUT, "output probabilities: data: got a null or misaligned pointer, expected one aligned to 4"),
    "overlap": (ExitCode.BAD_INPUT, "output probabilities: data: got memory that overlaps another tensor's"),
    "kept": (ExitCode.USAGE, "batcher: got engine onnxruntime, whose bits for a sample may change with the size of a call"),
    "full": (ExitCode.UNAVAILABLE, "batcher: got 1 samples waiting, expected at most 2 with this call's; call again later"),
    "cancelled": (ExitCode.UNAVAILABLE, "call: got cancelled before it began, expected to be run"),
    "twice": (ExitCode.MISMATCH, "call: got one that has begun or was cancelled, expected one that waits"),
    "late": (ExitCode.UNAVAILABLE, "batcher: got a call that waited beyond its deadline"),
    "closed": (ExitCode.USAGE, "session: got one that was closed, expected an open one"),
    "closed-batcher": (ExitCode.USAGE, "batcher: got one that was closed, expected an open one"),
    "closing": (ExitCode.USAGE, "session: got one that was closed, expected an open one"),
    "closing-batcher": (ExitCode.USAGE, "batcher: got one that was closed, expected an open one"),
    "no-bytes": (ExitCode.USAGE, "bytes: got "),
    "absent": (ExitCode.UNAVAILABLE, "this bundle has no artifact for engine 'executorch'"),
}
# What a language does not let a program write.
IMPOSSIBLE = {
    ("rust", "overlap"): "the crate's own tests show that it does not compile",
    ("rust", "closed"): "the crate's own tests show that it does not compile",
    ("rust", "closed-batcher"): "a dropped value cannot be used",
    ("rust", "closing"): "the crate's own tests show that it does not compile",
    ("rust", "closing-batcher"): "a dropped value cannot be used",
    ("node", "closing"): "one thread has the handles",
    ("node", "closing-batcher"): "one thread has the handles",
    ("rust", "no-bytes"): "a slice is never null",
    ("go", "no-bytes"): "a nil slice is an empty one",
    ("go", "misaligned"): "a Buffer has memory of its own",
    ("go", "overlap"): "a Buffer has memory of its own",
    ("node", "misaligned"): "new Float32Array throws a RangeError for such an offset",
    ("cpp", "twice"): "cancel() returns false",
    ("cpp", "no-bytes"): "a span is never null",
    **{
        (language, case): "ferry.h: no call may be running"
        for language in ("c", "cpp")
        for case in ("closing", "closing-batcher")
    },
}
# What is closed in C is a pointer that was set to NULL, in C++ an object that was moved from.
OWN_WORDS = {
    ("c", "closed"): "ferry_session_run: got a NULL argument, expected a pointer",
    ("c", "closed-batcher"): "ferry_batcher_submit: got a NULL argument, expected a pointer",
    ("c", "no-bytes"): "ferry_bundle_open_memory: got a NULL argument, expected a pointer",
    ("cpp", "closed"): "session: got one that was moved from, expected an open one",
    ("cpp", "closed-batcher"): "batcher: got one that was moved from, expected an open one",
}
# Three stand for all in `make test`: one without a compiler, one with objects that are collected, and what all others call.
EACH = [
    pytest.param(name, marks=() if name in ("node", "python", "c") else pytest.mark.slow)
    for name in (*LANGUAGES, *WITHOUT_BINDING)
]
ROWS = [
    pytest.param(*each.values, case, marks=each.marks)
    for each in EACH
    for case in REFUSALS
    if (*each.values, case) not in IMPOSSIBLE
]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """The program of each language, built once."""
    return cache(lambda language: misuse_of(language, tmp_path_factory.mktemp("misuse") / language))


@pytest.fixture
def misuse(programs: Callable[[str], list[str]], language: str) -> list[str]:
    return programs(language)


def image() -> bytes:
    bundle = open_bundle(DIGITS)
    return read_case(bundle, bundle.manifest.golden.cases[0]).inputs["image"][:1].tobytes()


def answer_in_python() -> bytes:
    """The bytes of all outputs, by Python's own engine, which knows nothing of libferry."""
    bundle = open_bundle(DIGITS)
    inputs = {"image": read_case(bundle, bundle.manifest.golden.cases[0]).inputs["image"][:1]}
    outputs = Session(bundle, ENGINE).run(inputs)
    return b"".join(outputs[spec.name].tobytes() for spec in bundle.contract.outputs)


@pytest.mark.parametrize("case", ["into", "batch"])
@pytest.mark.parametrize("language", EACH)
def test_buffers_of_the_caller_and_a_batcher_get_the_answer(misuse: list[str], case: str) -> None:
    done = run_program(misuse, case, DIGITS, ENGINE, ABSENT, stdin=image())
    assert done.code == 0, done.stderr
    assert done.stdout == answer_in_python()


@pytest.mark.parametrize(("language", "case"), ROWS)
def test_misuse_has_its_code_and_one_line(misuse: list[str], language: str, case: str) -> None:
    code, words = REFUSALS[case]
    done = run_program(misuse, case, DIGITS, ENGINE, ABSENT, stdin=image())
    assert done.code == code, done.stderr
    assert done.stdout == b""
    assert done.stderr.startswith("error: ")
    assert OWN_WORDS.get((language, case), words) in done.stderr
    assert done.stderr.count("\n") == 1


def other_abi(_plugin: bytes) -> bytes:
    """A plugin of another version of engine.h."""
    return (BUILD / "tests" / "plugins" / "libferry_engine_other_abi.so").read_bytes()


def other_machine(plugin: bytes) -> bytes:
    """The same plugin as the loader of another processor would have it: ELF's e_machine is at byte 18."""
    return plugin[:18] + (0xF3).to_bytes(2, "little") + plugin[20:]


@pytest.mark.parametrize(
    ("change", "word"), [(other_abi, "abi_version: got 3, expected 2"), (other_machine, "expected a plugin that loads")]
)
@pytest.mark.parametrize("language", EACH)
def test_a_plugin_that_does_not_fit_is_refused(
    misuse: list[str], change: Callable[[bytes], bytes], word: str, tmp_path: Path
) -> None:
    name = f"libferry_engine_{ENGINE}.so"
    (tmp_path / name).write_bytes(change((BUILD / "lib" / "ferry" / name).read_bytes()))
    environment = {**os.environ, "FERRY_ENGINE_DIR": str(tmp_path)}
    done = run_program(misuse, "batch", DIGITS, ENGINE, ABSENT, stdin=image(), env=environment)
    assert done.code == ExitCode.UNAVAILABLE, done.stderr
    assert done.stdout == b""
    assert word in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("language", "case"),
    [pytest.param("java", "read-only", marks=pytest.mark.slow), ("python", "read-only"), ("python", "strided")],
)
def test_memory_that_cannot_be_written_is_refused(misuse: list[str], case: str) -> None:
    done = run_program(misuse, case, DIGITS, ENGINE, ABSENT, stdin=image())
    assert done.code == ExitCode.BAD_INPUT, done.stderr
    assert ": data: got " in done.stderr
    assert done.stderr.count("\n") == 1


NUL = (ExitCode.USAGE, "text: got a NUL in")
# What a language's own types let a program ask for: the words are those of libferry, or of the language where C would not see it.
OF_A_LANGUAGE = {
    "node": {
        "cut-engine": (ExitCode.USAGE, "engine: got "),
        "wide-threads": (ExitCode.USAGE, "threads: got 4294967297, expected a whole number"),
        "text-threads": (ExitCode.USAGE, "threads: got '2', expected a whole number"),
        "wide-calls": (ExitCode.USAGE, "calls: got 4294967297, expected a whole number"),
        "negative-most": (ExitCode.USAGE, "most: got -1, expected a whole number"),
        "nan-wait": (ExitCode.USAGE, "wait: got NaN, expected a time"),
        "text-timeout": (ExitCode.USAGE, "timeout: got '1', expected a time"),
        "no-inputs": (ExitCode.BAD_INPUT, "inputs: got undefined, expected tensors by name"),
        "no-tensor": (ExitCode.BAD_INPUT, "input image: got null, expected a shape and a typed array"),
        "broken-shape": (ExitCode.BAD_INPUT, "input image: shape: got 1.5,8,8, expected whole numbers"),
        "nan-shape": (ExitCode.BAD_INPUT, "input image: shape: got NaN,8,8, expected whole numbers"),
        "new-session": (ExitCode.USAGE, "Session: got a call of its constructor, expected bundle.session"),
        "new-bundle": (ExitCode.USAGE, "Bundle: got a call of its constructor, expected openBundle or openMemory"),
    },
    "python": {
        "no-path": (ExitCode.USAGE, "path: got 3, expected a str or an os.PathLike"),
        "no-engine": (ExitCode.USAGE, "text: got None, expected a str"),
        "cut-engine": NUL,
        "wide-threads": (ExitCode.USAGE, "threads: got 4294967297, expected"),
        "text-threads": (ExitCode.USAGE, "threads: got '2', expected a whole number"),
        "wide-calls": (ExitCode.USAGE, "calls: got 4294967297, expected"),
        "negative-most": (ExitCode.USAGE, "most: got -1, expected"),
        "nan-wait": (ExitCode.USAGE, "wait: got nan, expected seconds"),
        "endless-wait": (ExitCode.USAGE, "wait: got inf, expected seconds"),
        "text-timeout": (ExitCode.USAGE, "timeout: got '1', expected seconds"),
        "no-inputs": (ExitCode.BAD_INPUT, "inputs: got NoneType, expected arrays by name"),
        "no-name": (ExitCode.USAGE, "text: got 1, expected a str"),
        "ragged": (ExitCode.BAD_INPUT, "input image: data: got list, expected an array"),
        "no-memory": (ExitCode.BAD_INPUT, "output label: data: got list, expected an array of NumPy"),
    },
    "go": {
        **dict.fromkeys(("cut-path", "cut-keys", "cut-engine", "cut-device", "cut-operator", "cut-input"), NUL),
        "no-dtype": (ExitCode.USAGE, "output logits: dtype: got number 77, which is no dtype, expected"),
        "no-buffer": (ExitCode.BAD_INPUT, "output: data: got a buffer that is nil or was closed"),
        "other-values": (ExitCode.BAD_INPUT, "output logits: got float32, expected float64"),
        "wide-threads": (ExitCode.USAGE, "threads: got 4294967297, expected"),
        "wide-calls": (ExitCode.USAGE, "calls: got 4294967297, expected"),
        "negative-most": (ExitCode.USAGE, "most: got -1, expected"),
    },
}


@pytest.mark.parametrize(
    ("language", "case"),
    [
        pytest.param(language, case, marks=() if language in ("node", "python") else pytest.mark.slow)
        for language, cases in OF_A_LANGUAGE.items()
        for case in cases
    ],
)
def test_what_c_would_take_for_something_else_is_refused(misuse: list[str], language: str, case: str) -> None:
    code, words = OF_A_LANGUAGE[language][case]
    done = run_program(misuse, case, DIGITS, ENGINE, ABSENT, stdin=image())
    assert done.code == code, done.stderr
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed; run `make setup-edge`")
def test_rust_compiles_no_overlap_and_no_use_of_a_closed_session(tmp_path: Path) -> None:
    done = subprocess.run(
        ["cargo", "test", "--doc", "--offline", "--target-dir", tmp_path],
        cwd=BINDINGS / "rust",
        env={**os.environ, "FERRY_LIB_DIR": str(LIBRARY), "LD_LIBRARY_PATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("compile fail ... ok") == 2, done.stdout
