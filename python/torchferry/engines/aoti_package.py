"""The door in front of a .pt2: what is in the zip is judged here, before any loader sees it. cpp/engines/aoti_package.cpp is its twin.

LibTorch's own loader follows `..` out of its folder, runs a compiler that the archive names, and takes the last of two libraries.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from torchferry.bundle.stored_zip import Rules, entry_refusal, read_members
from torchferry.errors import ExitCode, FerryError

_RULES = Rules(max_entries=1000, only_regular=True)
_COMPONENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_KNOWN = re.compile(
    r"archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id|"
    r"data/aotinductor/model/[A-Za-z0-9_][A-Za-z0-9._-]*\.(?:cpp|json|so)"
)


@dataclass(frozen=True)
class Library:
    """What is loaded from a package: one shared library, and the JSON files that lie beside it."""

    name: str
    files: dict[str, memoryview]


def open_package(path: str, data: bytes) -> Library:
    """Judge a package. Raises FerryError(FORMAT) that names the entry and the rule."""
    try:
        return _judge(data)
    except ValueError as error:
        raise FerryError(ExitCode.FORMAT, f"{path}: {error}; export the bundle again") from None


def _judge(data: bytes) -> Library:
    members = read_members(memoryview(data), _RULES)
    _check_names(sorted(members))
    contents = {name.partition("/")[2]: member.data for name, member in members.items()}
    if bytes(contents.get("archive_format", b"")) != b"pt2":
        raise ValueError("archive_format: got none or another one, expected pt2")
    files = {name.rpartition("/")[2]: content for name, content in contents.items() if name.endswith((".so", ".json"))}
    libraries = [name for name in files if name.endswith(".so")]
    if len(libraries) != 1:
        raise ValueError(f"library: got {len(libraries)} shared libraries, expected exactly one")
    return Library(libraries[0], files)


def _check_names(names: Sequence[str]) -> None:
    root = names[0].partition("/")[0]
    for name in names:
        parts = name.split("/")
        if name.startswith("/") or "\\" in name or ".." in parts or re.match(r"[A-Za-z]:", name):
            raise entry_refusal(name, "a path that leaves the package", "one inside it")
        if parts[0] != root or not _COMPONENT.fullmatch(root) or not _KNOWN.fullmatch(name.partition("/")[2]):
            raise entry_refusal(name, "an entry of no known kind", "those of torch._inductor.aoti_compile_and_package only")
