"""`ferry pull`: a bundle from a repository of the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchferry.cli.console import say
from torchferry.cli.options import RequireSignature, TrustPaths, trust_of
from torchferry.cli.push import Repository


def pull(
    repository: Repository,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the bundle; default: NAME in this folder.", show_default=False)
    ] = None,
    revision: Annotated[str | None, typer.Option(help="A branch, a tag or a commit.", show_default=False)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing bundle.")] = False,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> None:
    """Download a bundle; it is written only once every digest is right, and the signature where one is asked for."""
    from torchferry.integrations import hub

    target = Path(repository.rpartition("/")[2]) if out is None else out
    bundle = hub.pull(repository, target, revision=revision, force=force, trust=trust_of(trust, require_signature))
    say(f"wrote {target}: {bundle.manifest.name}, every digest is right; type: ferry verify {target}")
