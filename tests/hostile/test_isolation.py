"""Isolation: models that crash, hang, or try to reach files, programs, sockets and processes are contained, and nothing of them is
left; honest models answer the same with it and without."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from builders.bundles import fill_bundle, reseal
from builders.endless import endless_onnx
from builders.isolation import can_isolate
from builders.programs import BUILD, ROOT, Finished, Program
from builders.torchscript_archive import archive, archive_bundle, net
from builders.zoo import Zoo
from hostile.refusal import assert_error
from torchferry.engines.c_build import find_compiler
from torchferry.engines.machine import built_for
from torchferry.errors import ExitCode

FAST_S = 2
pytestmark = pytest.mark.skipif(not can_isolate(), reason="no libseccomp at the build, or a kernel without Landlock")


@pytest.fixture(scope="module", params=[0, 1], ids=["plugin", "machine code"])
def plugins(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a hostile plugin: its model has the rights of a runtime that was taken over."""
    folder = tmp_path_factory.mktemp("plugins")
    source = ROOT / "tests" / "hostile" / "isolated_plugin.cpp"
    options = ["-std=c++20", "-shared", "-fPIC", f"-DFERRY_TEST_NATIVE={request.param}", "-I", ROOT / "cpp" / "include"]
    subprocess.run(["c++", *options, "-o", folder / "libferry_engine_torchscript.so", source], check=True)
    return folder


def attack(ferry_run: Program, plugins: Path, folder: Path, mode: str, *options: object) -> Finished:
    """Verify a bundle whose artifact is `mode`, in isolation."""
    bundle = archive_bundle(folder / "bundle", mode.encode())
    environment = {**os.environ, "FERRY_ENGINE_DIR": str(plugins), "TMPDIR": str(folder)}
    words = ("verify", bundle, "--engine", "torchscript", "--allow-native", *options)
    return ferry_run(*words, env=environment)


def assert_contained(done: Finished, folder: Path, *, left: tuple[str, ...] = ("bundle",)) -> None:
    """One line, exit code 5, no child, no file."""
    assert done.code == ExitCode.UNAVAILABLE, done
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == sorted(left)
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(folder) not in running


ATTACKS = ["crash", "exit", "socket", "exec", "ptrace", "kill", "fork", "bomb", "write TARGET", "read TARGET"]


@pytest.mark.parametrize("mode", ATTACKS)
def test_an_attack_is_contained(ferry_run: Program, plugins: Path, tmp_path: Path, mode: str) -> None:
    target = tmp_path / "target"
    if mode.startswith("read"):
        target.write_text("secret")
    done = attack(ferry_run, plugins, tmp_path, mode.replace("TARGET", str(target)), "--isolate")
    assert_contained(done, tmp_path, left=("bundle", "target") if mode.startswith("read") else ("bundle",))


@pytest.mark.parametrize("mode", ["memory", "shared memory"])
def test_memory_is_limited(ferry_run: Program, plugins: Path, tmp_path: Path, mode: str) -> None:
    assert_contained(attack(ferry_run, plugins, tmp_path, mode, "--isolate", "--memory", 256), tmp_path)


def test_too_little_memory_for_the_engine_itself_is_told_as_that(ferry_run: Program) -> None:
    words = ("verify", ROOT / "exported" / "digits-mlp", "--engine", "onnxruntime", "--isolate", "--memory", 1)
    assert_error(
        ferry_run(*words), ExitCode.UNAVAILABLE, "engine onnxruntime: memory: got a limit of 1048576 bytes, expected at least "
    )


