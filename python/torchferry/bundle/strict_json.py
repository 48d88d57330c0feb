"""JSON as a manifest may hold it: what two readers could take for two things is refused. The C++ twin is cpp/src/json.cpp."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_JSON_DEPTH, MAX_MANIFEST_BYTES


class JsonError(ValueError):
    """What a text has that is not this JSON: `got ..., expected ...`."""


def parse_json(data: bytes, *, where: str, most: int = MAX_MANIFEST_BYTES, advice: str = "export the bundle again") -> object:
    """Return the value of a JSON text of a bundle. `where` names the file in messages, and `advice` is how they end.

    Raises FerryError(FORMAT) for more than `most` bytes, and what `parse_strictly` refuses.
    """
    try:
        if len(data) > most:
            raise JsonError(f"size: got more than {most} bytes, expected at most that")
        return parse_strictly(data)
    except JsonError as problem:
        raise FerryError(ExitCode.FORMAT, f"{where}: {problem}; {advice}") from None


def parse_strictly(data: bytes) -> object:
    """Return the value of a JSON text in which no key stands twice.

    Raises JsonError for other text than UTF-8, brackets nested more than MAX_JSON_DEPTH deep, and numbers that are not finite.
    """
    try:
        text = data.decode("utf-8")
        if text.startswith("\ufeff"):
            raise JsonError("got a byte order mark, expected JSON in UTF-8 without one")
        if _is_too_deep(text):
            raise JsonError(f"nesting: got more than {MAX_JSON_DEPTH} levels, expected at most {MAX_JSON_DEPTH}")
        value = json.loads(
            text, object_pairs_hook=_unique_object, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_integer
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except JsonError:
        raise
    except UnicodeDecodeError:
        raise JsonError("got bytes that are not UTF-8, expected JSON in UTF-8") from None
    except KeyError as error:
        raise JsonError(f"got the key {error.args[0]} twice, expected it once") from None
    except ValueError:  # also a lone surrogate in a string, and a number that float64 cannot hold
        raise JsonError("got invalid JSON, expected one JSON object") from None
    return value


def _is_too_deep(text: str) -> bool:
    """Say whether brackets outside strings nest so deep that a hostile file could exhaust the parser's stack."""
    depth = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', text, re.DOTALL):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if depth > MAX_JSON_DEPTH:
            return True
    return False


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, item in pairs:
        if key in value:
            raise KeyError(key)
        value[key] = item
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"the number {name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:32]} is outside float64")
    return value


def _integer(text: str) -> int | float:
    # Integers beyond 64 bits are floats, as in every JSON reader that has no big integers.
    if len(text) < 20:
        return int(text)
    value = _finite(text)
    return int(text) if abs(value) < 2**63 or text == "-9223372036854775808" else value
