"""When a model is isolated: by default in ferry-run, through ferry-run where `ferry` is asked, and what is said where it cannot be."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.forms import zip_folder
from builders.isolation import NOTE, can_isolate
from builders.programs import BUILD, Program, run_program
from builders.spread import spread
from hostile.refusal import assert_error
from torchferry.errors import ExitCode

pytestmark = pytest.mark.skipif(not can_isolate(), reason="no libseccomp at the build, or a kernel without Landlock")
NO_NEW_PRIVS, SET_SECCOMP, FILTER = 38, 22, 2
LANDLOCK_CREATE_RULESET, NO_SUCH_CALL = 444, 38


def one_file(folder: Path) -> Path:
    """Return the bundle as one file."""
    return zip_folder(folder, folder.with_suffix(".ferry"))


def linked(folder: Path) -> Path:
    """Return the bundle as a folder whose files are links out of it."""
    links = folder.with_name("links")
    for path in folder.rglob("*"):
        if path.is_file():
            target = links / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path)
    return links


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


@pytest.fixture
def key(ferry: Program, bundle_copy: Path, tmp_path: Path) -> Path:
    """A key that has signed `bundle_copy`."""
    assert ferry("key", tmp_path / "mine", "--no-password").code == ExitCode.OK
    assert ferry("sign", bundle_copy, "--key", tmp_path / "mine.key").code == ExitCode.OK
    return tmp_path / "mine.pub"


WORDS = ("--engine", "onnxruntime")


@pytest.mark.parametrize("way", ["--trust", "FERRY_TRUST"])
def test_a_bundle_that_a_trusted_key_signed_is_not_isolated(ferry_run: Program, bundle_copy: Path, key: Path, way: str) -> None:
    options = (way, key) if way == "--trust" else ()
    environment = {**os.environ, **({} if options else {way: str(key)})}
    done = ferry_run("verify", bundle_copy, *WORDS, *options, env=environment, preexec_fn=without_landlock)
    assert (done.code, done.stderr) == (ExitCode.OK, "")


@pytest.mark.usefixtures("key")
def test_a_signature_that_nobody_was_asked_about_is_not_trusted(ferry_run: Program, bundle_copy: Path) -> None:
    done = ferry_run("verify", bundle_copy, *WORDS, preexec_fn=without_landlock)
    assert done.code == ExitCode.OK
    assert done.stderr.startswith(NOTE)


def test_a_signature_that_cannot_be_read_is_not_trusted(ferry_run: Program, bundle_copy: Path) -> None:
    (bundle_copy / "manifest.json.minisig").write_text("no signature")
    done = ferry_run("verify", bundle_copy, *WORDS, preexec_fn=without_landlock)
    assert done.code == ExitCode.OK
    assert done.stderr.startswith(NOTE)


def test_a_trusted_bundle_is_isolated_where_that_is_asked_for(ferry_run: Program, bundle_copy: Path, key: Path) -> None:
    words = ("verify", bundle_copy, *WORDS, "--trust", key, "--isolate")
    assert_error(ferry_run(*words, preexec_fn=without_landlock), ExitCode.UNAVAILABLE, "--isolate", "Landlock")


def test_python_isolates_what_it_trusts_through_ferry_run(ferry: Program, bundle_copy: Path, key: Path, tmp_path: Path) -> None:
    words = ("verify", bundle_copy, *WORDS, "--isolate", "--require-signature")
    assert ferry(*words, "--trust", key).code == ExitCode.OK
    assert ferry("key", tmp_path / "other", "--no-password").code == ExitCode.OK
    assert ferry(*words, "--trust", tmp_path / "other.pub").code == ExitCode.INTEGRITY


@pytest.mark.parametrize("made", spread([one_file, linked], 1), ids=["one file", "links"])
def test_every_form_of_a_bundle_is_isolated(program: Program, bundle_copy: Path, made: Callable[[Path], Path]) -> None:
    form = made(bundle_copy)
    engines = ["onnxruntime", "torchscript"]
    plain, isolated = (
        [program("verify", form, "--engine", engine, *isolation).code for engine in engines] for isolation in ((), ("--isolate",))
    )
    assert plain == isolated == [ExitCode.OK, ExitCode.OK]


def test_the_last_wish_counts(program: Program, reference_bundle: Path) -> None:
    words = ("verify", reference_bundle, *WORDS, "--isolate", "--no-isolate")
    assert program(*words, preexec_fn=without_landlock).code == ExitCode.OK
    done = program(*words, "--isolate", preexec_fn=without_landlock)
    assert_error(done, ExitCode.UNAVAILABLE, "--isolate", "Landlock")


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


def test_without_the_cpp_program_nothing_is_isolated_in_silence(
    ferry: Program, reference_bundle: Path, package_alone: Path, tmp_path: Path
) -> None:
    environment = {"PATH": str(tmp_path), "PYTHONPATH": str(package_alone)}
    done = ferry("verify", reference_bundle, "--isolate", cwd=tmp_path, env=environment)
    assert_error(done, ExitCode.UNAVAILABLE, "--isolate", "ferry-run")