@pytest.mark.parametrize("engine", ["onnxruntime", "torchscript"])
def test_every_limit_of_memory_is_enough_or_told_as_that(ferry_run: Program, engine: str) -> None:
    """From what the engine takes before it reads a model to what is enough, a MiB at a time."""
    words = ("verify", ROOT / "exported" / "digits-mlp", "--engine", engine, "--isolate", "--memory")
    least = re.search(r"expected at least (\d+),", ferry_run(*words, 1).stderr)
    assert least is not None
    first = int(least[1]) // 2**20 + 1
    for limit in range(first, first + 64):
        done = ferry_run(*words, limit)
        if done.code == ExitCode.OK:
            break
        assert done.code in (ExitCode.UNAVAILABLE, ExitCode.IO), done
        *noise, line = done.stderr.splitlines()
        assert line.startswith(f"error: engine {engine}: "), done
        assert "got too little memory" in line, done
        assert all(text.startswith("Schema error: ") for text in noise), done  # ONNX's own, which nothing can switch off
    else:
        pytest.fail("no limit was enough")
    assert limit > first


def test_an_engine_that_does_not_load_is_named_once(ferry_run: Program, tmp_path: Path) -> None:
    (tmp_path / "libferry_engine_torchscript.so").write_text("no library")
    bundle = archive_bundle(tmp_path / "bundle", b"honest")
    done = ferry_run(
        "verify", bundle, "--engine", "torchscript", "--isolate", env={**os.environ, "FERRY_ENGINE_DIR": str(tmp_path)}
    )
    assert_error(done, ExitCode.UNAVAILABLE, "expected a plugin that loads")
    assert done.stderr.count("engine torchscript:") == 1


def test_a_limit_of_memory_needs_isolation(ferry_run: Program, plugins: Path, tmp_path: Path) -> None:
    done = attack(ferry_run, plugins, tmp_path, "honest", "--no-isolate", "--memory", 256)
    assert_error(done, ExitCode.USAGE, "--memory")


@pytest.mark.parametrize("isolation", ["--isolate", "--no-isolate"])
def test_an_endless_loop_ends(ferry_run: Program, plugins: Path, tmp_path: Path, isolation: str) -> None:
    done = attack(ferry_run, plugins, tmp_path, "loop", isolation, "--timeout", FAST_S)
    assert_contained(done, tmp_path)
    assert f"within the {FAST_S} seconds" in done.stderr


def test_an_honest_model_passes(ferry_run: Program, plugins: Path, tmp_path: Path) -> None:
    done = attack(ferry_run, plugins, tmp_path, "honest", "--isolate")
    assert done.code == ExitCode.OK, done


@pytest.mark.parametrize("engine", ["aoti", "c", "c-int8", "executorch"])
def test_a_verdict_of_every_engine_is_the_same_in_isolation(ferry_run: Program, zoo: Zoo, engine: str) -> None:
    bundle = zoo.bundle("classifier", engine)
    assert bundle is not None
    plain, isolated = (
        ferry_run("verify", bundle, "--engine", engine, "--allow-native", "--json", option)
        for option in ("--no-isolate", "--isolate")
    )
    assert isolated == plain
    assert plain.code == ExitCode.OK


@pytest.mark.parametrize("engine", ["torchscript", "onnxruntime"])
def test_a_verdict_is_the_same_in_isolation(ferry_run: Program, reference_bundle: Path, engine: str) -> None:
    plain = ferry_run("verify", reference_bundle, "--engine", engine, "--json", "--no-isolate")
    isolated = ferry_run("verify", reference_bundle, "--engine", engine, "--json", "--isolate")
    assert isolated == plain
    assert plain.code == ExitCode.OK


WRITERS = {
    "aten::save": 'torch.save(x, "TARGET")',
    "aten::from_file": 'torch.add_(x, torch.sum(torch.from_file("TARGET", True, 4)))',
}


@pytest.mark.parametrize("operator", WRITERS)
@pytest.mark.parametrize("options", [(), ("--isolate",)], ids=["by default", "--isolate"])
def test_a_torchscript_that_writes_is_contained(
    ferry_run: Program, tmp_path: Path, operator: str, options: tuple[str, ...]
) -> None:
    bundle = archive_bundle(tmp_path / "bundle", archive(net(WRITERS[operator].replace("TARGET", str(tmp_path / "target")))))
    assert_contained(ferry_run("verify", bundle, "--allow-op", operator, *options), tmp_path)


