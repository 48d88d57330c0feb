"""Programs of users in every language, with the installed wheel and nothing else of ours: open, run, verify with the engine `c`.

The bindings come with the wheel (`torchferry-config --bindingsdir`), as sources. Each program of trial/ prints one answer, to its
last bit, and what verifying came to.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builders.programs import Finished, run_program
from builders.trained import Trained
from builders.wheels import ENVIRONMENT, installed, run
from torchferry.bundle.reader import open_bundle
from torchferry.engines.base import Session
from torchferry.errors import ExitCode

pytestmark = pytest.mark.slow
TRIAL = Path(__file__).parent / "trial"


@pytest.fixture(scope="module")
def shell(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run a command with the environment of the wheel in PATH: the wheel's programs, and what its user has to compile with."""
    (file,) = dist.glob("*.whl")
    path = f"{installed(tmp_path_factory.mktemp('wheel') / 'env', file)}{os.pathsep}{os.environ['PATH']}"
    return lambda *words, code=0, **more: run(*words, code=code, PATH=path, **more)


def config(shell: Callable[..., str], option: str) -> str:
    return shell("torchferry-config", option).strip()


def c(shell: Callable[..., str], folder: Path) -> list[str]:
    """By pkg-config's file, as a Makefile would."""
    library = config(shell, "--libdir")
    flags = shell("pkg-config", "--cflags", "--libs", "ferry", PKG_CONFIG_PATH=f"{library}/pkgconfig").split()
    shell("cc", "-std=c11", "-Wall", "-Werror", TRIAL / "trial.c", *flags, f"-Wl,-rpath,{library}", "-o", folder / "trial")
    return [str(folder / "trial")]


def cpp(shell: Callable[..., str], folder: Path) -> list[str]:
    """By CMake's package."""
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(trial CXX)\nfind_package(ferry REQUIRED)\n"
        f"add_executable(trial {TRIAL}/trial.cpp)\ntarget_link_libraries(trial PRIVATE ferry::ferry)\n"
    )
    shell("cmake", "-S", folder, "-B", folder / "build", f"-Dferry_DIR={config(shell, '--cmakedir')}")
    shell("cmake", "--build", folder / "build")
    return [str(folder / "build" / "trial")]


def named(shell: Callable[..., str], name: str, folder: Path) -> Path:
    """A copy of a project of trial/, which names the folder of the bindings."""
    project = shutil.copytree(TRIAL / name, folder / name)
    for file in project.iterdir():
        file.write_text(file.read_text().replace("BINDINGS", config(shell, "--bindingsdir")))
    return project


def rust(shell: Callable[..., str], folder: Path) -> list[str]:
    project = named(shell, "rust", folder)
    (project / "src").mkdir()
    (project / "main.rs").rename(project / "src" / "main.rs")
    shell("cargo", "build", "--offline", "--manifest-path", project / "Cargo.toml", CARGO_TARGET_DIR=str(folder / "target"))
    return [str(folder / "target" / "debug" / "trial")]


def go(shell: Callable[..., str], folder: Path) -> list[str]:
    project, library = named(shell, "go", folder), config(shell, "--libdir")
    flags = {
        "CGO_CFLAGS": f"-I{config(shell, '--includedir')}",
        "CGO_LDFLAGS": f"-L{library} -Wl,-rpath,{library}",
        "GOCACHE": str(folder / "cache"),
        "GOPROXY": "off",
    }
    shell("go", "build", "-o", folder / "trial", ".", cwd=project, **flags)
    return [str(folder / "trial")]


def java(shell: Callable[..., str], folder: Path) -> list[str]:
    shell("sh", Path(config(shell, "--bindingsdir")) / "java" / "build.sh", folder / "made")
    jar = folder / "made" / "torchferry.jar"
    shell("javac", "-cp", jar, "-d", folder / "classes", TRIAL / "Trial.java")
    return ["java", f"-Dtorchferry.library={folder / 'made' / 'libferry_jni.so'}", "-cp", f"{jar}:{folder / 'classes'}", "Trial"]


def node(shell: Callable[..., str], folder: Path) -> list[str]:
    """By an npm package with the binary in it, installed without the network."""
    package = shutil.copytree(Path(config(shell, "--bindingsdir")) / "node", folder / "package")
    made = shell("sh", package / "build.sh", code=None)
    if "node_api.h: not found" in made:
        pytest.skip(made)
    shell("npm", "pack", package, "--pack-destination", folder)
    (archive,) = folder.glob("torchferry-*.tgz")
    project = folder / "project"
    project.mkdir()
    shutil.copy(TRIAL / "trial.js", project)
    shell("npm", "install", "--offline", "--ignore-scripts", "--prefix", project, archive)
    return ["node", str(project / "trial.js")]


def python(shell: Callable[..., str], folder: Path) -> list[str]:
    """Without torch: the core has none."""
    del folder
    return [shell("python", "-c", "import sys; print(sys.executable)").strip(), str(TRIAL / "trial.py")]


# Language -> the program that its toolchain is known by, and how its user builds.
LANGUAGES = {
    "c": ("pkg-config", c),
    "cpp": ("cmake", cpp),
    "rust": ("cargo", rust),
    "go": ("go", go),
    "java": ("javac", java),
    "node": ("npm", node),
    "python": ("sh", python),
}


@pytest.fixture(scope="module", params=list(LANGUAGES))
def trial(request: pytest.FixtureRequest, shell: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that starts the language's program."""
    tool, build = LANGUAGES[request.param]
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed; run `make setup-edge`")
    return build(shell, tmp_path_factory.mktemp(request.param))


def start(trial: list[str], bundle: Path) -> Finished:
    return run_program(trial, bundle, env=ENVIRONMENT, cwd=Path("/"))


def test_a_program_opens_runs_and_verifies(trial: list[str], trained: Trained) -> None:
    bundle = trained.bundle_for("iris-adaline", "c")
    done = start(trial, bundle)
    assert done.code == 0, done.stderr
    answer, verdict = done.stdout.decode().split()
    expected = Session(open_bundle(bundle), "c", allow_native=True).run({"measurements": np.array([[5.1, 1.8]], np.float32)})
    assert np.float32(answer) == expected["net_input"][0]
    assert verdict == "same"


def test_a_flipped_bit_is_refused(trial: list[str], trained: Trained, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(trained.bundle_for("iris-adaline", "c"), tmp_path / "bundle"))
    content = bytearray((bundle / "model.c").read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / "model.c").write_bytes(content)
    done = start(trial, bundle)
    assert done.code == ExitCode.INTEGRITY
    assert done.stdout == b""
    assert "model.c: " in done.stderr
    assert done.stderr.count("\n") == 1
