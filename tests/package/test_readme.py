"""The README runs as printed: its shell commands, its C++ example, its tables."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from builders.documents import looks_like_a_checkout, shell
from builders.programs import BUILD, ROOT

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The README's fenced blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Every shell command of the README, without its comment."""
    lines = [line.partition("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like a clone with the build done, where commands may write."""
    return looks_like_a_checkout(tmp_path_factory.mktemp("readme"))


def test_shows_both_commands_within_20_lines() -> None:
    head = "\n".join(README.splitlines()[:20])
    assert "make demo" in head
    assert "make test" in head


def test_every_make_target_exists() -> None:
    targets = {command.split()[1] for command in commands() if command.startswith("make ")}
    assert {"demo", "test"} <= targets
    for target in sorted(targets):
        subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=True)


def test_every_other_command_runs_in_order(project: Path) -> None:
    ran = [command for command in commands() if command.startswith(("ferry ", "ferry-run ", "echo "))]
    assert len(ran) >= 4
    for command in ran:
        if "mnist" not in command and "cuda" not in command:
            shell(command, project)


def test_the_demo_prints_the_table_that_the_readme_shows(project: Path) -> None:
    shown = next(block for block in blocks("text") if block.startswith("model "))
    printed = shell("ferry demo", project)
    table = printed[printed.index("model ") :]
    assert shape_of(table) == shape_of(shown)
    assert table.count("PASS") == len(table.splitlines()) - 1


def shape_of(table: str) -> list[list[str]]:
    """A table without its figures: they may differ from machine to machine."""
    return [
        [re.sub(r"^[\d.]+(e-?\d+)?$", "0", cell.strip()) for cell in re.split(r"  +", line)]
        for line in table.strip().splitlines()
    ]


def test_the_cpp_example_has_at_most_15_lines_and_runs(project: Path, tmp_path: Path) -> None:
    example = blocks("cpp")[0]
    assert len(example.splitlines()) <= 15
    source, program = tmp_path / "main.cpp", tmp_path / "main"
    source.write_text(example)
    flags = [
        "-std=c++20",
        "-Wall",
        "-Wextra",
        "-Werror",
        f"-I{ROOT}/cpp/include",
        f"-L{BUILD}/lib",
        f"-Wl,-rpath,{BUILD}/lib",
    ]
    subprocess.run(["g++", *flags, str(source), "-lferry", "-o", str(program)], check=True, capture_output=True)
    assert shell(str(program), project) == blocks("text")[2]


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