def test_without_isolation_it_writes(ferry_run: Program, tmp_path: Path) -> None:
    """The attack above is real."""
    bundle = archive_bundle(tmp_path / "bundle", archive(net(f'torch.save(x, "{tmp_path}/target")')))
    ferry_run("verify", bundle, "--allow-op", "aten::save", "--no-isolate")
    assert (tmp_path / "target").exists()


ENTRY = """
#include <stdio.h>
#include <sys/socket.h>
__attribute__((constructor)) static void enter(void) {{
  FILE *file = fopen("{target}", "w");
  if (file) fclose(file);
  if (socket(AF_INET, SOCK_STREAM, 0) < 0) __builtin_trap();
}}
"""


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler is here")
def test_native_code_that_opens_a_file_and_a_socket_is_contained(ferry_run: Program, c_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "evil.c").write_text(ENTRY.format(target=tmp_path / "target"))
    target = c_bundle / "native" / built_for(of_bytes=False) / "model.so"
    subprocess.run(["cc", "-shared", "-fPIC", str(tmp_path / "evil.c"), "-o", str(target)], check=True)
    reseal(c_bundle)
    done = ferry_run("verify", c_bundle, "--engine", "c", "--allow-native")
    assert_contained(done, tmp_path, left=("bundle", "evil.c"))
    ferry_run("verify", c_bundle, "--engine", "c", "--allow-native", "--no-isolate")
    assert (tmp_path / "target").exists(), "without isolation it writes: the test above can fail"


def test_the_engines_after_a_contained_one_are_verified(ferry_run: Program, bundle_copy: Path, tmp_path: Path) -> None:
    path = bundle_copy / "model.ts.pt"
    path.chmod(0o644)
    path.write_bytes(archive(net(f'torch.save(x, "{tmp_path}/target")').replace("(x, 2)", "(torch.to(x, 6), 2)")))
    reseal(bundle_copy)
    done = ferry_run("verify", bundle_copy, "--allow-op", "aten::save")
    assert done.code == ExitCode.UNAVAILABLE, done
    assert b"FAILED torchscript: " in done.stdout
    assert b"PASSED onnxruntime" in done.stdout


HOST = """
import ctypes, sys
from concurrent.futures import ThreadPoolExecutor
ferry, pointer = ctypes.CDLL(sys.argv[1]), ctypes.c_void_p
ferry.ferry_last_error.restype = ctypes.c_char_p
ferry.ferry_bundle_isolate.argtypes = [pointer]
ferry.ferry_bundle_set_timeout.argtypes = [pointer, ctypes.c_double]
ferry.ferry_session_open.argtypes = [pointer, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int32, ctypes.POINTER(pointer)]
bundle = pointer()
assert ferry.ferry_bundle_open(sys.argv[2].encode(), ctypes.byref(bundle)) == 0, ferry.ferry_last_error()
ferry.ferry_bundle_isolate(bundle)
ferry.ferry_bundle_set_timeout(bundle, 2.0)
def opened():
    session = pointer()
    return ferry.ferry_session_open(bundle, b"onnxruntime", b"cpu", 1, ctypes.byref(session)), ferry.ferry_last_error().decode()
with ThreadPoolExecutor(4) as pool:
    print([future.result() for future in [pool.submit(opened) for _ in range(4)]])
"""


def test_a_host_program_outlives_its_models(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    fill_bundle(bundle, artifacts={"onnxruntime": endless_onnx()})
    command = [sys.executable, "-c", HOST, str(BUILD / "lib" / "libferry.so"), str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    answers = ast.literal_eval(done.stdout)
    assert [code for code, _ in answers] == [ExitCode.UNAVAILABLE] * 4
    assert all("within the 2 seconds" in line for _, line in answers)
