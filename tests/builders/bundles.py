"""Bundles without a training: written from arrays, and changed on disk with or without their digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from builders.contracts import doubling
from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.golden import CaseArrays, write_case
from torchferry.bundle.manifest import FORMAT_VERSION, Accepted, Artifact, Golden, Manifest
from torchferry.bundle.writer import file_entry, write_manifest
from torchferry.compare.tolerance import Bound, tolerances

ACCEPTED = Accepted.of(cpp="not run: a test", python="not run: a test")


def doubled(x: Array) -> dict[str, Array]:
    """What the contract `doubling` promises: `y` = 2 x, `label` = 1 where the row's sum is above 3."""
    return {"y": (2 * x).astype(np.float32), "label": (x.sum(axis=1) > 3).astype(np.int64)}


def doubling_case(name: str = "batch-3", rows: int = 3) -> CaseArrays:
    """A golden case of `doubling`; the values are exact in float32."""
    x = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)
    outputs = doubled(x)
    return CaseArrays(name, {"x": x}, outputs, {"y": outputs["y"].astype(np.float64), "label": outputs["label"]})


def exact_bounds(contract: Contract) -> dict[str, Bound]:
    """No float output may be off at all."""
    return {spec.name: Bound(0.0, "a test") for spec in contract.outputs if spec.dtype.startswith("float")}


def fill_bundle(
    folder: Path,
    *,
    case: CaseArrays | None = None,
    contract: Contract | None = None,
    artifacts: Mapping[str, bytes] | None = None,
    name: str = "doubling",
    bounds: Mapping[str, Bound] | None = None,
) -> Manifest:
    """Write a bundle's files into an existing folder; `artifacts` maps an engine (also its format) to the file's bytes."""
    contract, case = contract or doubling(), case or doubling_case()
    entries = []
    for engine, data in sorted((artifacts or {"onnxruntime": b"not a model"}).items()):
        path = f"model.{engine}"
        (folder / path).write_bytes(data)
        entries.append(
            Artifact(
                format=engine, engine=engine, files=(file_entry(folder, path),), producer="a test", requires={}, accepted=ACCEPTED
            )
        )
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        name=name,
        contract=contract,
        artifacts=tuple(entries),
        golden=Golden(source="synthetic", description="a test", numerics="", cases=(write_case(folder, contract, case),)),
        tolerances=tolerances(contract, [case], [entry.engine for entry in entries], bounds or exact_bounds(contract)),
        training=None,
        metadata={},
    )
    write_manifest(folder, manifest)
    return manifest


def add_native_file(folder: Path, path: str = "native/x86_64-linux-gnu/model.so") -> Path:
    """A native file, listed as the last of the first artifact."""
    (folder / path).parent.mkdir(parents=True)
    (folder / path).write_bytes(b"machine code")
    entry = file_entry(folder, path).model_dump()
    edit_manifest(folder, lambda value: value["artifacts"][0]["files"].append(entry))
    return folder / path


def edit_manifest(folder: Path, change: Callable[[Any], object]) -> None:
    """Change manifest.json as plain JSON."""
    path = folder / "manifest.json"
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value, sort_keys=True, indent=1) + "\n")


def reseal(folder: Path) -> None:
    """Write the sizes and digests of the files as they are now into the manifest: a change that integrity cannot see."""

    def refresh(value: Any) -> None:
        if isinstance(value, dict) and set(value) == {"path", "bytes", "sha256"}:
            data = (folder / value["path"]).read_bytes()
            value.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            refresh(child)

    edit_manifest(folder, refresh)
