"""When a model is isolated: by default in ferry-run, through ferry-run where `ferry` is asked, and what is said where it cannot be."""

from __future__ import annotations

import ctypes
import shutil
import struct
from pathlib import Path

import pytest

from builders.isolation import NOTE, can_isolate
from builders.programs import BUILD, Program, run_program
from hostile.refusal import assert_error
from torchferry.errors import ExitCode

pytestmark = pytest.mark.skipif(not can_isolate(), reason="no libseccomp at the build, or a kernel without Landlock")
NO_NEW_PRIVS, SET_SECCOMP, FILTER = 38, 22, 2
LANDLOCK_CREATE_RULESET, NO_SUCH_CALL = 444, 38


def without_landlock() -> None:
    """Make this process one of an older kernel: a filter answers Landlock's first call as if it were not there."""
    steps = [
        struct.pack("HBBI", 0x20, 0, 0, 0),  # load the number of the call
        struct.pack("HBBI", 0x15, 0, 1, LANDLOCK_CREATE_RULESET),
        struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | NO_SUCH_CALL),
        struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000),  # allow
    ]
    code = ctypes.create_string_buffer(b"".join(steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(SET_SECCOMP, FILTER, program) == 0


def test_where_isolation_is_not_possible_it_is_said_once(ferry_run: Program, reference_bundle: Path) -> None:
    done = ferry_run("verify", reference_bundle, preexec_fn=without_landlock)
    assert done.code == ExitCode.OK
    assert b"PASSED torchscript" in done.stdout
    assert b"PASSED onnxruntime" in done.stdout
    assert done.stderr == f"{NOTE}got a kernel without Landlock, expected one with it (Linux 5.13)\n"


def test_nothing_is_said_where_isolation_is_not_wanted(ferry_run: Program, reference_bundle: Path) -> None:
    done = ferry_run("verify", reference_bundle, "--no-isolate", preexec_fn=without_landlock)
    assert (done.code, done.stderr) == (ExitCode.OK, "")


def test_what_is_asked_for_and_not_possible_is_refused(program: Program, reference_bundle: Path) -> None:
    words = ("verify", reference_bundle, "--engine", "onnxruntime", "--isolate")
    done = program(*words, preexec_fn=without_landlock)
    assert_error(done, ExitCode.UNAVAILABLE, "--isolate", "Landlock")


def test_a_plugin_without_ferry_cell_is_not_isolated_and_that_is_said(reference_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib" / "ferry").mkdir(parents=True)
    copy = shutil.copy(BUILD / "bin" / "ferry-run", tmp_path / "bin")
    shutil.copy(BUILD / "lib" / "ferry" / "libferry_engine_onnxruntime.so", tmp_path / "lib" / "ferry")
    done = run_program([str(copy)], "verify", reference_bundle, "--engine", "onnxruntime")
    assert done.code == ExitCode.OK, done
    assert done.stderr.count("\n") == 1
    assert "ferry-cell" in done.stderr


def test_python_isolates_through_ferry_run(ferry: Program, ferry_run: Program, reference_bundle: Path) -> None:
    words = ("verify", reference_bundle, "--isolate", "--json")
    done = ferry(*words)
    assert done.code == ExitCode.OK
    assert done == ferry_run(*words)


def test_python_predicts_through_ferry_run(ferry: Program, ferry_run: Program, reference_bundle: Path) -> None:
    sample = next(path for path in sorted((reference_bundle / "golden").iterdir()) if ".input." in path.name)
    words = ("predict", reference_bundle, "--input", sample, "--engine", "torchscript", "--select", "label", "--isolate")
    done = ferry(*words)
    assert done.code == ExitCode.OK
    assert done == ferry_run(*words)


@pytest.mark.parametrize("verb", ["verify", "predict"])
def test_an_engine_of_python_alone_is_not_run_where_isolation_is_asked_for(
    ferry: Program, reference_bundle: Path, verb: str
) -> None:
    sample = next(path for path in (reference_bundle / "golden").iterdir() if ".input." in path.name)
    more = ("--input", sample) if verb == "predict" else ()
    done = ferry(verb, reference_bundle, "--engine", "eager", "--isolate", *more)
    assert_error(done, ExitCode.UNAVAILABLE, "--isolate", "eager")


def test_without_the_cpp_program_nothing_is_isolated_in_silence(ferry: Program, reference_bundle: Path, tmp_path: Path) -> None:
    done = ferry("verify", reference_bundle, "--isolate", cwd=tmp_path, env={"PATH": str(tmp_path), "PYTHONPATH": _package()})
    assert_error(done, ExitCode.UNAVAILABLE, "--isolate", "ferry-run")


def _package() -> str:
    import torchferry

    return str(Path(torchferry.__file__).parents[1])
