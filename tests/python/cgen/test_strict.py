"""The arithmetic stays strict whatever flags the user compiles with, and where it cannot the build or the self-test says so."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from builders.generated_c import COMPILERS, DRIVER, WARNINGS, Subject, run_tool, write
from builders.networks import fork, image_net
from builders.spread import spread

FUSED = re.compile(r"\bvfn?m(add|sub)\w*\b|\bfmadd|\bfmla|\bvfma")


@pytest.fixture(scope="module")
def subject() -> Subject:
    return image_net(8, 8, 100)


@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
@pytest.mark.parametrize(
    "flags",
    [("-O3", "-march=x86-64-v4"), ("-O3", "-march=x86-64-v3", "-std=gnu99"), ("-O2", "-mfma", "-std=gnu11")],
    ids=" ".join,
)
def test_a_plain_compile_fuses_nothing(compiler: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    for subject in (image_net(8, 8, 100), fork()):
        source = write(subject.generated, tmp_path / subject.generated.prefix)
        run_tool(compiler, *flags, "-c", "-o", tmp_path / "model.o", source)
        assert not FUSED.search(run_tool("objdump", "-d", tmp_path / "model.o").stdout)


def test_the_search_for_fused_instructions_would_find_one(tmp_path: Path) -> None:
    (tmp_path / "f.c").write_text("float f(float a, float b, float c) { return a * b + c; }\n")
    run_tool("gcc", "-O3", "-march=x86-64-v3", "-c", "-o", tmp_path / "f.o", tmp_path / "f.c")
    assert FUSED.search(run_tool("objdump", "-d", tmp_path / "f.o").stdout)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("flag", ["-ffast-math", "-Ofast", "-ffinite-math-only"])
def test_fast_math_does_not_compile(subject: Subject, compiler: str, flag: str, tmp_path: Path) -> None:
    source = write(subject.generated, tmp_path)
    done = subprocess.run([compiler, flag, "-c", "-o", tmp_path / "model.o", source], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "without -ffast-math" in done.stderr


WIDER = {"32-bit x86": ("i686-linux-gnu-gcc", "-mfpmath=387"), "s390x": ("s390x-linux-gnu-gcc", "-std=c99")}


@pytest.mark.parametrize("processor", WIDER)
def test_a_processor_that_computes_floats_wider_is_named(subject: Subject, processor: str, tmp_path: Path) -> None:
    compiler, flag = WIDER[processor]
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} not installed; run `make setup-edge`")
    source = write(subject.generated, tmp_path)
    done = subprocess.run([compiler, flag, "-c", "-o", tmp_path / "model.o", source], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert re.search(rf'#error "{processor} computes floats .* here: compile with', done.stderr)


@pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not installed")
def test_the_self_test_notices_clangs_forced_contraction(subject: Subject, tmp_path: Path) -> None:
    source = write(subject.generated, tmp_path)
    run_tool("clang", "-O2", "-mfma", "-ffp-contract=fast", "-shared", "-fPIC", "-o", tmp_path / "fast.so", source)
    assert ctypes.CDLL(str(tmp_path / "fast.so")).image_net_selftest() == -2


def test_the_self_test_notices_flush_to_zero(subject: Subject, tmp_path: Path) -> None:
    source = write(subject.generated, tmp_path)
    (tmp_path / "main.c").write_text(
        '#include <xmmintrin.h>\n#include "model.h"\n'
        "int main(void) { const int before = image_net_selftest(); _mm_setcsr(_mm_getcsr() | 0x8040); "
        "return before == -1 && image_net_selftest() == -2 ? 0 : 1; }\n"
    )
    run_tool("gcc", "-O2", "-o", tmp_path / "main", tmp_path / "main.c", source)
    run_tool(tmp_path / "main")


@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
def test_sanitizers_find_nothing(compiler: str, tmp_path: Path) -> None:
    for subject in (image_net(7, 5, 130, 3), fork()):
        folder = tmp_path / subject.generated.prefix
        source = write(subject.generated, folder)
        prefix = subject.generated.prefix
        (folder / "main.c").write_text(DRIVER.replace("NAME", prefix))
        flags = ["-O1", "-g", "-march=native", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        run_tool(compiler, *WARNINGS, *flags, "-o", folder / "main", folder / "main.c", source)
        run_tool(folder / "main")


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_valgrind_finds_nothing(tmp_path: Path) -> None:
    subject = image_net(7, 5, 130, 3)
    source = write(subject.generated, tmp_path)
    (tmp_path / "main.c").write_text(DRIVER.replace("NAME", "image_net"))
    run_tool("gcc", *WARNINGS, "-O2", "-g", "-o", tmp_path / "main", tmp_path / "main.c", source)
    run_tool("valgrind", "-q", "--error-exitcode=9", "--exit-on-first-error=yes", "--leak-check=full", tmp_path / "main")
