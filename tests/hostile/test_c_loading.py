"""Loading native C code, in both languages: what runs when, from which bytes, and how often.

Every file is sealed: its SHA-256 stands in the manifest.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from builders.bundles import reseal
from builders.programs import BUILD, Program
from hostile.refusal import assert_error
from torchferry.engines.c_build import find_compiler
from torchferry.engines.machine import built_for
from torchferry.errors import ExitCode

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler is here")
OBJECT = f"native/{built_for(of_bytes=False)}/model.so"

EVIL = """
#include <stdio.h>
__attribute__((constructor)) static void run(void) {{
  FILE *const file = fopen("{marker}", "w");
  if (file != NULL) fclose(file);
}}
"""


@pytest.fixture
def evil(tmp_path: Path) -> tuple[bytes, Path]:
    """An object that leaves a mark as soon as a loader has it, and the mark."""
    (tmp_path / "evil.c").write_text(EVIL.format(marker=tmp_path / "mark"))
    subprocess.run(["cc", "-shared", "-fPIC", str(tmp_path / "evil.c"), "-o", str(tmp_path / "evil.so")], check=True)
    return (tmp_path / "evil.so").read_bytes(), tmp_path / "mark"


def test_without_permission_nothing_of_an_object_runs(quick_program: Program, c_bundle: Path, evil: tuple[bytes, Path]) -> None:
    (c_bundle / OBJECT).write_bytes(evil[0])
    reseal(c_bundle)
    assert quick_program("verify", c_bundle, "--engine", "c").code == ExitCode.UNAVAILABLE
    assert not evil[1].exists()
    done = quick_program("verify", c_bundle, "--engine", "c", "--allow-native", "--no-isolate")
    assert_error(done, ExitCode.FORMAT, OBJECT)
    assert evil[1].exists(), "with permission it runs: the test above can fail"


SWAPPED = {
    "python": """
import sys
from torchferry.bundle.reader import open_bundle
from torchferry.engines.base import Session
from torchferry.errors import FerryError
bundle = open_bundle(sys.argv[1])
open(sys.argv[2], "wb").write(open(sys.argv[3], "rb").read())
try:
    Session(bundle, "c", allow_native=True)
except FerryError as error:
    print(int(error.code))
""",
    "c++": """
import ctypes, sys
ferry = ctypes.CDLL(sys.argv[4])
ferry.ferry_session_open.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p)]
bundle, session = ctypes.c_void_p(), ctypes.c_void_p()
assert ferry.ferry_bundle_open(sys.argv[1].encode(), ctypes.byref(bundle)) == 0
ferry.ferry_bundle_allow_native(bundle)
open(sys.argv[2], "wb").write(open(sys.argv[3], "rb").read())
print(ferry.ferry_session_open(bundle, b"c", b"cpu", 1, ctypes.byref(session)))
""",
}


@pytest.mark.parametrize("language", SWAPPED)
def test_an_object_swapped_after_the_check_is_never_loaded(
    c_bundle: Path, tmp_path: Path, evil: tuple[bytes, Path], language: str
) -> None:
    paths = [c_bundle, c_bundle / OBJECT, tmp_path / "evil.so", BUILD / "lib" / "libferry.so"]
    done = subprocess.run(
        [sys.executable, "-c", SWAPPED[language], *map(str, paths)], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == (str(int(ExitCode.INTEGRITY)), 0), done.stderr
    assert not evil[1].exists()


OPEN_TOGETHER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from torchferry.bundle.reader import open_bundle
from torchferry.engines.base import Session
with ThreadPoolExecutor(8) as pool:
    sessions = list(pool.map(lambda _: Session(open_bundle(sys.argv[1]), "c", allow_native=True), range(8)))
print(len({line.split()[4] for line in open("/proc/self/maps") if "ferry-c-" in line}))
"""


def test_eight_threads_open_one_object_and_it_is_loaded_once(c_bundle: Path) -> None:
    shutil.rmtree(c_bundle / "native")  # so that it is built, and only once
    done = subprocess.run([sys.executable, "-c", OPEN_TOGETHER, str(c_bundle)], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("1", 0), done.stderr


def test_a_temporary_folder_that_may_hold_no_programs_is_named(c_bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "noexec"
    folder.mkdir()
    mount = f"mount -t tmpfs -o noexec none {folder}"
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    for program in (f"{BUILD}/bin/ferry-run", f"{sys.executable} -m torchferry"):
        command = f"{mount} && TMPDIR={folder} exec {program} verify {c_bundle} --engine c --allow-native"
        done = subprocess.run(["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (ExitCode.UNAVAILABLE, 1), done.stderr
        assert "TMPDIR" in done.stderr
