"""The pages for who takes over: each walk of CONTRIBUTING.md is made in a copy, and what SECURITY.md claims has a test."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from builders.programs import BUILD, ROOT, run_here

PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "exported/FORMAT.md")
TREE = ("python", "cpp", "tests", "exported", "pyproject.toml")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"`((?:python|cpp|tests|exported|cmake)/[\w./-]+|\w+\.py)`")
PLACEHOLDER = re.compile(r"/(NAME|X|VERB|KIND)\.\w+$")
MAX_LINE = 120


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def walks() -> dict[str, str]:
    """The sections of CONTRIBUTING.md that add something, by their titles."""
    parts = re.split(r"^## (Add an? .*)$", text_of("CONTRIBUTING.md"), flags=re.MULTILINE)[1:]
    return {title: body for title, body in zip(parts[::2], parts[1::2], strict=True) if "red" not in title}


WALKS = walks()


def test_there_is_a_walk_for_each_of_the_six_additions() -> None:
    nouns = ("operator for C", "engine with its format", "verb", "tolerance kind", "quantisation", "field of the bundle")
    assert [re.sub(r"^Add an? ", "", title) for title in WALKS] == list(nouns)


@dataclass(frozen=True)
class Block:
    """A fenced block, and the file that the text before it names last."""

    language: str
    content: str
    file: str | None


def blocks(walk: str) -> list[Block]:
    found, file, end = [], None, 0
    for match in FENCE.finditer(walk):
        named = FILE.findall(walk[end : match.start()].rpartition("\n\n")[0].rpartition("\n\n")[2] or walk[end : match.start()])
        file = named[-1] if named else file
        found.append(Block(match[1], match[2], file))
        end = match.end()
    return found


def made_by(walk: str) -> set[str]:
    """The files that a walk makes: those whose whole content it shows."""
    return {block.file for block in blocks(walk) if block.language in ("python", "c", "cpp") and block.file}


@pytest.mark.parametrize("title", WALKS)
def test_every_file_that_a_walk_names_exists(title: str) -> None:
    named = {path for path in FILE.findall(WALKS[title]) if not PLACEHOLDER.search(path)} - made_by(WALKS[title])
    named -= {path for path in named if "/" not in path}
    assert len(named) >= 3
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("title", WALKS)
def test_every_folder_of_a_placeholder_exists(title: str) -> None:
    for path in FILE.findall(WALKS[title]):
        if PLACEHOLDER.search(path):
            assert (ROOT / path).parent.is_dir(), path


def copied_tree(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "mnist*")
    for name in TREE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copyfile(source, folder / name)
    write_programs(folder)
    return folder


def changed(text: str, diff: str) -> str:
    """Apply a block of ` `, `-` and `+` lines, whose old lines stand in the text once; ` ...` stands for the rest of a line."""
    old = [line[1:] for line in diff.splitlines() if line[:1] in " -"]
    new = [line[1:] for line in diff.splitlines() if line[:1] in " +"]
    pattern = "\n".join(rest_of(line) for line in old)
    found = list(re.finditer(rf"^{pattern}$", text, re.MULTILINE))
    assert len(found) == 1, f"{len(found)} places for:\n{diff}"
    rests = iter(found[0].groups())
    lines = [line[:-4] + next(rests) if line.endswith(" ...") else line for line in new]
    return text[: found[0].start()] + "\n".join(lines) + text[found[0].end() :]


def rest_of(line: str) -> str:
    return re.escape(line[:-4]) + r"(.*)" if line.endswith(" ...") else re.escape(line)


def write_programs(folder: Path) -> None:
    """`ferry` and `python` of the copy."""
    (folder / "bin").mkdir()
    for name, words in (("ferry", "-m torchferry"), ("python", "")):
        (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
        (folder / "bin" / name).chmod(0o755)


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line in the copy."""
    paths = os.pathsep.join(str(folder / name) for name in ("python", "tests", "."))
    env = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": paths}
    return subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("title", WALKS)
def test_every_example_passes(title: str, tmp_path: Path) -> None:
    folder = copied_tree(tmp_path)
    printed, ran, touched = "", 0, set()
    for block in blocks(WALKS[title]):
        if block.language == "sh":
            printed = ""
            for command in block.content.replace("\\\n", " ").splitlines():
                done = shell(command, folder)
                printed += done.stdout
                ran += 1
                assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
        elif block.language == "text":
            assert printed.endswith(block.content)  # the last lines are shown
        else:
            assert block.file is not None
            apply(block, folder / block.file)
            touched.add(block.file)
    assert ran >= 1
    assert compile_errors(folder, touched) == []


def apply(block: Block, path: Path) -> None:
    if block.language == "diff":
        path.write_text(changed(path.read_text(), block.content))
    else:
        assert not path.exists(), f"{path}: the walk makes it anew"
        path.write_text(block.content)


