"""Isolation contains real models: a program that crashes ExecuTorch, a package of machine code, endless loops, too much memory."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from builders.bundles import reseal
from builders.isolation import can_isolate
from builders.programs import BUILD, ROOT, Program
from builders.pte import crashing_copy, strided_bundle
from builders.torchscript_archive import archive, archive_bundle, net
from builders.zip_parts import read_parts, write_zip
from builders.zoo import Zoo
from hostile.test_isolation import ENTRY, assert_contained
from torchferry.engines.pte_door import check_program
from torchferry.errors import ExitCode

pytestmark = pytest.mark.skipif(not can_isolate(), reason="no libseccomp at the build, or a kernel without Landlock")
FERRY_RUN = BUILD / "bin" / "ferry-run"


# ---- ExecuTorch ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strided(tmp_path_factory: pytest.TempPathFactory, zoo: Zoo) -> Path:
    if zoo.bundle("classifier", "executorch") is None:
        pytest.skip("ExecuTorch is not installed: pip install -e .[executorch]")
    return strided_bundle(tmp_path_factory.mktemp("strided") / "bundle")


def test_a_program_that_passes_the_door_and_crashes_is_contained(ferry_run: Program, strided: Path, tmp_path: Path) -> None:
    bundle = crashing_copy(strided, tmp_path / "bundle")
    check_program("model.pte", (bundle / "model.pte").read_bytes())
    for options in [(), ("--isolate",)]:
        done = ferry_run("verify", bundle, "--engine", "executorch", *options)
        assert_contained(done, tmp_path)
        assert "got a crash (SIGSEGV)" in done.stderr


def test_that_program_crashes_the_process_that_runs_it(strided: Path, tmp_path: Path) -> None:
    """The crash above is real."""
    bundle = crashing_copy(strided, tmp_path / "bundle")
    words = [FERRY_RUN, "verify", bundle, "--engine", "executorch", "--no-isolate"]
    assert subprocess.run(words, capture_output=True, check=False).returncode < 0


def test_the_program_it_was_made_of_passes(ferry_run: Program, strided: Path) -> None:
    assert ferry_run("verify", strided, "--engine", "executorch", "--isolate").code == ExitCode.OK


# ---- machine code -------------------------------------------------------------------------------------------------------


@pytest.fixture
def package(zoo: Zoo, tmp_path: Path) -> Path:
    """A bundle whose package of `aoti` has a library that writes a file and opens a socket as soon as it is loaded."""
    found = zoo.bundle("classifier", "aoti")
    if found is None:
        pytest.skip("no C++ compiler is here, so that AOTInductor cannot export")
    bundle = Path(shutil.copytree(found, tmp_path / "bundle"))
    (tmp_path / "evil.c").write_text(ENTRY.format(target=tmp_path / "target"))
    subprocess.run(["cc", "-shared", "-fPIC", tmp_path / "evil.c", "-o", tmp_path / "evil.so"], check=True)
    path = bundle / "model.pt2"
    evil = (tmp_path / "evil.so").read_bytes()
    path.write_bytes(write_zip([replace(part, data=evil) if part.name.endswith(".so") else part for part in read_parts(path)]))
    reseal(bundle)
    return bundle


LEFT = ("bundle", "evil.c", "evil.so")


@pytest.mark.parametrize("options", [(), ("--isolate",)], ids=["by default", "--isolate"])
def test_a_hostile_package_is_contained(ferry_run: Program, package: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    done = ferry_run("verify", package, "--engine", "aoti", "--allow-native", *options)
    assert_contained(done, tmp_path, left=LEFT)
    assert "got a forbidden wish of the model" in done.stderr


def test_without_isolation_the_package_writes(ferry_run: Program, package: Path, tmp_path: Path) -> None:
    ferry_run("verify", package, "--engine", "aoti", "--allow-native", "--no-isolate")
    assert (tmp_path / "target").exists()


# ---- processor time and memory --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    source = ROOT / "tests" / "hostile" / "isolated_plugin.cpp"
    options = ["-std=c++20", "-shared", "-fPIC", "-DFERRY_TEST_NATIVE=0", "-I", ROOT / "cpp" / "include"]
    subprocess.run(["c++", *options, "-o", folder / "libferry_engine_torchscript.so", source], check=True)
    return folder


def cell_of(process: subprocess.Popen[str]) -> int:
    """Wait until the cell of a program has used some processor time; return its process."""
    for _ in range(1000):
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            if int(fields[11]) > 0.2 * os.sysconf("SC_CLK_TCK"):
                return int(child)
        time.sleep(0.02)
    raise AssertionError("no cell is busy")


@pytest.mark.parametrize("mode", ["loop", "deaf loop"])
def test_processor_time_is_limited_without_timeout(plugins: Path, tmp_path: Path, mode: str) -> None:
    """The limit of an hour is there, and this test makes it a second. Who ignores the kernel's signal is ended by the host."""
    bundle = archive_bundle(tmp_path / "bundle", mode.encode())
    words = [str(FERRY_RUN), "verify", str(bundle), "--engine", "torchscript", "--isolate"]
    environment = {**os.environ, "FERRY_ENGINE_DIR": str(plugins)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        cell = cell_of(process)
        soft, _ = resource.prlimit(cell, resource.RLIMIT_CPU)
        assert 3600 <= soft <= 3610
        resource.prlimit(cell, resource.RLIMIT_CPU, (2, resource.RLIM_INFINITY))
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == ExitCode.UNAVAILABLE
    assert stderr.count("\n") == 1
    assert "got more processor time than the model may use" in stderr
    assert not Path(f"/proc/{cell}").exists()


def test_a_torchscript_that_takes_too_much_memory_is_told_so(ferry_run: Program, tmp_path: Path) -> None:
    bundle = archive_bundle(tmp_path / "bundle", archive(net("x = torch.add(x, torch.sum(torch.ones([1000, 1000, 1000])))")))
    words = ("verify", bundle, "--engine", "torchscript", "--isolate", "--memory", 1024)
    done = ferry_run(*words)
    assert done.code == ExitCode.IO, done
    assert "memory" in done.stderr
