"""The door of native C code, in both languages: what is loaded, what is refused, and what a load leaves behind.

Every file is sealed: its SHA-256 stands in the manifest, so that nothing but the door can refuse it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders.bundles import edit_manifest, reseal
from builders.programs import BUILD, Program
from hostile.refusal import assert_error, snapshot
from torchferry.bundle.reader import open_bundle
from torchferry.engines.c_build import OPTIONS, build, digest_of, find_compiler, sources_of
from torchferry.engines.machine import built_for
from torchferry.errors import ExitCode

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler is here")
OBJECT = f"native/{built_for(of_bytes=False)}/model.so"
ELSEWHERE = "native/riscv128-plan9-other/model.so"


@pytest.fixture
def bundle(c_bundle: Path) -> Path:
    """The bundle to break."""
    return c_bundle


def verify(program: Program, bundle: Path, *options: str) -> Any:
    return program("verify", bundle, "--engine", "c", *options)


def sources(bundle: Path) -> dict[str, bytes]:
    artifact = open_bundle(bundle).artifact("c")
    return sources_of({file.path: (bundle / file.path).read_bytes() for file in artifact.files})


def without_object(bundle: Path) -> Path:
    """As git keeps it, and as it comes from a machine of another kind."""
    shutil.rmtree(bundle / "native")
    return bundle


def change_source(bundle: Path, change: Callable[[str], str], name: str = "model.c") -> None:
    """Another source, sealed; a comment keeps each test's source its own: a process loads one source once."""
    before = (bundle / name).read_text()
    after = change(before)
    assert after != before
    (bundle / name).write_text(after)
    reseal(bundle)


def unlist_object(bundle: Path) -> None:
    def change(value: Any) -> None:
        for artifact in value["artifacts"]:
            artifact["files"] = [file for file in artifact["files"] if not file["path"].startswith("native/")]

    shutil.rmtree(bundle / "native")
    edit_manifest(bundle, change)


def test_native_code_needs_permission_and_the_refusal_says_why(quick_program: Program, bundle: Path, temporary: Path) -> None:
    assert_error(
        verify(quick_program, bundle), ExitCode.UNAVAILABLE, "machine code", "all rights of this process", "--allow-native"
    )
    assert_error(verify(quick_program, without_object(bundle)), ExitCode.UNAVAILABLE, "--allow-native")
    assert not list(temporary.iterdir())


def test_a_run_leaves_nothing_behind(quick_program: Program, bundle: Path, temporary: Path) -> None:
    before = snapshot(bundle)
    assert verify(quick_program, bundle, "--allow-native").code == ExitCode.OK
    assert snapshot(bundle) == before
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("take_away", [without_object, unlist_object], ids=["missing", "not listed"])
def test_without_an_object_one_is_built_from_the_source(
    quick_program: Program, bundle: Path, temporary: Path, take_away: Callable[[Path], object]
) -> None:
    take_away(bundle)
    before = snapshot(bundle)
    done = verify(quick_program, bundle, "--allow-native")
    assert done.code == ExitCode.OK, done.stderr
    assert snapshot(bundle) == before
    assert not list(temporary.iterdir())


def test_an_object_of_another_machine_is_not_touched_and_one_is_built(quick_program: Program, bundle: Path) -> None:
    (bundle / ELSEWHERE).parent.mkdir()
    (bundle / OBJECT).rename(bundle / ELSEWHERE)
    (bundle / ELSEWHERE).write_bytes(b"never read by a loader")
    edit_manifest(bundle, lambda value: rename(value, ELSEWHERE))
    reseal(bundle)
    assert verify(quick_program, bundle, "--allow-native").code == ExitCode.OK


def rename(value: Any, path: str) -> None:
    for artifact in value["artifacts"]:
        for file in artifact["files"]:
            file["path"] = path if file["path"] == OBJECT else file["path"]


@pytest.mark.parametrize("compiler", ["/nonexistent/cc", "true", "false"])
def test_with_neither_object_nor_compiler_one_line_says_so(
    quick_program: Program, bundle: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, compiler: str
) -> None:
    change_source(without_object_sealed(bundle), lambda text: f"{text}/* {compiler} {quick_program} */\n")
    monkeypatch.setenv("CC", compiler)
    words = "no C compiler" if compiler.startswith("/") else "builds nothing here"
    assert_error(verify(quick_program, bundle, "--allow-native"), ExitCode.UNAVAILABLE, words, "CC")
    assert not list(temporary.iterdir())


def without_object_sealed(bundle: Path) -> Path:
    unlist_object(bundle)
    return bundle


