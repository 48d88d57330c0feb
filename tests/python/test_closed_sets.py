"""Closed sets are matched to the end: a new member in a copy of the tree, and mypy and the compiler name every place that decides."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders.programs import BUILD, ROOT

DECIDING = ("bundle", "compare", "report", "samples", "fleet", "attest", "proof")  # the packages whose code decides by a member
# A set: where it stands, its definition, the same with one member more, and how often each file decides by its members.
PYTHON = {
    "kind": (
        "compare/kinds/__init__.py",
        '["bits", "absolute", "label"]',
        '["bits", "absolute", "label", "relative"]',
        {"compare/kinds/__init__.py": 1, "attest/report.py": 2, "fleet/level.py": 1},
    ),
    "dtype": ("bundle/dtype.py", '"float16", "bfloat16"]', '"float16", "bfloat16", "float8"]', {"bundle/dtype.py": 3}),
    "family": (
        "bundle/dtype.py",
        '["bool", "integer", "float"]',
        '["bool", "integer", "float", "complex"]',
        {"samples/arrow.py": 2, "samples/cells.py": 1, "samples/json_lines.py": 1, "samples/text.py": 1},
    ),
    "status": (
        "compare/status.py",
        '["passed", "failed", "unavailable"]',
        '["passed", "failed", "unavailable", "timeout"]',
        {"compare/status.py": 3, "fleet/level.py": 1},
    ),
    "level": (
        "fleet/level.py",
        'Level = Literal["bits", "bound", "failed", "unavailable"]',
        'Level = Literal["bits", "bound", "failed", "unavailable", "near"]',
        {"fleet/level.py": 1},
    ),
    "reference": ("bundle/manifest.py", '["float32", "float64"]', '["float32", "float64", "exact"]', {"bundle/golden.py": 1}),
    "origin": (
        "bundle/manifest.py",
        '["given", "stress", "stream"]',
        '["given", "stress", "stream", "drawn"]',
        {"bundle/manifest.py": 1},
    ),
}
CPP_HEADERS = "include/ferry"
CPP = {
    "kind": ("enum class ToleranceKind { bits, absolute, label", ", relative", {"src/kinds/kind.cpp": 2}),
    "dtype": (
        "bfloat16 = 9",
        ", float8 = 10",
        {
            "src/dtype.hpp": 2,
            "src/tensor.cpp": 3,
            "src/npy_header.cpp": 1,
            "src/contract.cpp": 3,
            "src/compare.cpp": 1,
            "cli/csv_cell.cpp": 1,
            "cli/json_input.cpp": 1,
            "cli/elements.hpp": 1,
        },
    ),
    "status": ("enum class Status { passed, failed, unavailable", ", timeout", {"src/status.hpp": 4}),
    "reference": ("enum class Reference { float32, float64", ", exact", {"src/reference.hpp": 3}),
    "origin": ("enum class CaseOrigin { given, stress, stream", ", drawn", {"src/case_origin.hpp": 3}),
}


def run_mypy(folder: Path) -> list[str]:
    """The errors in the packages that decide by a member; what they import is read and not judged."""
    pytest.importorskip("mypy")
    packages = [f"python/torchferry/{name}" for name in DECIDING]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--follow-imports=silent", "--no-error-summary", *packages],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.mark.slow
def test_mypy_names_every_place_that_a_new_member_needs(tmp_path: Path) -> None:
    """All sets get their member in one copy: the message of each place says which member it lacks."""
    shutil.copytree(ROOT / "python", tmp_path / "python", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    for where, before, after, _ in PYTHON.values():
        path = tmp_path / "python" / "torchferry" / where
        source = path.read_text()
        assert source.count(before) == 1
        path.write_text(source.replace(before, after))
    errors = [line.removeprefix("python/torchferry/") for line in run_mypy(tmp_path) if '"assert_never"' in line]
    for _, _, after, expected in PYTHON.values():
        member = re.findall(r'"(\w+)"', after)[-1]
        named = [line.partition(":")[0] for line in errors if f"Literal['{member}']" in line]
        assert {file: named.count(file) for file in named} == expected, errors
    assert len(errors) == sum(sum(expected.values()) for *_, expected in PYTHON.values())


@pytest.fixture(scope="module")
def commands() -> dict[str, list[str]]:
    """The compiler's command for each file of cpp/src and cpp/cli."""
    path = BUILD / "compile_commands.json"
    assert path.exists(), f"{path} is missing; run `make build` first"
    found = {}
    for entry in json.loads(path.read_text()):
        file = Path(entry["file"])
        if file.is_relative_to(ROOT / "cpp"):
            words = shlex.split(entry["command"])
            found[file.relative_to(ROOT / "cpp").as_posix()] = words[: words.index("-o")]
    return found


