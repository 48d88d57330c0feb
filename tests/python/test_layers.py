"""Who may import whom (DESIGN.md section 2), read from the sources themselves.

The tables are the rule; a package that stands in no table fails. Where a row is wider than the design's sentence, its comment
says why.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "torchferry"
CPP = ROOT / "cpp"

EVERYWHERE = {"errors", "version"}
MAY_IMPORT: dict[str, set[str]] = {
    "bundle": {"compare.kinds"},  # a row of the tolerances keeps its kind's rules
    # samples: predict reads and writes files of them. models.trace: `ferry trace` shows a model's layers.
    "cli": {"bundle", "compare", "engines", "export", "models.trace", "report", "samples", "train"},
    "compare.kinds": {"bundle.contract", "bundle.dtype"},  # no more of bundle, which imports it
    "compare": {"bundle"},  # the goldens and tolerances that it compares with
    "data": set(),
    "engines": {"bundle"},
    # compare, engines: the exporter replays what it wrote before it publishes it. models.trace: a probe names layers as `ferry trace` does.
    "export": {"bundle", "models.preprocess", "models.trace", "compare", "engines"},
    "models": set(),
    "report": {"bundle", "compare"},
    "samples": {"bundle"},
    "train": {"models", "data", "bundle"},  # bundle: a recipe knows its model's contract
    "__main__": {"cli"},
}
WITHOUT_TORCH = {"bundle", "compare", "report", "samples"}
RUNTIME_MODULES = {
    "onnxruntime": {"engines/onnxruntime.py"},
    "executorch": {"engines/executorch.py", "export/executorch.py"},
}

# A folder of cpp/ -> what its quoted includes may reach besides itself, and which runtimes' headers it may include.
CPP_MAY_INCLUDE: dict[str, set[str]] = {
    "include": set(),
    "src": {"include"},
    "engines": {"include"},
    "cli": {"include", "src"},
    "examples": {"include"},
}
GENERATED_HEADERS = {"model.h"}  # what `ferry export --to c` writes, for the examples
RUNTIME_HEADERS = re.compile(r"(torch|ATen|c10|caffe2|executorch|onnxruntime\w*)(/|\.)")
PUBLIC_THIRD_PARTY = re.compile(r"ferry/\w+\.h(pp)?|[a-z_]+|std(def|int)\.h")


def imports(source: str) -> Iterator[str]:
    """Every imported module by its full name, also inside functions and behind TYPE_CHECKING."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides where it goes"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top_of(path: str) -> str:
    """`bundle` for bundle/npy.py, `errors` for errors.py."""
    return path.partition("/")[0].removesuffix(".py")


def package_of(path: str) -> str:
    """The package with a row of its own: `compare.kinds` for compare/kinds/bits.py, `bundle` for bundle/npy.py."""
    parts = path.split("/")
    inner = ".".join(parts[:2])
    return inner if len(parts) > 2 and inner in MAY_IMPORT else top_of(path)


def python_problems(path: str, source: str) -> list[str]:
    """What the module at `path` (inside the package) imports against the rules."""
    package = package_of(path)
    if package not in MAY_IMPORT and package not in EVERYWHERE | {"__init__"}:
        return [f"{path}: {package} stands in no table: say what it may import"]
    problems = []
    for name in imports(source):
        root, _, rest = name.partition(".")
        if root == "torchferry" and not is_allowed(package, rest):
            problems.append(f"{path}: {package} must not import {rest}")
        if root in ("torch", "torchvision") and top_of(path) in WITHOUT_TORCH:
            problems.append(f"{path}: {package} must not import torch")
        if root in RUNTIME_MODULES and path not in RUNTIME_MODULES[root]:
            problems.append(f"{path}: {root} belongs to {sorted(RUNTIME_MODULES[root])}")
    return problems


def is_allowed(package: str, name: str) -> bool:
    """May `package` import `torchferry.<name>`?"""
    allowed = MAY_IMPORT.get(package, set()) | EVERYWHERE | {package}
    return any(name == entry or name.startswith(entry + ".") for entry in allowed)


PYTHON_FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", PYTHON_FILES)
def test_a_module_imports_only_what_its_layer_may(path: str) -> None:
    assert python_problems(path, (PACKAGE / path).read_text()) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("compare/verdict.py", "import torch"),
        ("compare/verdict.py", "def f():\n    from torch import nn"),
        ("engines/eager.py", "from torchferry.export import exporter"),
        ("engines/eager.py", "from torchferry import train"),
        ("export/onnx.py", "from torchferry.models.mlp import MLP"),
        ("report/text.py", "import torchferry.cli.main"),
        ("models/mlp.py", "from torchferry.data import load_iris"),
        ("engines/eager.py", "import onnxruntime"),
        ("server/main.py", "import json"),
        ("errors.py", "from torchferry.bundle import npy"),
        ("compare/kinds/bits.py", "from torchferry.bundle.manifest import Tolerance"),
        ("bundle/npy.py", "from torchferry.compare.verdict import compare"),
    ],
)
def test_a_forbidden_import_is_found(path: str, source: str) -> None:
    assert len(python_problems(path, source)) == 1


def includes(source: str) -> list[tuple[str, str]]:
    """`<` or `"` with the name of each include."""
    return re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', source, re.MULTILINE)


def cpp_problems(path: str, source: str) -> list[str]:
    """What the file at `path` (inside cpp/) includes against the rules."""
    folder = path.partition("/")[0]
    if folder not in CPP_MAY_INCLUDE:
        return [f"{path}: cpp/{folder} stands in no table: say what it may include"]
    problems = []
    for mark, name in includes(source):
        if RUNTIME_HEADERS.match(name) and folder != "engines":
            problems.append(f"{path}: {name}: only cpp/engines may include a runtime")
        if folder == "include" and not PUBLIC_THIRD_PARTY.fullmatch(name):
            problems.append(f"{path}: {name}: a public header includes the standard library only")
        if folder == "examples" and name in GENERATED_HEADERS:
            continue
        if mark == '"' and not any(finds(other, path, name) for other in CPP_MAY_INCLUDE[folder] | {folder}):
            problems.append(f"{path}: {name} is not of {sorted(CPP_MAY_INCLUDE[folder] | {folder})}")
    return problems


def finds(folder: str, path: str, name: str) -> bool:
    """Is `name`, included from `path`, a file of that folder?"""
    inside = (CPP / folder).resolve()
    return any(
        candidate.is_file() and inside in candidate.resolve().parents for candidate in ((CPP / path).parent / name, inside / name)
    )


CPP_FILES = sorted(path.relative_to(CPP).as_posix() for end in ("cpp", "hpp", "c", "h") for path in CPP.rglob(f"*.{end}"))


@pytest.mark.parametrize("path", CPP_FILES)
def test_a_cpp_file_includes_only_what_its_layer_may(path: str) -> None:
    assert cpp_problems(path, (CPP / path).read_text()) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("src/session.cpp", "#include <torch/script.h>"),
        ("cli/main.cpp", "# include <ATen/Parallel.h>"),
        ("src/session.cpp", '#include "verbs.hpp"'),
        ("engines/torchscript.cpp", '#include "runner.hpp"'),
        ("engines/torchscript.cpp", '#include "../src/runner.hpp"'),
        ("include/ferry/ferry.hpp", "#include <nlohmann/json.hpp>"),
        ("include/ferry/ferry.hpp", "#include <unistd.h>"),
        ("tools/main.cpp", "#include <vector>"),
    ],
)
def test_a_forbidden_include_is_found(path: str, source: str) -> None:
    assert len(cpp_problems(path, source)) == 1
