"""The door of the .pt2, in both languages: hostile packages, machines that are not this one, and what a load leaves behind.

Every package is sealed: its SHA-256 stands in the manifest, so that nothing but the door can refuse it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.bundles import edit_manifest, reseal
from builders.programs import BUILD, Program
from builders.spread import spread
from builders.zip_parts import Part, read_parts, renamed, write_zip
from builders.zoo import SPECIES, Zoo
from hostile.refusal import assert_error, snapshot
from torchferry.errors import ExitCode

FOLDER = "model/data/aotinductor/model/"
Make = Callable[[list[Part]], bytes]


@pytest.fixture
def bundle(zoo: Zoo, tmp_path: Path) -> Path:
    """A copy of an honest bundle with a package for this machine."""
    found = zoo.bundle("classifier", "aoti")
    if found is None:
        pytest.skip("no C++ compiler is here, so that AOTInductor cannot export")
    return Path(shutil.copytree(found, tmp_path / "bundle"))


def verify(program: Program, bundle: Path, *options: str) -> Any:
    return program("verify", bundle, "--engine", "aoti", *options)


def library(parts: list[Part]) -> Part:
    (found,) = [part for part in parts if part.name.endswith(".so")]
    return found


def changed(parts: list[Part], **fields: Any) -> list[Part]:
    return [replace(part, **fields) if part.name.endswith(".so") else part for part in parts]


def with_part(name: str) -> Make:
    return lambda parts: write_zip([*parts, Part(name, b"evil")])


HOSTILE: dict[str, tuple[Make, str]] = {
    "an entry above the package": (with_part("model/../../evil.so"), "evil.so"),
    "an entry that climbs from the root": (with_part("../evil"), "../evil"),
    "an absolute entry": (with_part("/tmp/evil.so"), "/tmp/evil.so"),
    "an entry with a drive": (with_part("C:/evil"), "C:/evil"),
    "an entry with backslashes": (with_part("model\\..\\evil"), "evil"),
    "an unknown entry": (with_part(FOLDER + "compile.sh"), "compile.sh"),
    "an unknown folder": (with_part("model/extra/a.so"), "extra"),
    "a second package": (with_part("other/archive_format"), "other"),
    "an entry of another model": (with_part("model/data/aotinductor/other/x.so"), "other"),
    "a hidden file": (with_part(FOLDER + ".hidden.so"), "hidden"),
    "an empty name": (with_part(""), "entry ''"),
    "a name with a line break": (with_part("model/a\nb"), "entry"),
    "an entry twice": (lambda parts: write_zip([*parts, parts[0]]), "twice"),
    "a second library": (lambda parts: write_zip([*parts, renamed(library(parts), FOLDER + "more.so")]), "2 shared libraries"),
    "no library": (lambda parts: write_zip([part for part in parts if part != library(parts)]), "0 shared libraries"),
    "no entries": (lambda _: write_zip([]), "0 entries"),
    "another kind of archive": (
        lambda parts: write_zip([replace(p, data=b"pt9") if "format" in p.name else p for p in parts]),
        "archive_format",
    ),
    "a size above the file's": (lambda parts: write_zip(changed(parts, told_size=2**31)), ".so"),
    "a size that swallows the next entry": (
        lambda parts: write_zip(changed(parts, told_size=len(library(parts).data) + 400)),
        ".so",
    ),
    "a smaller size": (lambda parts: write_zip(changed(parts, told_size=10)), ".so"),
    "two sizes": (lambda parts: write_zip(changed(parts, header_size=7)), "header"),
    "two names": (lambda parts: write_zip(changed(parts, header_name=FOLDER + "safe.so")), "header"),
    "a wrong checksum": (lambda parts: write_zip(changed(parts, told_crc=1)), "CRC-32"),
    "an offset behind the file": (lambda parts: write_zip(changed(parts, told_offset=2**32 - 5)), "offset"),
    "an offset into another entry": (lambda parts: write_zip(changed(parts, told_offset=0)), "offset"),
    "overlapping entries": (
        lambda parts: write_zip(
            [
                replace(parts[0], data=write_zip([library(parts)], after=b"x")),
                *changed(parts, told_offset=30 + len(parts[0].name))[1:],
            ]
        ),
        "entry",
    ),
    "a packed entry": (lambda parts: write_zip(changed(parts, method=8)), "packed"),
    "an encrypted entry": (lambda parts: write_zip(changed(parts, flags=1)), "encrypted"),
    "a symbolic link": (lambda parts: write_zip(changed(parts, mode=0o120777)), "special"),
    "a folder": (lambda parts: write_zip([*parts, Part("model/data/", b"", mode=0o040755)]), "model/data"),
    "a comment": (lambda parts: write_zip(parts, comment=b"hello"), "end of zip"),
    "bytes after the end": (lambda parts: write_zip(parts, after=b"\0" * 8), "end of zip"),
    "bytes before the start": (lambda parts: write_zip(parts, before=b"#!/bin/sh\n")[:-22] + write_zip(parts)[-22:], "directory"),
    "half an archive": (lambda parts: write_zip(parts)[: len(write_zip(parts)) // 2], "end of zip"),
    "nothing": (lambda _: b"", "end of zip"),
    "no archive": (lambda _: b"\x7fELF" + b"\0" * 100, "end of zip"),
    "a directory of less than it says": (
        lambda parts: write_zip(parts)[:-14] + b"\xe7\x03\xe7\x03" + write_zip(parts)[-10:],
        "directory",
    ),
}


@pytest.mark.parametrize("what", spread(HOSTILE, 10))
def test_a_hostile_package_is_refused_before_a_loader_sees_it(
    quick_program: Program, bundle: Path, temporary: Path, what: str
) -> None:
    make, named = HOSTILE[what]
    package = bundle / "model.pt2"
    package.write_bytes(make(read_parts(package)))
    reseal(bundle)
    before = snapshot(bundle.parent)
    done = verify(quick_program, bundle, "--allow-native", "--no-isolate")  # isolation has a folder of its own for a moment
    assert_error(done, ExitCode.FORMAT, "model.pt2", named)
    assert snapshot(bundle.parent) == before
    assert not list(temporary.iterdir())


def test_the_builder_of_hostile_packages_writes_honest_ones_too(quick_program: Program, bundle: Path) -> None:
    package = bundle / "model.pt2"
    package.write_bytes(write_zip(read_parts(package)))
    reseal(bundle)
    assert verify(quick_program, bundle, "--allow-native").code == ExitCode.OK


@pytest.mark.parametrize("content", [b"", b"not a library", b"\x7fELF" + b"\0" * 60])
def test_a_library_that_cannot_be_loaded_leaves_nothing_behind(
    quick_program: Program, bundle: Path, temporary: Path, content: bytes
) -> None:
    package = bundle / "model.pt2"
    package.write_bytes(write_zip(changed(read_parts(package), data=content)))
    reseal(bundle)
    assert_error(verify(quick_program, bundle, "--allow-native"), ExitCode.FORMAT, "model.pt2", "load")
    assert not list(temporary.iterdir())


def test_a_run_leaves_nothing_behind(quick_program: Program, bundle: Path, temporary: Path) -> None:
    assert verify(quick_program, bundle, "--allow-native").code == ExitCode.OK
    assert not [path for path in temporary.iterdir() if "ferry" in path.name]


def test_machine_code_needs_permission_and_the_refusal_says_why(quick_program: Program, bundle: Path) -> None:
    assert_error(
        verify(quick_program, bundle), ExitCode.UNAVAILABLE, "machine code", "all rights of this process", "--allow-native"
    )


def test_without_permission_the_other_engines_go_on(quick_program: Program, bundle: Path) -> None:
    done = quick_program("verify", bundle)
    if done.code == ExitCode.UNAVAILABLE:  # C++ runs no other artifact of this bundle
        assert b"--allow-native" in done.stdout
        return
    assert done.code == ExitCode.OK
    assert b"could not run aoti" in done.stdout
    assert b"PASSED eager" in done.stdout


ELSEWHERE = {
    "isa": "AVX1024",
    "machine": "quantum",
    "os": "plan9",
    "torch": "1.0.0",
    "cxx_abi": "pre-cxx11",
}


@pytest.mark.parametrize("key", ELSEWHERE)
def test_a_package_for_another_machine_is_refused_by_its_requirement(quick_program: Program, bundle: Path, key: str) -> None:
    (bundle / "model.pt2").write_bytes(b"never read")
    reseal(bundle)
    edit_manifest(bundle, lambda value: requirements(value).update({key: ELSEWHERE[key]}))
    assert_error(verify(quick_program, bundle, "--allow-native"), ExitCode.UNAVAILABLE, key, f"needs {ELSEWHERE[key]}, this")


@pytest.mark.parametrize("key", [*ELSEWHERE, "devices"])
def test_a_package_that_does_not_say_what_it_needs_is_refused(quick_program: Program, bundle: Path, key: str) -> None:
    edit_manifest(bundle, lambda value: requirements(value).pop(key))
    assert_error(verify(quick_program, bundle, "--allow-native"), ExitCode.FORMAT, f"requires.{key}")


def requirements(manifest: Any) -> Any:
    (found,) = [artifact["requires"] for artifact in manifest["artifacts"] if artifact["engine"] == "aoti"]
    return found


def test_a_device_that_the_package_was_not_compiled_for_is_refused(quick_program: Program, bundle: Path) -> None:
    done = verify(quick_program, bundle, "--allow-native", "--device", "cuda:0")
    assert_error(done, ExitCode.UNAVAILABLE, "cuda:0")


@pytest.mark.parametrize(("isolation", "programs"), [("--no-isolate", ["ferry-run"]), ("--isolate", ["ferry-run", "ferry-cell"])])
def test_opening_starts_no_process_and_writes_in_the_temporary_folder_only(
    bundle: Path, temporary: Path, tmp_path: Path, isolation: str, programs: list[str]
) -> None:
    tracer = shutil.which("strace")
    if tracer is None:
        pytest.skip("strace is not here")
    log = tmp_path / "trace"
    calls = "execve,execveat,fork,vfork,openat,open,creat,mkdir,mkdirat,rename,renameat2,link,symlink"
    command = [str(BUILD / "bin" / "ferry-run"), "verify", str(bundle), "--engine", "aoti", "--allow-native", isolation]
    subprocess.run([tracer, "-f", "-o", str(log), "-e", f"trace={calls}", *command], check=True, capture_output=True, timeout=120)
    lines = [line.partition(" ")[2].strip() for line in log.read_text().splitlines()]
    started = [line for line in lines if line.startswith(("execve", "fork", "vfork"))]
    assert [Path(line.split('"')[1]).name for line in started] == programs
    written = [
        line for line in lines if any(flag in line for flag in ("O_WRONLY", "O_RDWR", "O_CREAT", "mkdir", "rename", "link("))
    ]
    outside = [line for line in written if str(temporary) not in line and "/dev/" not in line and "/proc/self/" not in line]
    assert written
    assert not outside


OPEN_TWICE = """
import ctypes, os, sys
ferry = ctypes.CDLL(sys.argv[1])
ferry.ferry_last_error.restype = ctypes.c_char_p
ferry.ferry_session_open.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p)]
def opened():
    bundle, session = ctypes.c_void_p(), ctypes.c_void_p()
    assert ferry.ferry_bundle_open(sys.argv[2].encode(), ctypes.byref(bundle)) == 0, ferry.ferry_last_error()
    ferry.ferry_bundle_allow_native(bundle)
    assert ferry.ferry_session_open(bundle, b"aoti", b"cpu", 1, ctypes.byref(session)) == 0, ferry.ferry_last_error()
    return session
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    sessions = [future.result() for future in [pool.submit(opened) for _ in range(8)]]
for session in sessions:
    ferry.ferry_session_close(session)
