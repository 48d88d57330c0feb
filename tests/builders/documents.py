"""Documents that run as printed: their fenced blocks, and a folder that looks like a checkout where commands may write."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from builders.programs import BUILD, ROOT

BIN = Path(sys.executable).parent
# One thread: where other programs use the processors, threads of one step wait for each other for minutes.
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{BUILD / 'bin'}:{BIN}:{os.environ['PATH']}",
    "COLUMNS": "120",
    "OMP_NUM_THREADS": "1",
}
LINKED = (".venv", "python", "tests", "cpp", "Makefile", "README.md", "SECURITY.md")
RUN = ("sh", "python")
FILES = ("c", "cmake", "cpp", "python", "toml", "yaml")  # with a title: written under that name
FENCE = re.compile(r'^```(\w*)(?: title="([^"\n]*)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"\b\d[\d.,]*(e[+-]?\d+)?|[0-9a-f]{16,}")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language ("" for none), its title and its lines."""

    language: str
    title: str
    content: str


def blocks_of(text: str) -> list[Block]:
    """Return the blocks of a page in their order; a fence of another form is an error."""
    found = [Block(match[1], match[2] or "", match[3]) for match in FENCE.finditer(text)]
    marks = len(re.findall(r"^\s*```", text, re.MULTILINE))
    assert 2 * len(found) == marks, f"{marks} fences, of which {2 * len(found)} have the form that the tests know"
    return found


def looks_like_a_checkout(folder: Path) -> Path:
    """Fill a folder so that it looks like a clone with the build done; what commands write stays in it."""
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    (folder / "build").symlink_to(BUILD)
    shutil.copytree(ROOT / "exported", folder / "exported", ignore=shutil.ignore_patterns("mnist*"))
    return folder


def shell(command: str, folder: Path, seconds: int = 900) -> str:
    """Return what a command of bash prints in that folder; any other exit code than 0 is an error."""
    done = subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{command}: exit code {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def without_figures(text: str) -> str:
    """Return a text whose numbers and spaces count for nothing: they may differ from machine to machine."""
    return "\n".join(" ".join(NUMBER.sub("0", line).split()) for line in text.strip().splitlines())


def shows(shown: str, printed: str) -> bool:
    """Is that what was printed? A line `...` stands for any lines."""
    parts = [re.escape(part.strip("\n")) for part in re.split(r"^ *\.\.\. *$", shown.strip("\n"), flags=re.MULTILINE)]
    return re.fullmatch(r"(?s:.*)".join(parts), printed.strip("\n")) is not None


def played(block: Block, folder: Path, printed: str) -> str:
    """Write, run or compare one block; return what was printed last."""
    if block.title and block.language in FILES:
        (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
        (folder / block.title).write_text(block.content)
    elif block.language == "sh":
        return shell(block.content, folder)
    elif block.language == "python":
        return shell("python <<'END_OF_BLOCK'\n" + block.content + "END_OF_BLOCK\n", folder)
    elif block.language == "text" and block.title == "such as":
        assert shows(without_figures(block.content), without_figures(printed)), printed
    elif block.language == "text":
        assert shows(block.content, printed), printed
    else:
        assert block.language in ("", "bash"), f"a block of the language {block.language} is neither run nor a file"
    return printed
