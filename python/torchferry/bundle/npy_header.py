"""The header of a `.npy` file: a Python dict literal with the keys descr, fortran_order and shape.

NumPy's own parser takes any literal (`(True,)` as a shape) and fails with errors of many kinds on others; this one takes what
cpp/src/npy_header.cpp takes.
"""

from __future__ import annotations

import ast
import re

_TOKEN = re.compile(
    r"""[ \t\n\r\f]*((?P<string>'[^'"\\\n\r\0]*'|"[^'"\\\n\r\0]*")|True|False|(?:0|[1-9][0-9]*)(?![0-9])|[{}():,])"""
)
_KEYS = {"descr", "fortran_order", "shape"}


def parse_header_dict(text: str) -> tuple[str, bool, tuple[int, ...]]:
    """Return descr, fortran_order and shape. Raises ValueError that says what was expected."""
    problem = ValueError(
        f"got '{text[:60].strip()}', expected a dict of descr, fortran_order and shape (a tuple of whole numbers)"
    )
    tokens, strings = _tokens(text, problem)
    # One bracket pair of each kind, three keys and one string value: what is left to the parser is a flat dict.
    if strings != 4 or [tokens.count(mark) for mark in "{(:"] != [1, 1, 3]:
        raise problem
    try:
        value = ast.literal_eval(" ".join(tokens))
    except (SyntaxError, ValueError):
        raise problem from None
    if not isinstance(value, dict) or set(value) != _KEYS:
        raise problem
    descr, fortran, shape = value["descr"], value["fortran_order"], value["shape"]
    if not isinstance(descr, str) or not isinstance(fortran, bool) or not isinstance(shape, tuple):
        raise problem
    if any(type(dim) is not int for dim in shape):
        raise problem
    return descr, fortran, shape


def _tokens(text: str, problem: ValueError) -> tuple[list[str], int]:
    """Return the tokens of a dict literal, and how many of them are strings. Raises `problem`."""
    tokens, strings, position = [], 0, 0
    text = text.rstrip(" \t\n\r\f")
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise problem
        tokens.append(token[1])
        strings += token["string"] is not None
        position = token.end()
    return tokens, strings
