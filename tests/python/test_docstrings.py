"""Docstrings of the public functions: a verb comes first, functions on arrays name shapes, those that raise FerryError say so.

ruff's rule D401 holds the imperative for words that it knows; it takes every other word, a formula for instance.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "torchferry"

ARRAY = re.compile(r"\b(Array|NDArray|Tensor|Floats|Float64|Doubles|Integers|Bounded|Outputs)\b")
SHAPE = re.compile(r"\[[^\]]*\]|\bshapes?\b|element by element|\bbroadcast\b|\bscalar\b", re.IGNORECASE)
VERB = re.compile(r"[A-Z][a-z]+(?<!s)\b|[A-Z][a-z]+ss\b")
NO_VERBS = {"The", "An", "One", "No", "All", "Every", "Each", "Any", "What", "Why", "How", "Where", "Which", "When", "Of", "For",
            "From", "Per", "Both", "New", "Same", "Size", "Mean", "Median", "Loss", "Batch", "Value", "Column"}  # fmt: skip
RAISES = re.compile(r"\bRaises? (FerryError|what)\b")


@dataclass(frozen=True)
class Function:
    """A public function or method, where it stands, and its docstring."""

    place: str
    node: ast.FunctionDef
    text: str

    @property
    def types(self) -> str:
        """The annotations of its arguments and of what it returns."""
        arguments = self.node.args
        given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        annotations = [argument.annotation for argument in given if argument is not None] + [self.node.returns]
        return " ".join(ast.unparse(annotation) for annotation in annotations if annotation is not None)

    @property
    def is_property(self) -> bool:
        """Is it read like a value? Its docstring then says what the value is."""
        return any("property" in ast.unparse(decorator) for decorator in self.node.decorator_list)

    @property
    def raises(self) -> bool:
        """Does the function itself raise a FerryError, or what another one makes?"""
        raised = [node.exc for node in ast.walk(self.node) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
        return any(ast.unparse(exception.func) in ("FerryError", "refuse") for exception in raised)


def functions_of(source: str, where: str) -> Iterator[Function]:
    def walk(body: list[ast.stmt]) -> Iterator[Function]:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from walk(node.body)
            elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield Function(f"{where}:{node.lineno} {node.name}", node, ast.get_docstring(node) or "")

    yield from walk(ast.parse(source).body)


def found() -> list[Function]:
    paths = sorted(PACKAGE.rglob("*.py"))
    return [function for path in paths for function in functions_of(path.read_text(), str(path.relative_to(PACKAGE)))]


def without_shape(functions: list[Function]) -> list[str]:
    return [one.place for one in functions if ARRAY.search(one.types) and not SHAPE.search(one.text)]


def without_error(functions: list[Function]) -> list[str]:
    return [one.place for one in functions if one.raises and not RAISES.search(one.text)]


def without_verb(functions: list[Function]) -> list[str]:
    words = [(one, VERB.match(one.text)) for one in functions if one.text and not one.is_property]
    return [f"{one.place}: {one.text[:30]}" for one, word in words if word is None or word[0] in NO_VERBS]


def test_functions_begin_with_a_verb() -> None:
    assert without_verb(found()) == []


@pytest.mark.parametrize(
    "text", ["The sum.", "Integers of x.", "x * x.", "Raises FerryError.", "A line.", "2 lines.", "`x` moved."]
)
def test_another_beginning_is_found(text: str) -> None:
    assert without_verb(list(functions_of(f'def f() -> int:\n    """{text}"""\n', "here"))) != []


def test_functions_on_arrays_name_shapes() -> None:
    assert without_shape(found()) == []


def test_functions_that_raise_say_so() -> None:
    assert without_error(found()) == []


def test_the_rooms_are_read() -> None:
    functions = found()
    assert len(functions) > 300
    assert sum(bool(ARRAY.search(one.types)) for one in functions) > 80
    assert sum(one.raises for one in functions) > 60


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ('def double(x: Array) -> Array:\n    """Return twice x."""\n', (1, 0)),
        ('def double(x: Array) -> Array:\n    """Return twice x [N, ...]."""\n', (0, 0)),
        ('def check(x: int) -> None:\n    """Check x."""\n    raise FerryError(ExitCode.USAGE, "x")\n', (0, 1)),
        (
            'def check(x: int) -> None:\n    """Check x. Raises FerryError(USAGE)."""\n    raise FerryError(ExitCode.USAGE, "x")\n',
            (0, 0),
        ),
        ('class One:\n    def run(self, x: Tensor) -> None:\n        """Run."""\n', (1, 0)),
    ],
)
def test_what_is_missing_is_found(source: str, missing: tuple[int, int]) -> None:
    functions = list(functions_of(source, "here"))
    assert (len(without_shape(functions)), len(without_error(functions))) == missing
