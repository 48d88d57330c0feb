"""`ferry evidence`: one folder for an auditor of a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchferry.bundle.reader import open_bundle
from torchferry.cli.attest_options import attestations_of
from torchferry.cli.console import say
from torchferry.cli.options import AllowOp, BundleFolder, FerryRun, RequireSignature, TrustPaths, trust_of
from torchferry.cli.session_options import AllowNative, where_of
from torchferry.errors import ExitCode


def evidence(
    bundle: BundleFolder,
    output: Annotated[Path, typer.Option("--output", "-o", help="The new folder.")] = Path("evidence"),
    attestation: Annotated[
        list[Path] | None,
        typer.Option(help="What `ferry verify --attest` wrote for this bundle; may be repeated.", show_default=False),
    ] = None,
    attester: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY_OR_FOLDER", help="Whose attestations are believed: a .pub file, or a folder of them.", show_default=False
        ),
    ] = None,
    ferry_run: FerryRun = None,
    allow_native: AllowNative = False,
    allow_op: AllowOp = None,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> int:
    """Verify a bundle, try whether the check can fail, and write it all down; exit code 1 where either went wrong."""
    from torchferry.evidence.collect import collect
    from torchferry.evidence.folder import check_folder

    opened = open_bundle(bundle, trust=trust_of(trust, require_signature))
    check_folder(output)
    believed = attestations_of(opened, attestation, attester)
    where = where_of("cpu", 1, allow_native, allow_op)
    summary = collect(opened, output, believed, where, ferry_run)
    say(f"{output}: {summary.words}")
    return ExitCode.OK if summary.good else ExitCode.MISMATCH
