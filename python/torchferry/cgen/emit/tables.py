"""Constant arrays as C text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.cgen.text import OWN, literal
from torchferry.cgen.values import DType

WIDTH = 128
TABLE = f"{OWN}{OWN}TABLE"  # where constants lie: kernels/compiler.c


def wrap(items: Iterable[str], indent: str = "    ") -> str:
    """Join items by commas, in lines of at most 128 characters."""
    lines, line = [], indent
    for item in items:
        if len(line) + len(item) + 2 > WIDTH:
            lines.append(line.rstrip())
            line = indent
        line += f"{item}, "
    lines.append(line.rstrip().rstrip(","))
    return "\n".join(lines)


def wrap_code(text: str) -> str:
    """Break lines of code that are too long after a comma, those of macros too; of a comment after a word. One with a string literal stays as it is."""
    return "\n".join(line if len(line) <= WIDTH or '"' in line else _broken(line) for line in text.split("\n"))


def _broken(line: str) -> str:
    if line.startswith(" *   "):  # a table
        return line
    if line.startswith(" * "):
        return "\n".join(textwrap.wrap(line, WIDTH, subsequent_indent=" * ", break_long_words=False, break_on_hyphens=False))
    body, end = (line.removesuffix(" \\"), " \\") if line.endswith(" \\") else (line, "")
    indent, width = " " * (len(body) - len(body.lstrip()) + 4), WIDTH - len(end)
    parts = []
    while len(body) > width and ", " in body[len(indent) : width - 1]:
        at = body.rindex(", ", len(indent), width - 1) + 1
        parts.append(body[:at] + end)
        body = indent + body[at + 1 :]
    return "\n".join([*parts, body + end])


def initializer(array: NDArray[Any]) -> str:
    """Return the elements of an array of any shape in C order, comma separated and wrapped."""
    dtype: DType = "float32" if array.dtype.kind == "f" else "int64"
    return wrap(literal(value, dtype).removeprefix("(").removesuffix(")") for value in array.ravel().tolist())


def print_table(ctype: str, name: str, array: NDArray[Any], comment: str) -> str:
    """Return a static table of an array of any shape in C order, aligned to a cache line.

    C99 has no constant for infinity: a table that has one is written as bits and read as numbers.
    """
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bits = wrap(f"0x{value:08x}u" for value in array.astype(np.float32).view(np.uint32).ravel().tolist())
        union = f"union {{ uint32_t bits[{array.size}]; float numbers[{array.size}]; }}"
        return (
            f"/* {comment} */\nstatic const {TABLE} {union} {name}_bits {OWN}{OWN}ALIGNED = {{{{\n{bits}}}}};\n"
            f"static const {TABLE} float *const {name} = {name}_bits.numbers;\n"
        )
    return f"/* {comment} */\nstatic const {TABLE} {ctype} {name}[{array.size}] {OWN}{OWN}ALIGNED = {{\n{initializer(array)}}};\n"


def c_string(text: str) -> str:
    """Return a string literal in UTF-8: every byte that is not plain ASCII as three octal digits."""
    plain = {ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\?"}
    return '"' + "".join(plain.get(b, chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in text.encode()) + '"'
