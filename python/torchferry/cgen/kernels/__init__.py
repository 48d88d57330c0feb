"""The C text of kernels: files that compile alone, whose includes of one another say what each needs.

In a model's C the includes and guards are gone, each file stands once and after what it needs, and `model_` and `MODEL_` are the
model's own prefix.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from torchferry.cgen.text import own

INCLUDE, END = '#include "', '.c"'


@dataclass(frozen=True)
class Kernel:
    """One file: the kernels that it includes, and its text without includes and guard."""

    name: str
    uses: tuple[str, ...]
    text: str


@cache
def kernel(name: str) -> Kernel:
    """Read a file. Raises ValueError where its guard is not `MODEL_KERNEL_NAME`."""
    guard = f"MODEL_KERNEL_{name.upper()}"
    lines = (files(__name__) / f"{name}.c").read_text(encoding="utf-8").splitlines()
    if lines[:2] != [f"#ifndef {guard}", f"#define {guard}"] or lines[-1] != "#endif":
        raise ValueError(f"kernels/{name}.c: got another first or last line, expected the guard {guard}")
    body = lines[2:-1]
    uses = tuple(line.removeprefix(INCLUDE).removesuffix(END) for line in body if line.startswith(INCLUDE))
    text = "\n".join(line for line in body if not line.startswith(INCLUDE)).strip("\n")
    return Kernel(name, uses, own(text) + "\n")


def with_used(names: Iterable[str], printed: Iterable[str] = ()) -> list[Kernel]:
    """Return the kernels and all that they use but those already printed, each after what it uses."""
    seen = set(printed)
    ordered: list[Kernel] = []

    def add(name: str) -> None:
        if name not in seen:
            seen.add(name)
            for used in kernel(name).uses:
                add(used)
            ordered.append(kernel(name))

    for name in names:
        add(name)
    return ordered
