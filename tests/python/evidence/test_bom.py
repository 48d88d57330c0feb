"""The bill of materials: valid by CycloneDX's own schema, complete, and the same each time."""

from __future__ import annotations

import hashlib
import json
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from builders.bundles import edit_manifest, fill_bundle
from builders.programs import ROOT, run_here
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode
from torchferry.evidence.bom import make_bom

DIGITS = ROOT / "exported" / "digits-mlp"


def problem(text: str) -> object:
    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)


def bom_of(bundle: Path) -> dict[str, Any]:
    text = make_bom(open_bundle(bundle))
    assert problem(text) is None
    value: dict[str, Any] = json.loads(text)
    return value


def by_type(bom: dict[str, Any], kind: str) -> dict[str, Any]:
    return {one["name"]: one for one in bom["components"] if one["type"] == kind}


def test_the_schema_takes_it_and_can_refuse(reference_bundle: Path) -> None:
    bom = bom_of(reference_bundle)
    bom["metadata"]["component"]["modelCard"]["accuracy"] = 1
    assert problem(json.dumps(bom)) is not None


def test_every_file_has_its_own_digest() -> None:
    files = by_type(bom_of(DIGITS), "file")
    assert len(files) == 24
    for name, one in files.items():
        assert one["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256((DIGITS / name).read_bytes()).hexdigest()}]


def test_the_model_has_its_card_with_the_figures_of_the_manifest() -> None:
    model = bom_of(DIGITS)["metadata"]["component"]
    training = json.loads((DIGITS / "manifest.json").read_text())["training"]
    assert (model["type"], model["name"]) == ("machine-learning-model", "digits-mlp")
    assert model["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    card = model["modelCard"]
    assert {row["type"]: float(row["value"]) for row in card["quantitativeAnalysis"]["performanceMetrics"]} == training["metrics"]
    (image,) = card["modelParameters"]["inputs"]
    assert image["format"].startswith("image: uint8[N,8,8], 0 to 16")
    assert card["modelParameters"]["datasets"] == [{"ref": "dataset:digits"}]


def test_libraries_have_version_and_licence_of_what_is_installed() -> None:
    libraries = by_type(bom_of(DIGITS), "library")
    assert set(libraries) == {"torch", "onnx"}
    onnx = libraries["onnx"]
    assert onnx["purl"] == f"pkg:pypi/onnx@{onnx['version']}"
    if onnx["version"] == metadata.version("onnx"):
        assert onnx["licenses"] == [{"license": {"id": "Apache-2.0"}}]


def test_a_version_that_is_not_here_has_no_guessed_licence(bundle_copy: Path) -> None:
    edit_manifest(bundle_copy, lambda value: value["artifacts"][1].update(producer="onnx 0.0.1, by hand"))
    onnx = by_type(bom_of(bundle_copy), "library")["onnx"]
    assert onnx["version"] == "0.0.1"
    assert "licenses" not in onnx
    assert onnx["properties"][0]["value"].startswith("unknown: ")


def test_run_commit_and_data_set_come_from_the_metadata(bundle_copy: Path) -> None:
    said = {"run": "wandb/42", "commit": "abc123", "dataset": "digits-v2", "licence": "LicenseRef-ours", "version": "7"}
    edit_manifest(bundle_copy, lambda value: value.update(metadata=said))
    bom = bom_of(bundle_copy)
    model = bom["metadata"]["component"]
    properties = {one["name"]: one["value"] for one in model["properties"]}
    assert {f"torchferry:metadata:{key}": value for key, value in said.items()}.items() <= properties.items()
    assert model["version"] == "7"
    assert set(by_type(bom, "data")) == {"digits", "digits-v2"}


def test_a_bundle_without_training_or_metadata_has_a_bill_too(tmp_path: Path) -> None:
    fill_bundle(tmp_path)
    card = bom_of(tmp_path)["metadata"]["component"]["modelCard"]
    assert "quantitativeAnalysis" not in card


def test_equal_bundles_have_equal_bills_and_others_another_number(
    bundle_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    for name, bundle in (("a", DIGITS), ("b", bundle_copy)):
        assert run_here("bom", bundle, "-o", tmp_path / name).code == ExitCode.OK
    first = (tmp_path / "a").read_bytes()
    assert first == (tmp_path / "b").read_bytes()
    assert "timestamp" not in json.loads(first)["metadata"]
    edit_manifest(bundle_copy, lambda value: value["metadata"].update(run="2"))
    serial = json.loads(first)["serialNumber"]
    assert uuid.UUID(serial.removeprefix("urn:uuid:")).version == 5
    assert bom_of(bundle_copy)["serialNumber"] != serial


def test_the_time_is_that_of_source_date_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert run_here("bom", DIGITS, "-o", tmp_path / "a").code == ExitCode.OK
    assert json.loads((tmp_path / "a").read_text())["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    done = run_here("bom", DIGITS, "-o", tmp_path / "b")
    assert (done.code, done.stderr.count("\n"), (tmp_path / "b").exists()) == (ExitCode.USAGE, 1, False)


def test_texts_of_a_bundle_stay_texts(bundle_copy: Path) -> None:
    evil = '"}], "components": [], "x": "\x1b[2J'
    edit_manifest(bundle_copy, lambda value: value.update(metadata={"run": evil}))
    properties = bom_of(bundle_copy)["metadata"]["component"]["properties"]
    assert {"name": "torchferry:metadata:run", "value": evil} in properties
