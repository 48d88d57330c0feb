"""The model card of a bundle: README.md with the metadata that the Hugging Face Hub reads, from the manifest alone."""

from __future__ import annotations

import json
from collections.abc import Iterator

from torchferry.bundle.contract import TensorSpec
from torchferry.bundle.digest import sha256_of
from torchferry.bundle.manifest import Manifest, licence_of
from torchferry.bundle.printable import printable
from torchferry.bundle.reader import Bundle

# Licences that the Hub knows by name; any other is `other`, with its name beside it. https://huggingface.co/docs/hub/repositories-licenses
_LICENCES = {"apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "gpl-3.0", "mpl-2.0"}


def model_card(bundle: Bundle, repository: str | None = None) -> str:
    """Return the card: what goes in and out, how far each engine may be off and why, and how to check it.

    repository: OWNER/NAME on the Hub, for who reads the card there; None: the card lies beside the bundle only.
    """
    return "\n".join([*_metadata(bundle.manifest), *_body(bundle, repository)]) + "\n"


def _metadata(manifest: Manifest) -> Iterator[str]:
    """Yield the block of YAML; its texts are JSON strings, which are YAML too."""
    yield from ("---", "library_name: torchferry", "tags:", "- torchferry")
    yield from (f"- {artifact.format}" for artifact in manifest.artifacts)
    licence = licence_of(manifest.metadata)
    if licence:
        known = licence.lower() in _LICENCES
        yield f"license: {licence.lower() if known else 'other'}"
        if not known:
            yield f"license_name: {json.dumps(licence)}"
    yield "---"


def _body(bundle: Bundle, repository: str | None) -> Iterator[str]:
    manifest = bundle.manifest
    yield from ("", f"# {_cell(manifest.name)}", "")
    yield "A torchferry bundle: a model in several formats, with its contract, golden inputs and answers, and the proof that they agree."
    yield from ("", "| | name | type | range |", "|---|---|---|---|")
    for kind, specs in (("input", manifest.contract.inputs), ("output", manifest.contract.outputs)):
        yield from (_row(kind, spec) for spec in specs)
    yield from ("", f"Goldens: {_cell(manifest.golden.source)}: {_cell(manifest.golden.description)}.")
    if manifest.training is not None:
        metrics = ", ".join(f"{_cell(name)} {value:.6g}" for name, value in sorted(manifest.training.metrics.items()))
        yield from ("", f"Training: {_cell(manifest.training.recipe)} on {_cell(manifest.training.dataset)}: {metrics}.")
    yield from ("", "| engine | device | output | may differ by | why |", "|---|---|---|---|---|")
    for row in manifest.tolerances:
        if row.numerics == "any":
            yield f"| {row.engine} | {row.device} | {_cell(row.output)} | {row.kind} {row.bound:.3g} | {_cell(row.reason)} |"
    yield from ("", *(f"- {_cell(key)}: {_cell(value)}" for key, value in sorted(manifest.metadata.items())))
    pulled = "" if repository is None else f"`ferry pull {repository} --out FOLDER`, then "
    yield from ("", f"Check it: {pulled}`ferry verify FOLDER`.")
    yield from ("", f"SHA-256 of manifest.json, which stands for every file: `{sha256_of(bundle.manifest_json)}`")


def _row(kind: str, spec: TensorSpec) -> str:
    dims = ",".join(str(dim) for dim in spec.shape)
    limits = "any" if spec.range is None else f"{spec.range[0]:g} to {spec.range[1]:g}"
    return f"| {kind} | {_cell(spec.name)} | {spec.dtype}[{dims}] | {limits} |"


def _cell(text: str) -> str:
    """Return a text of the bundle that can neither end a cell nor be markup."""
    plain = printable(text)
    return "".join(f"&#{ord(mark)};" if mark in "|<>&`[]*" else mark for mark in plain)
