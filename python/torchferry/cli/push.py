"""`ferry push`: a bundle as a repository of the Hugging Face Hub, with a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchferry.bundle.reader import open_bundle
from torchferry.cli.console import say
from torchferry.cli.options import BundleFolder, RequireSignature, TrustPaths, trust_of

Repository = Annotated[
    str, typer.Argument(metavar="OWNER/NAME", help="The repository on the Hugging Face Hub.", show_default=False)
]


def push(
    bundle: BundleFolder,
    repository: Repository,
    dry_run: Annotated[
        Path | None, typer.Option(help="Upload nothing: write what would be uploaded into this new folder.", show_default=False)
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public; default: private.")] = False,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> None:
    """Upload a bundle with a model card; a clone of the repository is the bundle."""
    from torchferry.integrations import hub

    opened = open_bundle(bundle, trust=trust_of(trust, require_signature))
    if dry_run is not None:
        written = hub.write_layout(opened, dry_run, repository=repository)
        say(f"wrote {dry_run}: {len(written)} files that {repository} would have; nothing was uploaded")
        return
    say(f"pushed {opened.manifest.name}: {hub.push(opened, repository, private=not public)}")