def compile_errors(folder: Path, touched: set[str]) -> list[str]:
    """The compiler's errors in the C++ sources that a walk changes, under the flags of a file beside each."""
    errors = []
    for name in sorted(touched):
        if name.endswith(".cpp"):
            command = [word.replace(str(ROOT / "cpp"), str(folder / "cpp")) for word in flags_of(name)]
            done = subprocess.run(
                [*command, "-fsyntax-only", str(folder / name)], cwd=BUILD, capture_output=True, text=True, check=False
            )
            errors += [done.stderr] if done.returncode else []
    return errors


def flags_of(name: str) -> list[str]:
    """The compiler's words for a file, or for another of its folder."""
    path = BUILD / "compile_commands.json"
    assert path.exists(), f"{path} is missing; run `make build` first"
    entries = {Path(entry["file"]): entry["command"] for entry in json.loads(path.read_text())}
    beside = [command for file, command in entries.items() if file.parent == (ROOT / name).parent]
    words = shlex.split(entries.get(ROOT / name, beside[0]))
    return [word for word in words[: words.index("-o")] if not word.endswith("ccache")]


def test_a_file_whose_walk_is_out_of_date_is_found() -> None:
    with pytest.raises(AssertionError, match="0 places"):
        changed("a\nb\n", "-c\n+d\n")
    with pytest.raises(AssertionError, match="2 places"):
        changed("a\na\n", "-a\n+d\n")
    assert changed("a = (1, 2)\n", "-a = (1, ...\n+a = (0, 1, ...\n") == "a = (0, 1, 2)\n"


def names_of_tests(path: Path) -> set[str]:
    if path.suffix == ".cpp":
        return {match[1] for match in re.finditer(r"^TEST\w*\(\w+, (\w+)\)", path.read_text(), re.MULTILINE)}
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


NAMED_TEST = re.compile(r"`(tests/[\w./]+)::(\w+)`")


def test_every_test_that_security_names_exists() -> None:
    named = NAMED_TEST.findall(text_of("SECURITY.md"))
    assert len(named) >= 50
    assert [f"{path}::{name}" for path, name in named if name not in names_of_tests(ROOT / path)] == []


def test_every_claim_of_what_is_checked_names_a_test() -> None:
    claims = re.findall(r"^- .*\n.*$", text_of("SECURITY.md"), re.MULTILINE)
    assert len(claims) >= 30
    assert [claim for claim in claims if not NAMED_TEST.search(claim.partition("\n")[2])] == []


def test_security_and_readme_speak_of_every_engine() -> None:
    from torchferry.formats import registry

    engines = {row.engine for row in registry.FORMATS}
    titles = set(re.findall(r"`([\w-]+)`", " ".join(re.findall(r"^### (.*)$", text_of("SECURITY.md"), re.MULTILINE))))
    rows = set(re.findall(r"^\| `([\w-]+)`", text_of("README.md"), re.MULTILINE))
    assert engines <= titles
    assert engines == rows


def test_the_readme_says_of_each_engine_what_security_says() -> None:
    from torchferry.formats import registry

    assert "| what it trusts |" in text_of("README.md")
    rows = {match[1]: match[2] for match in re.finditer(r"^\| `([\w-]+)`.*\| ([^|]*) \|$", text_of("README.md"), re.MULTILINE)}
    for row in registry.FORMATS:
        assert ("--allow-native" in rows[row.engine]) == row.native_code, row.engine
        assert ("door" in rows[row.engine]) != row.native_code, row.engine


def keys_after(line: str) -> set[str]:
    """The keys of the table of FORMAT.md that follows a line."""
    table = text_of("exported/FORMAT.md").partition(f"{line}\n\n|")[2].partition("\n\n")[0]
    return {key for row in table.splitlines()[2:] for key in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_the_field_tables_of_verdicts_have_the_keys_that_verify_prints() -> None:
    done = run_here("verify", ROOT / "exported" / "iris-adaline", "--engine", "onnxruntime", "--json")
    printed = json.loads(done.stdout)
    start = '`verify --json` prints one object. Numbers that are not finite are the strings `"nan"`, `"inf"` and `"-inf"`.'
    assert keys_after(start) == set(printed)
    assert keys_after("An object of `engines`:") == set(printed["engines"][0])
    assert keys_after("An object of `verdicts`:") == set(printed["engines"][0]["verdicts"][0])


def slugs(page: str) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", re.sub(FENCE, "", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(FENCE, "", text_of(page))):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        place = (ROOT / page).parent / path if path else ROOT / page
        assert place.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in slugs(str(place.relative_to(ROOT))), f"{page}: {target}"


def test_the_readme_is_short() -> None:
    assert len(text_of("README.md").splitlines()) <= 160


@pytest.mark.parametrize("page", PAGES)
def test_lines_of_prose_and_of_tables_are_short(page: str) -> None:
    lines = re.sub(FENCE, "", text_of(page)).splitlines()
    assert [line[:60] for line in lines if len(line) > MAX_LINE] == []