opened()
print(len({line.split()[4] for line in open("/proc/self/maps") if "ferry-aoti" in line}))
"""


def test_eight_threads_open_one_digest_and_it_is_loaded_once_in_cpp(bundle: Path, temporary: Path) -> None:
    command = [sys.executable, "-c", OPEN_TWICE, str(BUILD / "lib" / "libferry.so"), str(bundle)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "TMPDIR": str(temporary)}
    )
    assert (done.stdout.strip(), done.returncode) == ("1", 0), done.stderr
    assert not list(temporary.iterdir())


OPEN_TWICE_IN_PYTHON = """
import sys
from concurrent.futures import ThreadPoolExecutor
from torchferry.bundle.reader import open_bundle
from torchferry.engines.base import Session
with ThreadPoolExecutor(8) as pool:
    sessions = list(pool.map(lambda _: Session(open_bundle(sys.argv[1]), "aoti", allow_native=True), range(8)))
print(len({line.split()[4] for line in open("/proc/self/maps") if "ferry-aoti" in line}))
"""


def test_eight_threads_open_one_digest_and_it_is_loaded_once_in_python(bundle: Path, temporary: Path) -> None:
    command = [sys.executable, "-c", OPEN_TWICE_IN_PYTHON, str(bundle)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "TMPDIR": str(temporary)}
    )
    assert (done.stdout.strip(), done.returncode) == ("1", 0), done.stderr
    assert not [path for path in temporary.iterdir() if "ferry" in path.name]


def test_a_shape_outside_the_contract_is_refused_because_the_library_checks_none(
    quick_program: Program, bundle: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "wrong.npy", SPECIES["classifier"].inputs(3)["image"][:, :3])
    done = quick_program("predict", bundle, "--engine", "aoti", "--allow-native", "--input", tmp_path / "wrong.npy")
    assert_error(done, ExitCode.BAD_INPUT, "wrong.npy", "[3,3,4]", "[N,4,4]")
