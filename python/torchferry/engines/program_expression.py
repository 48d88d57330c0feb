"""The expressions in a torch.export archive: sizes such as `Mul(Integer(2), Symbol('s77', positive=True, integer=True))`.

torch hands them to sympy, which hands them to Python's `eval`. Here they are parsed (`ast.parse` runs nothing) and held to a
grammar without attributes, operators and names of Python:

    expression := NAME(expression, ...) | Integer(n) | Rational(n, n) | Float('digits', precision=n) | Symbol('name', flag=bool, ...)
                | true | false | n
"""

from __future__ import annotations

import ast
import re

_MAX_TEXT = 4000
_MAX_NESTING = 40
_MAX_EXPONENT = 16
_MAX_INTEGER = 1 << 63
_FUNCTIONS = frozenset(
    [
        "Add",
        "Mul",
        "Max",
        "Min",
        "FloorDiv",
        "CleanDiv",
        "CeilDiv",
        "Mod",
        "PythonMod",
        "ModularIndexing",
        "IntTrueDiv",
        "FloatTrueDiv",
        "TruncToFloat",
        "TruncToInt",
        "CeilToInt",
        "FloorToInt",
        "RoundToInt",
        "ToFloat",
        "Identity",
        "Where",
        "Equality",
        "Unequality",
        "GreaterThan",
        "LessThan",
        "StrictGreaterThan",
        "StrictLessThan",
        "And",
        "Or",
        "Not",
        "IsNonOverlappingAndDenseIndicator",
    ]
)
_POWERS = frozenset({"Pow", "PowByNatural", "FloatPow"})
_WORDS = frozenset({"true", "false", "oo", "int_oo"})
_FLAGS = frozenset({"positive", "integer", "nonnegative", "real", "negative", "finite"})
_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_DIGITS = re.compile(r"-?[0-9]{1,40}(\.[0-9]{0,40})?(e[+-]?[0-9]{1,3})?")


def is_symbol(name: str) -> bool:
    """Say whether this can be the name of a size."""
    return _SYMBOL.fullmatch(name) is not None


def check_expression(text: str) -> None:
    """Check a size against the grammar. Raises ValueError for a text outside it."""
    if len(text) > _MAX_TEXT or text.count("(") > len(text) // 4 or _nesting(text) > _MAX_NESTING:
        raise _refusal(text)
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise _refusal(text) from None
    if not _is_expression(tree.body):
        raise _refusal(text)


def _nesting(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _is_expression(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id in _WORDS
    if not isinstance(node, ast.Call):
        return _is_integer(node)
    if not isinstance(node.func, ast.Name):
        return False
    name = node.func.id
    if name in _FUNCTIONS:
        return not node.keywords and all(map(_is_expression, node.args))
    if name in _POWERS:
        return not node.keywords and len(node.args) == 2 and _is_expression(node.args[0]) and _is_exponent(node.args[1])
    return _is_leaf(name, node)


def _is_leaf(name: str, node: ast.Call) -> bool:
    flags = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
    if name == "Symbol":
        is_named = len(node.args) == 1 and _SYMBOL.fullmatch(_string(node.args[0])) is not None
        return is_named and flags.keys() <= _FLAGS and all(type(value) is bool for value in flags.values())
    if name == "Float":
        is_number = len(node.args) == 1 and _DIGITS.fullmatch(_string(node.args[0])) is not None
        precision = flags.get("precision", 53)
        return is_number and flags.keys() <= {"precision"} and type(precision) is int and 0 < precision <= 64
    count = {"Integer": 1, "Rational": 2}.get(name)
    return len(node.args) == count and not flags and all(map(_is_integer, node.args))


def _is_exponent(node: ast.expr) -> bool:
    """Say whether this is a small whole number: a large power would take all memory."""
    inner = node.args[0] if isinstance(node, ast.Call) and _is_expression(node) and node.args else node
    return _is_integer(inner) and abs(ast.literal_eval(inner)) <= _MAX_EXPONENT


def _is_integer(node: ast.expr) -> bool:
    inner = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else node
    return isinstance(inner, ast.Constant) and type(inner.value) is int and inner.value < _MAX_INTEGER


def _string(node: ast.expr) -> str:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else ""


def _refusal(text: str) -> ValueError:
    return ValueError(
        f"got the expression {text[:60]!r}, expected sums, products and comparisons of sizes as torch.export writes them"
    )