def deciding_files() -> list[str]:
    """The sources that hold a `switch`, and those that include a header that does: a template is named where it is used."""
    names = [
        path.relative_to(ROOT / "cpp").as_posix() for folder in ("src", "cli") for path in (ROOT / "cpp" / folder).rglob("*.cpp")
    ]
    texts = {name: (ROOT / "cpp" / name).read_text() for name in names}
    found = [name for name, text in texts.items() if re.search(r"\bswitch \(", text)]
    for header in (path for path in (ROOT / "cpp").rglob("src/*.hpp") if re.search(r"\bswitch \(", path.read_text())):
        found += [name for name, text in texts.items() if f'#include "{header.name}"' in text]
    return sorted(set(found))


def compiler_errors(commands: dict[str, list[str]], tree: Path) -> Iterator[str]:
    """`file: value: function` of each enumerator that a switch leaves out, each once."""
    seen = set()
    for name in deciding_files():
        words = [word.replace(str(ROOT / "cpp"), str(tree)) for word in commands[name] if word != "ccache"]
        command = [
            Path(words[0]).name if words[0].endswith("ccache") else words[0],
            *words[1:],
            "-Wno-error",
            "-Wswitch",
            "-fsyntax-only",
        ]
        done = subprocess.run(
            [*command, str(tree / name)], cwd=BUILD, capture_output=True, text=True, timeout=300, check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
        )  # fmt: skip
        for place in re.findall(
            r"^(\S+?:\d+):\d+: (?:error|warning): enumeration value .(\w+). not handled in switch", done.stderr, re.MULTILINE
        ):
            file = Path(place[0].rpartition(":")[0])
            line = f"{file.resolve().relative_to(tree.resolve()).as_posix()}:{place[0].rpartition(':')[2]} {place[1]}"
            if line not in seen:
                seen.add(line)
                yield line


@pytest.mark.slow
def test_the_compiler_names_every_place_that_a_new_member_needs(commands: dict[str, list[str]], tmp_path: Path) -> None:
    tree = Path(shutil.copytree(ROOT / "cpp", tmp_path / "cpp"))
    for before, more, _ in CPP.values():
        [header] = [path for path in (tree / CPP_HEADERS).iterdir() if before in path.read_text()]
        header.write_text(header.read_text().replace(before, before + more))
    errors = list(compiler_errors(commands, tree))
    for _, more, expected in CPP.values():
        member = more.split()[1]
        files = [line.partition(":")[0] for line in errors if line.endswith(f" {member}")]
        assert {file: files.count(file) for file in files} == expected, errors


# A member asked for by name outside these switches: whatever is no such member falls through. `== "passed"` fails closed.
FALLBACKS = {
    **dict.fromkeys(
        [f"python/torchferry/{name}" for name in (*DECIDING, "cli/verify.py", "cli/report.py", "cli/inspect.py")],
        r"\.kind (==|!=|in) |\[.kind.\] (==|!=|in) |\.get\(\w+\.(kind|status|reference)|status (!=|in) |status == .(failed|un)|dtype\.(startswith|kind)",
    ),
    **dict.fromkeys(["cpp/src", "cpp/cli"], r"[!=]= (ToleranceKind|EngineVerdict::Status|Status)::|(ToleranceKind|Status)::\w+ [!=]="),
}  # fmt: skip


@pytest.mark.parametrize("place", FALLBACKS)
def test_no_decision_falls_back_to_another_member(place: str) -> None:
    root = ROOT / place
    found = []
    for path in sorted(root.rglob("*.*pp")) + sorted(root.rglob("*.py")) if root.is_dir() else [root]:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(FALLBACKS[place], line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []
