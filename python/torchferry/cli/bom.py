"""`ferry bom`: a bundle's bill of materials, in CycloneDX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchferry.bundle.reader import open_bundle
from torchferry.cli.console import say
from torchferry.cli.options import BundleFolder, RequireSignature, TrustPaths, trust_of
from torchferry.evidence.moment import moment_of_build
from torchferry.report.file import check_target, write_text


def bom(
    bundle: BundleFolder,
    output: Annotated[Path, typer.Option("--output", "-o", help="The JSON file.")] = Path("bom.json"),
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> None:
    """Write what a bundle is made of (CycloneDX 1.6 with a model card); the same bundle gives the same bytes."""
    from torchferry.evidence.bom import make_bom

    opened = open_bundle(bundle, trust=trust_of(trust, require_signature))
    check_target(output)
    write_text(output, make_bom(opened, moment_of_build()))
    say(f"{output}: {opened.manifest.name} and its {len(list(opened.manifest.files()))} files")
