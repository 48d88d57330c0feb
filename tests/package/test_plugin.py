"""A format with its engine, written by others: a Python package that is installed and a plugin for C++ that is built with the
public header alone, both held to the conformance suite.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.bundles import edit_manifest, fill_bundle, reseal
from builders.programs import BUILD, ROOT
from builders.spread import spread
from torchferry.bundle.writer import file_entry
from torchferry.errors import ExitCode

EXAMPLE = ROOT / "cpp" / "examples" / "plugin"
SOURCE = EXAMPLE / "perceptron.cpp"
LIBRARY = "libferry_engine_perceptron.so"


def build(folder: Path, *, include: Path = ROOT / "cpp" / "include", name: str = LIBRARY) -> Path:
    """Compile the example as its own first lines say."""
    compiler = os.environ.get("CXX", "c++")
    flags = ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I", str(include)]
    subprocess.run([compiler, *flags, str(SOURCE), "-o", str(folder / name)], check=True, timeout=300)
    return folder / name


def ferry_run(engine_dir: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(BUILD / "bin" / "ferry-run"), *map(str, arguments)]
    return subprocess.run(command, env=environment(engine_dir), capture_output=True, text=True, timeout=60, check=False)


def environment(engine_dir: Path) -> dict[str, str]:
    return {**os.environ, "FERRY_ENGINE_DIR": str(engine_dir), "FERRY_BUILD": str(BUILD)}


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built plugin."""
    return build(tmp_path_factory.mktemp("plugin")).parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed Python package; the project's own files stay as they are."""
    source = Path(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("source") / "plugin"))
    target = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)], check=True, timeout=300
    )
    return target


def with_package(folder: Path, plugins: Path) -> dict[str, str]:
    """The environment of a user who has installed both."""
    return {**environment(plugins), "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "python"), str(ROOT / "tests")])}


@pytest.fixture(scope="module")
def exported(plugin: Path, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with the example's format, exported by `ferry` in a process that has the package."""
    folder = tmp_path_factory.mktemp("exported")
    out = folder / "bundle"
    done = ferry_with(
        with_package(installed, plugin),
        *("export", "builders.models:Classifier", "--input", "image=uint8[N,4,4]:0..255"),
        *("--output", "logits", "--output", "probabilities", "--output", "label"),
        *("--to", "perceptron,onnx", "--out", out),
    )
    assert done.returncode == ExitCode.OK, done.stderr
    assert "perceptron" in done.stdout
    return out


def ferry_with(env: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torchferry", *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)


def test_an_installed_package_adds_a_format_that_is_exported_and_verified_in_both_languages(
    plugin: Path, installed: Path, exported: Path
) -> None:
    program = ["--ferry-run", BUILD / "bin" / "ferry-run"]
    done = ferry_with(with_package(installed, plugin), "verify", exported, "--all", "--engine", "perceptron", "--json", *program)
    assert done.returncode == ExitCode.OK, done.stderr
    cells = [cell for cell in json.loads(done.stdout)["cells"] if cell["device"] == "cpu"]
    assert {(cell["language"], cell["status"]) for cell in cells} == {("Python", "passed"), ("C++", "passed")}
    assert all(output["compared"] > 0 for cell in cells for output in cell["outputs"])


@pytest.mark.slow
def test_without_the_package_its_engine_is_one_clear_line_and_the_others_go_on(plugin: Path, exported: Path) -> None:
    env = {**environment(plugin), "PYTHONPATH": str(ROOT / "python")}
    refused = ferry_with(env, "verify", exported, "--engine", "perceptron")
    assert refused.returncode == ExitCode.UNAVAILABLE
    assert "perceptron" in refused.stderr
    others = ferry_with(env, "verify", exported)
    assert others.returncode == ExitCode.OK, others.stderr
    assert "PASSED onnxruntime" in others.stdout


def test_a_wrong_weight_of_the_installed_format_is_a_mismatch(
    plugin: Path, installed: Path, exported: Path, tmp_path: Path
) -> None:
    wrong = Path(shutil.copytree(exported, tmp_path / "wrong"))
    path = wrong / "model.perceptron"
    head, sizes, numbers = path.read_text().rsplit("\n", 3)[0:3]
    first, _, rest = numbers.partition(" ")
    path.write_text("\n".join([head, sizes, f"{float(first) + 1:.9g} {rest}"]) + "\n")
    reseal(wrong)
    done = ferry_with(with_package(installed, plugin), "verify", wrong, "--engine", "perceptron")
    assert done.returncode == ExitCode.MISMATCH, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("language", spread(["python", "c++"], 1))
def test_the_example_passes_the_conformance_suite(plugin: Path, installed: Path, tmp_path: Path, language: str) -> None:
    options = [
        "-p",
        "no:xdist",
        "--basetemp",
        str(tmp_path / "run"),
        "-k",
        f"{language}-perceptron",
        "-W",
        "ignore",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(ROOT / "tests" / "conformance"), *options],
        cwd=ROOT,
        env=with_package(installed, plugin),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    counted = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped)", done.stdout)}
    assert done.returncode == 0, done.stdout
    assert counted["passed"] >= 20  # the others are of models that a format of perceptrons cannot express
    assert "failed" not in counted


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "header"),
        (b"perceptron 2\n255\n1 1 1\n", "header"),
        (b"perceptron 1\n255\n2 0 2\n", "layer"),
        (b"perceptron 1\n255\n2 99999999 2\n", "layer"),
        (b"perceptron 1\n255\n2 1 2\n1 2 3\n", "too few"),
        (b"perceptron 1\n255\n1 1 1\n1 1 1 1 1\n", "more numbers"),
        (b"perceptron 1\n255\n1 1 1\n1 1 1 1\n", "contract"),
    ],
)
def test_the_example_refuses_an_artifact_that_makes_no_sense(plugin: Path, tmp_path: Path, content: bytes, named: str) -> None:
    fill_bundle(tmp_path, artifacts={"perceptron": content})
    done = ferry_run(plugin, "verify", tmp_path, "--engine", "perceptron")
    assert (done.returncode, done.stderr.count("\n")) == (ExitCode.FORMAT, 1), done.stderr
    assert named in done.stderr


