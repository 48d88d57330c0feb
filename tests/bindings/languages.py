"""The example program of each binding, built as its user would build it, and how it is started.

Every one has the same two verbs: `run BUNDLE ENGINE` takes the raw bytes of the one input on stdin and gives those of all outputs;
`verify BUNDLE` prints the report of replaying the goldens. The programs of misuse/ do what test_misuse.py says, on the same binding.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from builders.programs import BUILD, ROOT
from torchferry.errors import ExitCode

BINDINGS = ROOT / "cpp" / "bindings"
MISUSE = Path(__file__).parent / "misuse"
INCLUDE, LIBRARY = ROOT / "cpp" / "include", BUILD / "lib"
_RUN_PATH = f"-L{LIBRARY} -Wl,-rpath,{LIBRARY}"
_PLACES = {"FERRY_INCLUDE_DIR": str(INCLUDE), "FERRY_LIB_DIR": str(LIBRARY)}


def _build(command: list[object], folder: Path, **environment: str) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **_PLACES, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode == ExitCode.UNAVAILABLE and done.stdout.startswith("error: "):
        pytest.skip(done.stdout)  # headers of node, which its package does not bring everywhere
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout, done.stdout


def rust(target: Path) -> list[str]:
    """Build the crate and its example, without the network."""
    _build(["cargo", "build", "--offline", "--example", "crossing"], BINDINGS / "rust", CARGO_TARGET_DIR=str(target))
    return [str(target / "debug" / "examples" / "crossing")]


def go(target: Path) -> list[str]:
    """Build the example by cgo."""
    flags = {"CGO_CFLAGS": f"-I{INCLUDE}", "CGO_LDFLAGS": _RUN_PATH, "GOPROXY": "off", "GOCACHE": str(target / "cache")}
    _build(["go", "vet", "./..."], BINDINGS / "go", **flags)
    _build(["go", "build", "-o", target / "crossing", "./crossing"], BINDINGS / "go", **flags)
    return [str(target / "crossing")]


def java(target: Path) -> list[str]:
    """Compile the jar, the native methods and the example."""
    _build(["sh", "build.sh", target], BINDINGS / "java")
    return ["java", f"-Dtorchferry.library={target / 'libferry_jni.so'}", "-cp", str(target / "classes"), "Crossing"]


def node(target: Path) -> list[str]:
    """Compile the Node-API module into a copy of the package."""
    package = target / "package"
    shutil.copytree(BINDINGS / "node", package, ignore=shutil.ignore_patterns("build"))
    _build(["sh", "build.sh"], package)
    return ["node", str(package / "crossing.js")]


def misuse_rust(target: Path) -> list[str]:
    """Build a crate that depends on the binding's."""
    _build(["cargo", "build", "--offline"], MISUSE / "rust", CARGO_TARGET_DIR=str(target))
    return [str(target / "debug" / "misuse")]


def misuse_go(target: Path) -> list[str]:
    """Build a module that depends on the binding's."""
    flags = {"CGO_CFLAGS": f"-I{INCLUDE}", "CGO_LDFLAGS": _RUN_PATH, "GOPROXY": "off", "GOCACHE": str(target / "cache")}
    _build(["go", "vet", "."], MISUSE / "go", **flags)
    _build(["go", "build", "-o", target / "misuse", "."], MISUSE / "go", **flags)
    return [str(target / "misuse")]


def misuse_java(target: Path) -> list[str]:
    """Compile a class against the jar; it closes what will be closed again, which javac warns of."""
    jar = target / "torchferry.jar"
    _build(["sh", "build.sh", target], BINDINGS / "java")
    _build(["javac", "-Xlint:all,-try", "-Werror", "-cp", jar, "-d", target / "misuse", MISUSE / "Misuse.java"], target)
    return ["java", f"-Dtorchferry.library={target / 'libferry_jni.so'}", "-cp", f"{jar}:{target / 'misuse'}", "Misuse"]


def misuse_node(target: Path) -> list[str]:
    """Let a script require the package."""
    return ["node", str(MISUSE / "misuse.js"), str(Path(node(target)[1]).parent)]


def misuse_python(_target: Path) -> list[str]:
    """Let a script import `torchferry.native`."""
    return [sys.executable, str(MISUSE / "misuse.py")]


def misuse_c(target: Path) -> list[str]:
    """Compile a program against `ferry/ferry.h`."""
    return _compiled(os.environ.get("CC", "cc"), "-std=c11", MISUSE / "misuse.c", target)


def misuse_cpp(target: Path) -> list[str]:
    """Compile a program against `ferry/ferry.hpp`."""
    return _compiled(os.environ.get("CXX", "c++"), "-std=c++20", MISUSE / "misuse.cpp", target)


def _compiled(compiler: str, standard: str, source: Path, target: Path) -> list[str]:
    program = target / "misuse"
    _build([compiler, standard, "-Wall", "-Wextra", f"-I{INCLUDE}", source, *_RUN_PATH.split(), "-lferry", "-o", program], target)
    return [str(program)]


# Language -> the program that its toolchain is known by, and the builds of its example and of its misuse.
LANGUAGES: dict[str, tuple[str, Callable[[Path], list[str]], Callable[[Path], list[str]]]] = {
    "rust": ("cargo", rust, misuse_rust),
    "go": ("go", go, misuse_go),
    "java": ("javac", java, misuse_java),
    "node": ("node", node, misuse_node),
}


def example_of(language: str, target: Path) -> list[str]:
    """Return the command that starts the language's example, built into `target`; skips where its toolchain is not here."""
    return _built(language, target, 1)


# Those that need no binding: Python has one in the package, C and C++ have the headers. The compiler is here, since libferry is.
WITHOUT_BINDING = {"python": misuse_python, "c": misuse_c, "cpp": misuse_cpp}


def misuse_of(language: str, target: Path) -> list[str]:
    """Return the command that starts the language's program of misuse/, built into `target`; skips as `example_of`."""
    if language not in WITHOUT_BINDING:
        return _built(language, target, 2)
    target.mkdir(parents=True)
    return WITHOUT_BINDING[language](target)


def _built(language: str, target: Path, which: Literal[1, 2]) -> list[str]:
    row = LANGUAGES[language]
    if shutil.which(row[0]) is None:
        pytest.skip(f"{row[0]} is not installed; run `make setup-edge`")
    target.mkdir(parents=True)
    return row[which](target)