def test_without_a_compiler_the_object_serves(quick_program: Program, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/nonexistent/cc")
    assert verify(quick_program, bundle, "--allow-native").code == ExitCode.OK


@pytest.mark.parametrize("content", [b"", b"not a library", b"\x7fELF" + b"\0" * 60])
def test_an_object_that_cannot_be_loaded_is_refused(
    quick_program: Program, bundle: Path, temporary: Path, content: bytes
) -> None:
    (bundle / OBJECT).write_bytes(content)
    reseal(bundle)
    assert_error(verify(quick_program, bundle, "--allow-native"), ExitCode.FORMAT, OBJECT)
    assert not list(temporary.iterdir())


def test_a_changed_object_is_an_integrity_error(quick_program: Program, bundle: Path) -> None:
    data = bytearray((bundle / OBJECT).read_bytes())
    data[-1] ^= 1
    (bundle / OBJECT).write_bytes(data)
    assert_error(verify(quick_program, bundle, "--allow-native"), ExitCode.INTEGRITY, OBJECT, "sha256")


def test_an_object_of_another_source_is_refused(quick_program: Program, bundle: Path) -> None:
    change_source(bundle, lambda text: text + "/* one weight was mended */\n")
    assert_error(verify(quick_program, bundle, "--allow-native"), ExitCode.FORMAT, OBJECT, "built from other C files")


def test_a_library_that_is_no_model_is_refused(quick_program: Program, bundle: Path, tmp_path: Path) -> None:
    source = tmp_path / "other.c"
    source.write_text("int other(void);\nint other(void) { return 1; }\n")
    subprocess.run(["cc", *OPTIONS, str(source), "-o", str(bundle / OBJECT)], check=True)
    reseal(bundle)
    assert_error(verify(quick_program, bundle, "--allow-native"), ExitCode.FORMAT, OBJECT, "ferrySources")


def change_a_golden_bit(text: str) -> str:
    """Another last digit of the first expected output of the self-test."""
    head, mark, tail = text.partition("golden_outputs[")
    line = tail.index("0x")
    at = tail.index("p", line) - 1
    return head + mark + tail[:at] + ("2" if tail[at] != "2" else "4") + tail[at + 1 :]


def test_other_bits_than_those_of_the_export_are_a_mismatch(quick_program: Program, bundle: Path) -> None:
    change_source(bundle, change_a_golden_bit)
    (bundle / OBJECT).write_bytes(build(sources(bundle), built_for(of_bytes=False)))
    reseal(bundle)
    done = verify(quick_program, bundle, "--allow-native")
    assert done.code == ExitCode.MISMATCH
    assert b"self-test: got other bits for sample 0" in done.stdout


def test_a_source_that_is_no_c_is_refused_with_the_compilers_words(quick_program: Program, bundle: Path, temporary: Path) -> None:
    without_object_sealed(bundle)
    change_source(bundle, lambda text: "this is no C\n" + text)
    assert_error(verify(quick_program, bundle, "--allow-native"), ExitCode.FORMAT, "engine.c", "cannot compile", "model.c:1:")
    assert not list(temporary.iterdir())


def wider(value: Any) -> None:
    value["contract"]["outputs"][0]["shape"] = ["N", 6]


def test_structs_of_other_sizes_than_the_contracts_are_refused(quick_program: Program, bundle: Path) -> None:
    edit_manifest(bundle, wider)
    done = verify(quick_program, bundle, "--allow-native")
    assert done.code == ExitCode.MISMATCH
    assert b"struct of other members or sizes" in done.stdout


def test_one_machine_has_one_name_in_both_languages(bundle: Path, ferry_run: Program) -> None:
    """C++ finds the object that Python named: without a compiler there is no other."""
    done = ferry_run("verify", bundle, "--engine", "c", "--allow-native", env={"CC": "/nonexistent", "PATH": ""})
    assert done.code == ExitCode.OK, done.stderr


def test_both_languages_build_the_same_object(bundle: Path, tmp_path: Path) -> None:
    """By a compiler that keeps what it was told."""
    compiler = tmp_path / "keeper"
    compiler.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/told\nexec {" ".join(find_compiler() or [])} "$@"\n')
    compiler.chmod(0o755)
    without_object_sealed(bundle)
    environment = {**os.environ, "CC": str(compiler)}
    for program in ([str(BUILD / "bin" / "ferry-run")], [sys.executable, "-m", "torchferry"]):
        subprocess.run([*program, "verify", str(bundle), "--engine", "c", "--allow-native"], env=environment, check=True)
    told = [[word for word in line.split() if "/ferry-c-" not in word] for line in (tmp_path / "told").read_text().splitlines()]
    assert len(told) == 2
    assert told[0] == told[1]
    assert f'-DFERRY_SOURCES="{digest_of(sources(bundle))}"' in told[0]
