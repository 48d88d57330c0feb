"""A user's program may name any one member of a public struct: no compiler warns of the others."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from builders.programs import ROOT

INCLUDE = ROOT / "cpp/include"
OPTIONS = {"TrustOptions", "SessionOptions", "BatcherOptions", "ShadowOptions"}


def structs(header: str) -> dict[str, list[str]]:
    """Return the members of each plain struct of a header, which has a member with a value; others have constructors."""
    found: dict[str, list[str]] = {}
    for name, body in re.findall(r"^struct (\w+) \{\n(.*?)^\};", header, re.DOTALL | re.MULTILINE):
        members = re.findall(r"^  \w[\w:<>, ()&*]* (\w+)(?: = [^;]+|\{[^;{}]+\})?;", body, re.MULTILINE)
        if " = " in body:
            found[name] = members
    return found


def public_structs() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for header in sorted(INCLUDE.glob("ferry/*.hpp")):
        if header.name != "half.hpp":  # a number: nobody names its bits
            found |= structs(header.read_text())
    return found


def program() -> str:
    """Return a program with an object for each member of each struct, which names that member only."""
    headers = sorted(header.name for header in INCLUDE.glob("ferry/*.hpp"))
    lines = [f"#include <ferry/{name}>" for name in headers]
    for name, members in public_structs().items():
        lines += [f"const ferry::{name} {name}_{member}{{.{member} = {{}}}};" for member in members]
    return "\n".join(lines) + "\n"


def test_every_struct_of_options_is_there() -> None:
    found = public_structs()
    assert set(found) > OPTIONS
    assert {"engine", "allow_native", "every", "queue", "on_verdict"} == set(found["ShadowOptions"])
    assert "state" in found["Contract"]


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_one_named_member_brings_no_warning(compiler: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    (tmp_path / "options.cpp").write_text(program())
    flags = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-const-variable", "-fsyntax-only"]
    done = subprocess.run(
        [compiler, *flags, f"-I{INCLUDE}", str(tmp_path / "options.cpp")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
