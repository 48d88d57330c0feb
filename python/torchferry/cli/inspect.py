"""`ferry inspect`: what a bundle holds, after every digest has been checked; no runtime is loaded."""

from __future__ import annotations

import json
from pathlib import Path

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.bundle.manifest import FORMAT_VERSION, Artifact, Manifest
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.bundle.trust import read_signatures
from torchferry.cli.console import say, say_json
from torchferry.cli.options import BundleFolder, Json, RequireSignature, TrustPaths, trust_of
from torchferry.compare.kinds import kind_of


def inspect(
    bundle: BundleFolder,
    as_json: Json = False,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> None:
    """Show a bundle's contract, artifacts, goldens and tolerances; check every digest."""
    opened = open_bundle(bundle, trust=trust_of(trust, require_signature))
    if as_json:
        document = {
            "bundle": str(bundle),
            "manifest": json.loads(opened.manifest_json),
            "ignored": opened.ignored,
            "signatures": signatures_json(opened),
        }
        say_json(document, sort_keys=True)
        return
    for line in describe(opened.manifest) + signature_lines(opened):
        say(line)
    if opened.ignored:
        say(f"ignored   {', '.join(opened.ignored)}: not listed, no part of the bundle")


def describe(manifest: Manifest) -> list[str]:
    """Return the lines that `inspect` prints."""
    lines = [f"{manifest.name}: format {manifest.format_version}, every digest is right", *_contract_lines(manifest.contract)]
    for artifact in manifest.artifacts:
        size = sum(file.bytes for file in artifact.files)
        needs = "".join(f", {key} {value}" for key, value in sorted(artifact.requires.items()))
        lines.append(
            f"artifact  {artifact.format:<14}{artifact.files[0].path} ({size} bytes), engine {artifact.engine}, by {artifact.producer}{needs}"
        )
        lines += [f"accepted  {artifact.format} in {name}: {text}" for name, text in _accepted(artifact)]
    golden = manifest.golden
    lines.append(
        f"golden    {golden.source}: {golden.description}; cases {', '.join(case.name for case in golden.cases)}; {golden.numerics}"
    )
    lines += _tolerance_lines(manifest)
    if manifest.training is not None:
        metrics = ", ".join(f"{key} {value:.6g}" for key, value in sorted(manifest.training.metrics.items()))
        lines.append(
            f"training  {manifest.training.recipe} on {manifest.training.dataset}, {manifest.training.epochs} epochs: {metrics}"
        )
    if manifest.format_version < FORMAT_VERSION:
        lines.append(
            "lacks     artifacts.accepted, contract.samples and golden.cases.origin, as every bundle of format version "
            f"{manifest.format_version}; its samples are taken for independent"
        )
    return lines + [f"metadata  {key}: {value}" for key, value in sorted(manifest.metadata.items())]


def _accepted(artifact: Artifact) -> list[tuple[str, str]]:
    return [("c++", artifact.accepted.cpp), ("python", artifact.accepted.python)]


def signatures_json(bundle: Bundle) -> list[dict[str, object]]:
    """Return who signed the bundle, by file name; `trusted` says that a trusted key did and that the signature was checked."""
    return [
        {"file": Path(one.file).name, "key": one.key_id, "trusted": one in bundle.signatures, "comment": one.comment}
        for one in read_signatures(bundle.container)
    ]


def signature_lines(bundle: Bundle) -> list[str]:
    """Return one line a signature."""
    return [
        f"signature {one['file']}: key {one['key']}, {'trusted' if one['trusted'] else 'not checked'}: {one['comment']}"
        for one in signatures_json(bundle)
    ]


def _tolerance_lines(manifest: Manifest) -> list[str]:
    """Return one line for each row, then each reason once."""
    reasons = list(dict.fromkeys(row.reason for row in manifest.tolerances))
    lines = []
    for row in manifest.tolerances:
        bound = kind_of(row.kind).phrase(row)
        where = f"{row.engine} {row.device} {row.output}"
        lines.append(
            f"tolerance {where}: {bound} of {row.reference} on {row.numerics} numerics ({reasons.index(row.reason) + 1})"
        )
    return lines + [f"reason    ({number}) {reason}" for number, reason in enumerate(reasons, 1)]


def _contract_lines(contract: Contract) -> list[str]:
    lines = [_spec_line("input", spec) for spec in contract.inputs] + [_spec_line("output", spec) for spec in contract.outputs]
    if contract.classes is not None:
        lines.append(f"classes   {contract.classes.output}: {', '.join(contract.classes.names)}")
    return [*lines, f"samples   {contract.samples}"]


def _spec_line(kind: str, spec: TensorSpec) -> str:
    unit = f" {spec.unit}" if spec.unit else ""
    values = f", {spec.range[0]:g} to {spec.range[1]:g}{unit}" if spec.range else unit and f",{unit}"
    channels = f", {spec.channels}" if spec.channels else ""
    rate = f", {spec.rate} Hz" if spec.rate else ""
    return f"{kind:<10}{spec.name:<14}{spec.describe()}{values}{channels}{rate}"
