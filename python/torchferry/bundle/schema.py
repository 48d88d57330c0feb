"""The JSON Schema of manifest.json, generated from its models: `python -m torchferry.bundle.schema exported/manifest.schema.json`.

The schema says what JSON Schema can say: keys, types, patterns, limits. What ties one part of a manifest to another
(unique names, symbols, a tolerance for every output) is said by FORMAT.md and held by both readers alone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from torchferry.bundle.manifest import FORMAT_VERSION, Manifest

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def manifest_schema() -> dict[str, Any]:
    """Return the schema as an object, draft 2020-12."""
    schema: dict[str, Any] = Manifest.model_json_schema()
    _close(schema)
    schema["$schema"] = DIALECT
    schema["title"] = f"manifest.json of a torchferry bundle, format version {FORMAT_VERSION}"
    return schema


def schema_text() -> str:
    """Return the bytes of exported/manifest.schema.json."""
    return json.dumps(manifest_schema(), sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def _close(node: object) -> None:
    """Refuse keys that match no pattern (pydantic leaves such objects open) and drop the titles, which repeat the keys."""
    if isinstance(node, dict):
        if "patternProperties" in node:
            node["additionalProperties"] = False
        if isinstance(node.get("title"), str):
            del node["title"]
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _close(child)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
