"""Who may import whom (DESIGN.md section 2), read from the sources themselves. These tables are the documentation.

A room is a folder of the package, or a part of one that has its own row. The rows stand in the order of the flow: a room imports
rooms above it, never below, so that there is no circle. A room that stands in no row fails.
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

EVERYWHERE = {"errors", "extras", "installed", "layer_times", "limits", "local_ray", "mixed_builds", "version"}
MAY_IMPORT: dict[str, set[str]] = {
    "formats.registry": set(),  # names only: what a row names is imported when it is needed
    "bundle.dtype": set(),
    "bundle.contract": {"bundle.dtype"},
    "native": {"bundle.dtype"},  # the rest is libferry's
    "compare.kinds": {"bundle.dtype", "bundle.contract"},  # no more of bundle, which imports it
    "bundle": {"compare.kinds"},  # a row of the tolerances keeps its kind's rules
    "compare": {"formats.registry", "bundle"},  # the goldens and tolerances that it compares with
    "samples": {"bundle"},
    "preprocess": set(),
    "engines": {"formats.registry", "bundle"},
    # engines: goldens are computed with the tensors and threads of an engine. compare: a source carries the bounds it is held to.
    # samples: what an input takes of a picture is one question, for files and for what is exported.
    "intake": {"bundle", "compare", "samples", "preprocess", "engines"},
    "cgen": {"formats.registry", "bundle", "compare", "intake"},
    "bounds": {
        "bundle",
        "compare",
        "engines",
        "intake",
        "cgen",
    },  # cgen: what int8 loses is measured by running its graph
    "formats": {
        "formats.registry",
        "bundle",
        "engines",
        "intake",
        "cgen",
    },  # engines: the compiler of C, requirements of a machine
    # intake, formats, bounds: a probe is an artifact that shows its layers, held to a module and to bounds of its own.
    # native: answers, which are no proof, of an engine whose package for Python is slow to import.
    "proof": {"native", "formats.registry", "bundle", "compare", "samples", "engines", "intake", "bounds", "formats"},
    "packages": {"bundle"},
    "score": {"bundle", "samples", "engines", "proof"},
    "serve": {"bundle", "compare", "proof"},  # compare: how far a shadow is from the answer
    "attest": {"bundle", "compare"},
    "fleet": {"bundle", "compare", "attest"},
    "report": {"bundle", "compare", "attest", "fleet", "proof"},
    "evidence": {"bundle", "compare", "proof", "report"},  # its page is that of `ferry report`
    "exporter": {
        "formats.registry",
        "bundle",
        "compare",
        "engines",
        "intake",
        "bounds",
        "proof",
    },  # proof: what was written is replayed
    "course.data": set(),
    "course.models": set(),
    "course.train": {"bundle", "preprocess", "course.data", "course.models"},  # bundle: a recipe knows its model's contract
    "course": {
        "formats.registry",
        "bundle",
        "compare",
        "engines",
        "intake",
        "proof",
        "exporter",
        "course.train",
    },  # a trained model's whole crossing
    # report: the line that a verdict is told by.
    "integrations": {"formats.registry", "bundle", "engines", "proof", "report", "exporter"},
    "cli": {
        "formats.registry",
        "bundle",
        "compare",
        "samples",
        "intake",
        "proof",
        "score",
        "serve",
        "attest",
        "fleet",
        "report",
        "evidence",
        "exporter",
        "packages",
        "integrations",
        "course.train",
        "course",
    },
    "programs": {"cli"},  # the scripts of the wheel
    "__main__": {"programs"},
    "__init__": {"bundle", "compare", "preprocess", "engines", "proof", "exporter"},  # the public API, imported when it is used
}
WITHOUT_TORCH = {
    "formats.registry",
    "native",
    "bundle",
    "compare",
    "samples",
    "attest",
    "fleet",
    "report",
    "evidence",
    "packages",
}
RUNTIME_MODULES = {
    "onnxruntime": {"engines/onnxruntime.py"},
    "executorch": {"engines/executorch.py", "formats/executorch.py"},
}

# A folder of cpp/ -> what its quoted includes may reach besides itself, and which runtimes' headers it may include.
CPP_MAY_INCLUDE: dict[str, set[str]] = {
    "include": set(),
    "src": {"archive", "include", "posix", "windows"},
    "archive": set(),
    "posix": set(),
    "windows": set(),
    "engines": {"archive", "include", "posix", "windows"},
    "cli": {"archive", "include", "posix", "src", "windows"},
    "cell": {"include", "src"},
    "examples": {"include"},
    "bindings": {"include"},
}
GENERATED_HEADERS = {
    "model.h": {"examples"},
    "limits.hpp": {"src", "cli"},
    "engines.hpp": {"src"},
    "examples.hpp": {"cli"},
}  # `ferry export --to c`, cmake/Limits.cmake, cmake/Engines.cmake and cmake/Examples.cmake write them
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


def room_of(name: str) -> str:
    """The longest row that a module stands under: `cgen` for `cgen.ir`, `exporter` for `exporter.api`, else its folder."""
    rows = [row for row in MAY_IMPORT if name == row or name.startswith(row + ".")]
    return max(rows, key=len, default=name.partition(".")[0])


def python_problems(path: str, source: str) -> list[str]:
    """What the module at `path` (inside the package) imports against the rules."""
    room = room_of(path.removesuffix(".py").replace("/", "."))
    if room not in MAY_IMPORT and room not in EVERYWHERE | {"__init__"}:
        return [f"{path}: {room} stands in no table: say what it may import"]
    problems = []
    for name in imports(source):
        root, _, rest = name.partition(".")
        if root == "torchferry" and not is_allowed(room, rest):
            problems.append(f"{path}: {room} must not import {rest}")
        if root in ("torch", "torchvision") and room in WITHOUT_TORCH:
            problems.append(f"{path}: {room} must not import torch")
        if root in RUNTIME_MODULES and path not in RUNTIME_MODULES[root]:
            problems.append(f"{path}: {root} belongs to {sorted(RUNTIME_MODULES[root])}")
    return problems


def row_for(room: str, name: str) -> str:
    """Return the row under which `room` imports `torchferry.<name>`: the folder's, where `room` may import all of that folder."""
    row, folder = room_of(name), name.partition(".")[0]
    return folder if folder in MAY_IMPORT.get(room, set()) | {room} and row not in MAY_IMPORT.get(room, set()) else row


