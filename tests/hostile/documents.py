"""JSON documents taken apart: every place in them, and copies with one place changed."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Place = tuple[str | int, ...]


def walk(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value of the document with its place, the containers before what they hold."""
    yield place, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from walk(child, (*place, key))


def distinct_places(document: Any) -> list[Place]:
    """The places of a document, of items of an array that hold the same keys only the first."""
    seen: dict[str, Place] = {}
    for place, _ in walk(document):
        seen.setdefault(re.sub(r"\[\d+\]", "[]", key_of(place)), place)
    return list(seen.values())


def key_of(place: Place) -> str:
    """The place as messages write it: `a.b[0].c`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def at(document: Any, place: Place) -> Any:
    """The value at a place."""
    for part in place:
        document = document[part]
    return document


def replaced(document: Any, place: Place, value: Any) -> Any:
    """A copy with another value at a place."""
    return changed(document, place, lambda container, key: container.__setitem__(key, value)) if place else value


def removed(document: Any, place: Place) -> Any:
    """A copy without a key or an item."""
    return changed(document, place, lambda container, key: container.__delitem__(key))


def changed(document: Any, place: Place, change: Callable[[Any, Any], object]) -> Any:
    """A copy after `change(container, last part of the place)`."""
    document = copy.deepcopy(document)
    change(at(document, place[:-1]), place[-1])
    return document


def read_manifest(bundle: Path) -> Any:
    """manifest.json of a bundle as plain JSON."""
    return json.loads((bundle / "manifest.json").read_bytes())


def write_manifest(bundle: Path, document: Any) -> None:
    """Put a document, or text, or bytes in the place of manifest.json."""
    if not isinstance(document, str | bytes):
        document = json.dumps(document, sort_keys=True, indent=1)
    (bundle / "manifest.json").write_bytes(document.encode() if isinstance(document, str) else document)