def broken_abi(folder: Path) -> None:
    include = Path(shutil.copytree(ROOT / "cpp" / "include", folder / "include"))
    header = include / "ferry" / "engine.h"
    text = header.read_text()
    header.write_text(text.replace("FERRY_ENGINE_ABI_VERSION 2u", "FERRY_ENGINE_ABI_VERSION 7u"))
    assert header.read_text() != text
    build(folder, include=include)


def wrong_architecture(folder: Path) -> None:
    path = build(folder)
    data = bytearray(path.read_bytes())
    data[18:20] = b"\xf3\x00"  # e_machine: RISC-V
    path.write_bytes(data)


def missing_symbol(folder: Path) -> None:
    source = folder / "empty.c"
    source.write_text("int nothing;\n")
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", str(source), "-o", str(folder / LIBRARY)], check=True)


def missing_library(folder: Path) -> None:
    """A plugin that needs a shared library which is not there."""
    for name, code, flags in (
        ("libgone.so", "int gone(void) { return 1; }\n", []),
        (LIBRARY, "int gone(void); int there(void) { return gone(); }\n", ["-L", str(folder), "-lgone"]),
    ):
        (folder / "part.c").write_text(code)
        subprocess.run(
            [os.environ.get("CC", "cc"), "-shared", "-fPIC", str(folder / "part.c"), *flags, "-o", str(folder / name)], check=True
        )
    (folder / "libgone.so").unlink()


BROKEN: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "missing": (lambda _: None, (LIBRARY, "FERRY_ENGINE_DIR")),
    "of another version": (broken_abi, ("abi_version: got 7, expected 2",)),
    "for another architecture": (wrong_architecture, (LIBRARY,)),
    "without its symbol": (missing_symbol, ("ferry_engine_entry",)),
    "without a library that it needs": (missing_library, ("libgone.so",)),
    "no library at all": (lambda folder: (folder / LIBRARY).write_text("hello"), (LIBRARY,)),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_plugin_that_cannot_be_used_is_one_clear_line_and_the_others_go_on(tmp_path: Path, how: str) -> None:
    make, named = BROKEN[how]
    folder, bundle = tmp_path / "engines", tmp_path / "bundle"
    folder.mkdir()
    make(folder)
    shutil.copytree(ROOT / "exported" / "digits-mlp", bundle)
    with_artifact(bundle)
    refused = ferry_run(folder, "verify", bundle, "--engine", "perceptron")
    assert (refused.returncode, refused.stderr.count("\n")) == (ExitCode.UNAVAILABLE, 1), refused.stderr
    assert all(word in refused.stderr for word in ("engine perceptron", *named)), refused.stderr
    others = ferry_run(folder, "verify", bundle)
    assert others.returncode == ExitCode.OK, others.stderr
    assert "could not run perceptron" in others.stdout
    assert "PASSED torchscript" in others.stdout


def with_artifact(bundle: Path) -> None:
    """Add an artifact for the example's engine, with the tolerances of another engine."""
    (bundle / "model.perceptron").write_text("perceptron 1\n")
    entry = file_entry(bundle, "model.perceptron").model_dump()

    def add(manifest: dict[str, list[dict[str, object]]]) -> None:
        artifact = {"format": "perceptron", "engine": "perceptron", "files": [entry], "producer": "a test", "requires": {}}
        artifact["accepted"] = manifest["artifacts"][0]["accepted"]
        manifest["artifacts"] = sorted([*manifest["artifacts"], artifact], key=lambda value: str(value["format"]))
        rows = [row for row in manifest["tolerances"] if row["engine"] == "onnxruntime"]
        manifest["tolerances"] += [{**row, "engine": "perceptron"} for row in rows]

    edit_manifest(bundle, add)