def is_allowed(room: str, name: str) -> bool:
    """May `room` import `torchferry.<name>`?"""
    return row_for(room, name) in MAY_IMPORT.get(room, set()) | EVERYWHERE | {room}


def test_the_rows_go_one_way() -> None:
    seen: set[str] = set()
    for room, allowed in MAY_IMPORT.items():
        assert allowed <= seen, f"{room} imports {sorted(allowed - seen)}, which stand below it"
        seen.add(room)


def test_nobody_but_the_program_imports_cli() -> None:
    assert [room for room, allowed in MAY_IMPORT.items() if "cli" in allowed] == ["programs"]


def test_every_row_is_needed() -> None:
    """A row that allows what nobody does is no documentation."""
    used: dict[str, set[str]] = {room: set() for room in MAY_IMPORT}
    for path in PYTHON_FILES:
        room = room_of(path.removesuffix(".py").replace("/", "."))
        if room in used:
            names = [name.partition(".")[2] for name in imports((PACKAGE / path).read_text()) if name.startswith("torchferry.")]
            used[room] |= {row_for(room, name) for name in names} - EVERYWHERE - {room}
    assert used == MAY_IMPORT


PYTHON_FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", PYTHON_FILES)
def test_a_module_imports_only_what_its_layer_may(path: str) -> None:
    assert python_problems(path, (PACKAGE / path).read_text()) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("compare/verdict.py", "import torch"),
        ("compare/verdict.py", "def f():\n    from torch import nn"),
        ("bundle/reader.py", "import torch"),
        ("compare/verdict.py", "from torchferry.proof.replay import replay"),
        ("engines/eager.py", "from torchferry.exporter import exporter"),
        ("engines/eager.py", "from torchferry.intake import source"),
        ("engines/eager.py", "from torchferry import course"),
        ("engines/c.py", "from torchferry.cgen import generate"),
        ("intake/specs.py", "from torchferry.formats.onnx import FILE"),
        ("bounds/choice.py", "from torchferry.formats import onnx"),
        ("formats/onnx.py", "from torchferry.exporter.exporter import export_bundle"),
        ("formats/onnx.py", "from torchferry.course.models.mlp import MLP"),
        ("proof/replay.py", "from torchferry.exporter.api import export"),
        ("cgen/ir.py", "from torchferry.exporter.api import export"),
        ("report/text.py", "import torchferry.cli.main"),
        ("course/models/mlp.py", "from torchferry.exporter.api import export"),
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
        if folder in GENERATED_HEADERS.get(name, set()):
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
