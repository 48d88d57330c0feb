"""exported/manifest.schema.json is what the models say, and a valid schema. What it refuses: tests/hostile."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from torchferry.bundle.schema import DIALECT, manifest_schema, schema_text

EXPORTED = Path(__file__).resolve().parents[3] / "exported"


def test_the_kept_schema_is_the_generated_one() -> None:
    kept = (EXPORTED / "manifest.schema.json").read_text(encoding="utf-8")
    assert kept == schema_text(), "run: python -m torchferry.bundle.schema exported/manifest.schema.json"


def test_the_schema_is_valid_under_its_dialect() -> None:
    assert manifest_schema()["$schema"] == DIALECT
    jsonschema.Draft202012Validator.check_schema(manifest_schema())


@pytest.mark.parametrize("bundle", ["iris-adaline", "digits-mlp"])
def test_the_reference_bundles_are_valid_under_the_schema(bundle: str) -> None:
    jsonschema.Draft202012Validator(manifest_schema()).validate(json.loads((EXPORTED / bundle / "manifest.json").read_bytes()))


OPTIONAL = {"channels", "rate", "state"}  # of pictures, of sound, and of what a stream carries


def test_every_object_of_the_schema_says_which_keys_it_takes() -> None:
    def objects(node: object) -> list[dict[str, object]]:
        found = [node] if isinstance(node, dict) and node.get("type") == "object" else []
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            found += objects(child)
        return found

    for node in objects(manifest_schema()):
        closed = node.get("additionalProperties") is False
        map_of_values = isinstance(node.get("additionalProperties"), dict) and "properties" not in node
        assert closed or map_of_values, node
        assert set(node.get("required", [])) | OPTIONAL == set(node.get("properties", {})) | OPTIONAL  # type: ignore[call-overload]
