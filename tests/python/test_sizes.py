"""No function of the package is longer than 40 lines: what is longer has parts that deserve names."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "python" / "torchferry"
LONGEST = 40  # with its signature and docstring


def test_functions_are_short() -> None:
    functions = [
        (node.end_lineno - node.lineno + 1, f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}")
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
    ]
    assert len(functions) > 1000
    assert [place for lines, place in functions if lines > LONGEST] == []
