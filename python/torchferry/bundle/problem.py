"""What a manifest is told that breaks a rule of its models: the words of cpp/src/json.cpp and manifest.cpp, not pydantic's."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_INTEGER, MAX_METADATA_BYTES, MAX_PATH_CHARACTERS, MAX_RANK

Model = TypeVar("Model", bound=BaseModel)
_ADVICE = "export the bundle again"
_PARTS_OF_TYPES = ("constrained-str", "constrained-int", "function-after", "[key]")
_SYMBOL = "[A-Z][A-Za-z0-9_]{0,31}"
_DIM = f"an integer from 0 to 2^53 or a symbol matching {_SYMBOL}"
_PATH = f"a relative path of components matching [A-Za-z0-9_][A-Za-z0-9._-]*, at most {MAX_PATH_CHARACTERS} bytes"
METADATA_TEXT = f"a text of 1 to {MAX_METADATA_BYTES} bytes"
# What pydantic calls an error by its type, where that is enough to say what was expected.
_EXPECTED = {
    "string_type": "a string",
    "string_too_short": "a string that is not empty",
    "bool_type": "true or false",
    "float_type": "a number",
    "model_type": "an object",
    "dict_type": "an object",
    "tuple_type": "an array",
    "list_type": "an array",
}
_VERSIONS = "2 to 3"  # of the manifests that are read; manifest.py, which has them as numbers, imports this file
_INTEGERS = ("int_type", "int_from_float", "greater_than_equal", "less_than_equal")


def read_model(model: type[Model], value: object, where: str, *, what: str, advice: str) -> Model:
    """Return a JSON value as `model`; `where` names its file, `what` it should be and `advice` what to do. Raises FerryError(FORMAT)."""
    if not isinstance(value, dict):
        raise FerryError(ExitCode.FORMAT, f"{where}: got {shown(value)}, expected {what}; {advice}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise FerryError(ExitCode.FORMAT, f"{where}: {first_problem(error, advice)}") from None


def first_problem(error: ValidationError, advice: str = _ADVICE) -> str:
    """Return one line for the first problem, with the key as `a.b[0].c`; `advice` is how it ends."""
    problem = error.errors(include_url=False)[0]
    place = problem["loc"]
    key = _key_of(place[: place.index("range") + 1] if _is_range_of_other_length(problem) else place)
    if problem["type"] == "value_error":
        said = str(problem["ctx"]["error"])  # of the value itself, or of one of its keys
        text = f"{key}{': ' if said.startswith('got ') else '.'}{said}" if key else said
    else:
        text = f"{key}: {_said(problem, key)}" if key else _said(problem, key)
    return f"{text}; {advice}"


def shown(value: object) -> str:
    """Return a value of a document as messages show it."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    return json.dumps(value, ensure_ascii=False, default=str)[:80]


def _key_of(place: tuple[int | str, ...]) -> str:
    key = ""
    for part in place:
        if isinstance(part, int):
            key += f"[{part}]"
        elif part not in _PARTS_OF_TYPES:
            key += f".{part}" if key else part
    return key


def _is_range_of_other_length(problem: Mapping[str, Any]) -> bool:
    return "range" in problem["loc"] and problem["type"] in ("missing", "too_long") and isinstance(problem["input"], tuple | list)


def _said(problem: Mapping[str, Any], key: str) -> str:
    kind, place, given = problem["type"], problem["loc"], problem["input"]
    if _is_range_of_other_length(problem):
        return f"got {len(given)} items, expected null or [min, max]"
    if kind == "missing":
        return "got no such key, expected it"
    if kind == "extra_forbidden":
        return "got an unknown key, expected only those of FORMAT.md"
    if kind == "too_long":
        return _said_too_long(len(given), problem["ctx"]["max_length"], key, "entries" if isinstance(given, dict) else "items")
    if kind == "too_short":
        return f"got {len(given)} items, expected at least {problem['ctx']['min_length']}"
    got = "this key" if "[key]" in place else shown(given)
    return f"got {got}, expected {_expected(problem, key)}"


def _said_too_long(got: int, most: int, key: str, what: str) -> str:
    if key.endswith("shape"):
        return f"got rank {got}, expected rank at most {MAX_RANK}"
    return f"got {got} {what}, expected at most {most}"


def _expected(problem: Mapping[str, Any], key: str) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "literal_error":
        return "one of " + ", ".join(re.findall("'([^']*)'", context["expected"]))
    if kind == "string_pattern_mismatch":
        return _match(context["pattern"])
    if "constrained-int" in problem["loc"] and isinstance(problem["input"], str):
        return _DIM
    if kind in ("string_too_short", "string_too_long") and "metadata" in problem["loc"]:
        return METADATA_TEXT
    if kind == "string_too_long":
        most = context["max_length"]
        return _PATH if most == MAX_PATH_CHARACTERS else f"at most {most} characters"
    if key.endswith(".bound") and kind == "greater_than_equal":
        return "0 or more"
    if kind in _INTEGERS:
        return f"an integer from {_VERSIONS}" if key == "format_version" else f"an integer from 0 to {MAX_INTEGER}"
    return _EXPECTED.get(kind, str(problem["msg"]))


def _match(pattern: str) -> str:
    pattern = pattern.removeprefix("^").removesuffix("$")
    if pattern == "[0-9a-f]{64}":
        return "64 lower-case hex digits"
    if pattern.startswith("(passed|"):
        return 'passed, or a text that begins with "not run: "'
    if pattern == _SYMBOL:
        return _DIM
    return _PATH if "/" in pattern else f"a name matching {pattern}"
