"""manifest.json as bytes: how it is read, in this version and the one before, and written (FORMAT.md section 2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from torchferry.bundle.contract import Strict
from torchferry.bundle.manifest import FORMAT_VERSION, NOT_RUN, OLDEST_VERSION, Manifest, Metadata
from torchferry.bundle.problem import first_problem, shown
from torchferry.bundle.strict_json import parse_json
from torchferry.errors import ExitCode, FerryError


class _WithMetadata(Strict):
    metadata: Metadata


def parse_manifest(data: bytes, *, where: str) -> Manifest:
    """Parse manifest.json. `where` names the file in messages. Raises FerryError(FORMAT)."""
    value = parse_json(data, where=where)
    _check_version(value, where)
    try:
        return Manifest.model_validate(_upgraded(value, where))
    except ValidationError as error:
        raise FerryError(ExitCode.FORMAT, f"{where}: {first_problem(error)}") from None


def checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what a user wants to stand in `metadata`, held to its rules. Raises FerryError(USAGE)."""
    try:
        return _WithMetadata(metadata=dict(metadata)).metadata
    except ValidationError as error:
        raise FerryError(ExitCode.USAGE, first_problem(error, "give short texts by such names")) from None


def dump_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of manifest.json in the newest version: UTF-8, sorted keys, a newline at the end."""
    value = {**manifest.model_dump(mode="json", by_alias=True), "format_version": FORMAT_VERSION}
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def _check_version(value: object, where: str) -> None:
    if not isinstance(value, dict):
        raise FerryError(ExitCode.FORMAT, f"{where}: got {shown(value)}, expected one JSON object; export the bundle again")
    version = value.get("format_version")
    if isinstance(version, int | float) and not isinstance(version, bool) and version > FORMAT_VERSION:
        raise FerryError(
            ExitCode.FORMAT,
            f"{where}: format_version: got {version}, expected {OLDEST_VERSION} or {FORMAT_VERSION}; "
            "this bundle is newer than this program: update torchferry",
        )


def _upgraded(value: Any, where: str) -> Any:
    """Return the object with the keys that its version does not have yet. Raises FerryError(FORMAT)."""
    if value.get("format_version") != OLDEST_VERSION:
        return value
    unknown = f"{NOT_RUN}format version {OLDEST_VERSION} does not say where it ran"
    golden = value.get("golden")
    found = dict(value)
    if "contract" in value:
        contract = _added(value["contract"], "samples", "independent", f"{where}: contract")
        found["contract"] = _added(contract, "state", {}, f"{where}: contract")
    if isinstance(value.get("artifacts"), list):
        found["artifacts"] = [
            _added(item, "accepted", {"c++": unknown, "python": unknown}, f"{where}: artifacts[{index}]")
            for index, item in enumerate(value["artifacts"])
        ]
    if isinstance(golden, dict) and isinstance(golden.get("cases"), list):
        cases = [_added(item, "origin", "given", f"{where}: golden.cases[{i}]") for i, item in enumerate(golden["cases"])]
        found["golden"] = {**golden, "cases": cases}
    return found


def _added(value: Any, key: str, default: object, where: str) -> Any:
    """Return an object with a key more; what is no object is refused later, in the words for that."""
    if not isinstance(value, dict):
        return value
    if key in value:
        raise FerryError(
            ExitCode.FORMAT,
            f"{where}.{key}: got a key that format_version {OLDEST_VERSION} does not have; remove it or write format_version {FORMAT_VERSION}",
        )
    return {**value, key: default}
