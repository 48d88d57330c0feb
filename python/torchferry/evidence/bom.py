"""A bundle's bill of materials: CycloneDX 1.6 with a model card, from the manifest alone (and licences as installed here).

https://cyclonedx.org/docs/1.6/json/. cyclonedx-python-lib has no model cards yet, so that one is added to what it writes.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Iterator
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from torchferry.bundle.contract import TensorSpec
from torchferry.bundle.digest import sha256_of
from torchferry.bundle.manifest import Manifest, licence_of
from torchferry.bundle.reader import Bundle
from torchferry.evidence.libraries import Library, libraries_of
from torchferry.version import VERSION

_PREFIX = "torchferry:"  # of what CycloneDX has no field for
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def make_bom(bundle: Bundle, made: datetime.datetime | None = None) -> str:
    """Return the bill of materials as JSON. Its serial number is that of the manifest: equal bundles have equal bills.

    `made`: the time to put in; None: none.
    """
    manifest, digest = bundle.manifest, sha256_of(bundle.manifest_json)
    model = _model(manifest, digest)
    parts = [*_datasets(manifest), *map(_library, libraries_of(manifest)), *_files(manifest)]
    ferry = Component(type=ComponentType.APPLICATION, name="ferry", version=VERSION, bom_ref="ferry")
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{digest}"),
        metadata=BomMetaData(component=model, tools=ToolRepository(components=[ferry]), timestamp=made or _EPOCH),
        components=parts,
    )
    bom.register_dependency(model, parts)
    value: dict[str, Any] = json.loads(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string())
    if made is None:
        del value["metadata"]["timestamp"]
    value["metadata"]["component"]["modelCard"] = _model_card(manifest)
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def _model(manifest: Manifest, digest: str) -> Component:
    licence = licence_of(manifest.metadata)
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=manifest.name,
        bom_ref=f"model:{digest}",
        version=manifest.metadata.get("version", digest[:12]),
        hashes=[_sha256(digest)],
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
        description=f"{manifest.golden.source} goldens: {manifest.golden.description}",
        properties=list(_properties(manifest)),
    )


def _properties(manifest: Manifest) -> Iterator[Property]:
    """Yield the free metadata, run and commit among them, and how the weights were trained."""
    for key, value in manifest.metadata.items():
        yield Property(name=f"{_PREFIX}metadata:{key}", value=value)
    yield Property(name=f"{_PREFIX}golden:numerics", value=manifest.golden.numerics)
    if manifest.training is not None:
        training = manifest.training
        yield Property(name=f"{_PREFIX}training:recipe", value=training.recipe)
        yield Property(name=f"{_PREFIX}training:seed", value=str(training.seed))
        yield Property(name=f"{_PREFIX}training:epochs", value=str(training.epochs))
        for key in sorted(training.versions):
            yield Property(name=f"{_PREFIX}training:{key}", value=training.versions[key])


def _dataset_names(manifest: Manifest) -> list[str]:
    trained = [manifest.training.dataset] if manifest.training is not None else []
    named = [manifest.metadata["dataset"]] if "dataset" in manifest.metadata else []
    return list(dict.fromkeys(trained + named))


def _datasets(manifest: Manifest) -> Iterator[Component]:
    for name in _dataset_names(manifest):
        yield Component(type=ComponentType.DATA, name=name, bom_ref=f"dataset:{name}")


def _library(library: Library) -> Component:
    name = f"{library.name}@{library.version}"
    unknown = [Property(name=f"{_PREFIX}licence", value="unknown: this version is not installed where the bill was made")]
    return Component(
        type=ComponentType.LIBRARY,
        name=library.name,
        version=library.version,
        bom_ref=f"library:{name}",
        purl=PackageURL("pypi", name=library.name, version=library.version),
        licenses=[LicenseFactory().make_from_string(library.licence)] if library.licence else [],
        properties=[] if library.licence else unknown,
    )


def _files(manifest: Manifest) -> Iterator[Component]:
    formats = {file.path: artifact.format for artifact in manifest.artifacts for file in artifact.files}
    for entry in manifest.files():
        kind = f"artifact {formats[entry.path]}" if entry.path in formats else "golden"
        yield Component(
            type=ComponentType.FILE,
            name=entry.path,
            bom_ref=f"file:{entry.path}",
            hashes=[_sha256(entry.sha256)],
            properties=[
                Property(name=f"{_PREFIX}bytes", value=str(entry.bytes)),
                Property(name=f"{_PREFIX}part", value=kind),
            ],
        )


def _model_card(manifest: Manifest) -> dict[str, Any]:
    """Return parameters, quality figures and limits, as far as the manifest has them."""
    parameters: dict[str, Any] = {
        "datasets": [{"ref": f"dataset:{name}"} for name in _dataset_names(manifest)],
        "inputs": [{"format": _tensor(spec)} for spec in manifest.contract.inputs],
        "outputs": [{"format": _tensor(spec)} for spec in manifest.contract.outputs],
    }
    if manifest.training is not None:
        parameters["modelArchitecture"] = manifest.training.recipe
    metrics = manifest.training.metrics if manifest.training is not None else {}
    figures = [{"type": name, "value": repr(metrics[name])} for name in sorted(metrics)]
    limits = [f"{row.output} of {row.engine} on {row.device}, {row.numerics}: {row.reason}" for row in manifest.tolerances]
    card: dict[str, Any] = {"modelParameters": parameters, "considerations": {"technicalLimitations": limits}}
    return card | ({"quantitativeAnalysis": {"performanceMetrics": figures}} if figures else {})


def _tensor(spec: TensorSpec) -> str:
    values = f", {spec.range[0]:g} to {spec.range[1]:g}" if spec.range else ""
    return f"{spec.name}: {spec.describe()}{values}{f' {spec.unit}' if spec.unit else ''}"


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)
