"""`ferry pack`: a bundle as one file, which every verb opens without unpacking it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchferry.bundle.pack import SUFFIX
from torchferry.bundle.pack import pack as write_packed
from torchferry.bundle.reader import open_bundle
from torchferry.cli.console import say
from torchferry.cli.options import BundleFolder, RequireSignature, TrustPaths, trust_of


def pack(
    bundle: BundleFolder,
    out: Annotated[
        Path | None, typer.Option(help="The file; default: NAME.ferry in this folder, by the bundle's name.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> None:
    """Write a bundle as one file; the same bundle gives the same bytes everywhere."""
    opened = open_bundle(bundle, trust=trust_of(trust, require_signature))
    target = Path(opened.manifest.name + SUFFIX) if out is None else out
    write_packed(opened, target, force=force)
    say(f"wrote {target}: {target.stat().st_size} bytes")
