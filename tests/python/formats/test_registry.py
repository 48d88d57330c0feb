"""The registry: one row a format, and nobody else decides by the name of a format or of an engine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from builders.programs import BUILD, ROOT
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry

PACKAGE = ROOT / "python" / "torchferry"
NAMES = {row.name for row in registry.FORMATS} | {row.engine for row in registry.FORMATS}


def test_formats_and_engines_have_one_row_each() -> None:
    assert len({row.name for row in registry.FORMATS}) == len({row.engine for row in registry.FORMATS}) == len(registry.FORMATS)


@pytest.mark.parametrize("row", registry.FORMATS, ids=lambda row: row.name)
def test_everything_that_a_row_names_is_there(row: registry.Format) -> None:
    for dotted in (row.exporter, row.opener, row.probe, row.weights, row.own_bounds, row.stand_in):
        assert dotted is None or callable(registry.load(dotted))


def test_formats_exclude_each_other_and_a_quantised_one_names_its_whole_one() -> None:
    known = registry.formats()
    for row in known.values():
        assert all(row.name in known[other].excludes for other in row.excludes)
        assert not row.quantizes or (row.quantizes[0] in known and row.own_bounds is not None)


def test_two_formats_whose_files_have_the_same_names_are_refused() -> None:
    pairs = [(row.name, other) for row in registry.FORMATS for other in row.excludes]
    assert pairs
    for pair in pairs:
        first, second = sorted(pair)
        with pytest.raises(FerryError, match=f"got {first} and {second}, expected one of them") as caught:
            registry.chosen(["torchscript", *pair])
        assert caught.value.code == ExitCode.USAGE
    assert [row.name for row in registry.chosen(["onnx", "torchscript", "onnx"])] == ["onnx", "torchscript"]


def test_reading_the_rows_imports_no_runtime() -> None:
    assert imported_by("from torchferry.formats import registry; registry.formats(); registry.of_engine('c')") == set()


def test_inspecting_a_bundle_imports_no_runtime() -> None:
    bundle = ROOT / "exported" / "iris-adaline"
    assert imported_by(f"from torchferry.cli.main import run; assert run(['inspect', {str(bundle)!r}]) == 0") == set()


def imported_by(code: str) -> set[str]:
    """Which runtimes, and which heavy packages, a fresh process has imported after running `code`."""
    heavy = {"torch", "onnx", "onnxruntime", "executorch", "matplotlib", "sklearn", "torchferry.engines.base"}
    script = f"import sys; {code}; print('MODULES', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    return heavy & set(done.stdout.rpartition("MODULES")[2].split())


def decides_by_name(source: str) -> list[int]:
    """The lines that compare with the name of a format or an engine."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and any(
            isinstance(part, ast.Constant) and part.value in NAMES
            for side in (node.left, *node.comparators)
            for part in ast.walk(side)
        )
    ]


# `export` is also the public function, `eager` also a kind of promise.
ALLOWED = {"__init__.py", "compare/tolerance.py"}


def test_nobody_decides_by_the_name_of_a_format_or_of_an_engine() -> None:
    files = list(PACKAGE.rglob("*.py"))
    found = {path.relative_to(PACKAGE).as_posix() for path in files if decides_by_name(path.read_text())}
    assert found <= ALLOWED


@pytest.mark.parametrize(
    "line", ["x = engine == 'onnxruntime'", "if engine in {'c', 'c-int8'}:\n    pass", "y = 'aoti' not in formats"]
)
def test_a_decision_by_name_is_found(line: str) -> None:
    assert decides_by_name(line) == [1]


def test_cpp_knows_the_engines_that_are_pythons_alone() -> None:
    written = re.findall(r'"([^"]+)"', (BUILD / "generated" / "engines.hpp").read_text().partition("python_only_engines")[2])
    assert written == [row.engine for row in registry.FORMATS if not row.in_cpp] == ["eager"]


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str, name: str = "toy") -> None:
    """A package as pip leaves it: a module and its metadata with an entry point."""
    (folder / "ferry_toy.py").write_text(code)
    metadata = folder / "ferry_toy-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: ferry-toy\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[{registry.ENTRY_POINTS}]\n{name} = ferry_toy:FORMAT\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "ferry_toy", raising=False)


ROW = "from torchferry.formats.registry import Format\nFORMAT = Format(name={name!r}, engine={engine!r}, exporter='ferry_toy:write')\n"


def test_a_row_of_an_installed_package_is_found_by_format_and_by_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, ROW.format(name="toy", engine="toy-engine"))
    row = registry.of_engine("toy-engine")
    assert row is not None
    assert row is registry.of_format("toy") is registry.chosen(["onnx", "toy"])[1]
    assert "toy-engine" not in registry.engines()  # it has no opener: C++ only


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("import no_such_module\n", ("toy", "no_such_module", "uninstall")),
        ("FORMAT = 3\n", ("toy", "int", "uninstall")),
        (ROW.format(name="onnx", engine="toy"), ("onnx", "not taken", "uninstall")),
        (ROW.format(name="toy", engine="eager"), ("eager", "not taken", "uninstall")),
    ],
)
def test_a_package_that_cannot_add_its_row_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, named: tuple[str, ...]
) -> None:
    install(monkeypatch, tmp_path, code)
    with pytest.raises(FerryError) as caught:
        registry.formats()
    assert caught.value.code == ExitCode.UNAVAILABLE
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in named)
    assert registry.of_engine("onnxruntime") is not None  # the project's own are not disturbed
