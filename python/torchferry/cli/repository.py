"""`ferry repository`: a bundle as a model of NVIDIA Triton."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchferry.bundle.reader import open_bundle
from torchferry.cli.console import say
from torchferry.cli.options import BundleFolder, RequireSignature, TrustPaths, require_name, trust_of
from torchferry.serve.repository import write_repository


def repository(
    bundle: BundleFolder,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the repository.")] = Path("models"),
    engine: Annotated[
        str | None,
        typer.Option(
            callback=require_name,
            help="onnxruntime or torchscript; default: the first of them that the bundle has.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[int, typer.Option(help="Number of the version's folder.")] = 1,
    join: Annotated[
        int,
        typer.Option(
            metavar="SAMPLES",
            help="Let Triton join requests to calls of up to so many samples: answers keep the bound, not the bits; 0: it joins none.",
        ),
    ] = 0,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> None:
    """Write a model repository for NVIDIA Triton: config.pbtxt from the contract, class names, and the ONNX or TorchScript file."""
    opened = open_bundle(bundle, trust=trust_of(trust, require_signature))
    written = write_repository(opened, output, engine=engine, version=version, join=join)
    say(f"{written.folder}: version {written.version} of {opened.manifest.name}, for Triton's backend of {written.engine}")
