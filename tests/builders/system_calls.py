"""What a program does to the system: the files that it opens, what it writes, starts and connects, told by strace."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

LIMIT_S = 560
_OPENING = ("open", "openat", "openat2", "creat")
_CHANGING = (
    *("mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "rename", "renameat", "renameat2", "link", "linkat", "symlink"),
    *("symlinkat", "chmod", "fchmodat", "truncate", "mknod", "mknodat", "chown", "fchownat", "lchown", "utimensat"),
)
_STARTING = ("execve", "execveat")
_NETWORK = ("socket", "connect", "bind", "listen", "accept", "accept4")
_LINE = re.compile(r"^(?P<call>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\d+)(?:<(?P<path>.*)>)?")
_WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
_TEXT = re.compile(r'(?:(?P<folder>AT_FDCWD|\d+)(?:<(?P<place>[^>]*)>)?, )?"(?P<name>[^"]*)"')


@dataclass
class Trace:
    """The calls of a program and of its children that the kernel carried out; a path is absolute and without links."""

    code: int
    stderr: str
    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    started: list[str] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)


def trace(log: Path, command: list[object], *, cwd: Path, environment: dict[str, str]) -> Trace:
    """Run a program under strace to its end; `log` is a new folder for its notes."""
    log.mkdir()
    calls = ",".join(["?" + call for call in (*_OPENING, *_CHANGING, *_STARTING, *_NETWORK)])
    under = ["strace", "-ff", "-y", "-qq", "-o", str(log / "calls"), "-e", f"trace={calls}", "-e", "signal=none"]
    words = [*under, *map(str, command)]
    done = subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=False
    )
    found = Trace(done.returncode, done.stderr.decode(errors="replace"))
    for path in sorted(log.iterdir(), key=lambda path: int(path.suffix[1:])):
        for line in path.read_text(errors="replace").splitlines():
            _note(found, line, cwd)
    return found


def _note(found: Trace, line: str, cwd: Path) -> None:
    parts = _LINE.match(line)
    if parts is None:
        return
    call, arguments = parts["call"], parts["arguments"]
    if call in _NETWORK:
        found.connections.append(line)  # also one that the kernel refused
    elif int(parts["result"]) < 0:
        return
    elif call in _STARTING:
        found.started.append(_paths(arguments, cwd)[0])
    elif call in _CHANGING:
        found.written.update(_paths(arguments, cwd))
    elif call == "creat" or _WRITES.search(arguments.rpartition('"')[2]):
        found.written.add(parts["path"].removesuffix(" (deleted)"))
    else:
        found.read.add(parts["path"].removesuffix(" (deleted)"))


def _paths(arguments: str, cwd: Path) -> list[str]:
    """Return the paths that a call names, from the folder that it names with each."""
    return [os.path.normpath(Path(found["place"] or cwd, found["name"])) for found in _TEXT.finditer(arguments)]
