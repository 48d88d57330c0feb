"""Which ferry-run `ferry` calls: the one of its own checkout, or one on PATH, and never one that lies in the working folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from builders.isolation import can_isolate
from builders.programs import BUILD, ROOT, Finished, Program
from builders.spread import spread
from hostile.refusal import assert_error
from torchferry.errors import ExitCode

DIGITS = ROOT / "exported" / "digits-mlp"
SAMPLE = next(path for path in sorted((DIGITS / "golden").iterdir()) if ".input." in path.name)
VERBS: dict[str, tuple[object, ...]] = {
    "verify --isolate": ("verify", DIGITS, "--engine", "onnxruntime", "--isolate"),
    "verify --all": ("verify", DIGITS, "--engine", "onnxruntime", "--all"),
    "predict": ("predict", DIGITS, "--engine", "onnxruntime", "--input", SAMPLE, "--isolate"),
    "diff": ("diff", DIGITS, "--engine", "onnxruntime", "--language", "cpp"),
    "report": ("report", DIGITS, "-o", "report.html"),
}
# Each leads to the working folder; an absolute folder without the program comes first or last.
PATHS = [".", "", "bin", "build/bin", "./build/bin", "../work/build/bin", ":/nowhere", "/nowhere:", "/nowhere::/nowhere"]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working folder as somebody may send it, with programs that leave a marker."""
    folder = tmp_path / "work"
    for place in (".", "bin", "build/bin"):
        (folder / place).mkdir(parents=True, exist_ok=True)
        program = folder / place / "ferry-run"
        program.write_text(f"#!/bin/sh\ntouch {folder}/marker\n")
        program.chmod(0o755)
    return folder


def call(ferry: Program, work: Path, words: tuple[object, ...], **variables: str) -> Finished:
    return ferry(*words, cwd=work, env={**os.environ, **variables})


@pytest.mark.parametrize("path", spread(PATHS, 3))
def test_a_program_of_the_working_folder_is_never_found(ferry: Program, work: Path, package_alone: Path, path: str) -> None:
    done = call(ferry, work, VERBS["verify --isolate"], PATH=path, PYTHONPATH=str(package_alone))
    assert_error(done, ExitCode.UNAVAILABLE, "--isolate", "ferry-run")
    assert not (work / "marker").exists()


@pytest.mark.parametrize("verb", spread(VERBS, 2))
def test_no_verb_starts_a_program_of_the_working_folder(ferry: Program, work: Path, package_alone: Path, verb: str) -> None:
    call(ferry, work, VERBS[verb], PATH=".:build/bin", PYTHONPATH=str(package_alone))
    assert not (work / "marker").exists()


@pytest.mark.skipif(not can_isolate(), reason="no libseccomp at the build, or a kernel without Landlock")
def test_an_absolute_folder_of_path_is_searched(ferry: Program, work: Path, package_alone: Path) -> None:
    path = os.pathsep.join([".", "", str(BUILD / "bin")])
    done = call(ferry, work, VERBS["verify --isolate"], PATH=path, PYTHONPATH=str(package_alone))
    assert done.code == ExitCode.OK, done
    assert not (work / "marker").exists()


@pytest.mark.skipif(not can_isolate(), reason="no libseccomp at the build, or a kernel without Landlock")
@pytest.mark.skipif(BUILD != ROOT / "build", reason="this checkout's build is another one")
def test_the_program_of_the_own_checkout_comes_first(ferry: Program, work: Path) -> None:
    done = call(ferry, work, VERBS["verify --isolate"], PATH=str(work / "bin"))
    assert done.code == ExitCode.OK, done
    assert not (work / "marker").exists()


def test_the_program_would_leave_its_marker(ferry: Program, work: Path, package_alone: Path) -> None:
    call(ferry, work, VERBS["verify --isolate"], PATH=f"{work / 'bin'}:/usr/bin:/bin", PYTHONPATH=str(package_alone))
    assert (work / "marker").exists()


def test_a_program_that_is_named_is_called(ferry: Program, work: Path) -> None:
    call(ferry, work, (*VERBS["verify --isolate"], "--ferry-run", "build/bin/ferry-run"))
    assert (work / "marker").exists()
