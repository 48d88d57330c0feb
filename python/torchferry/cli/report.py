"""`ferry report`: the verify matrix with its evidence as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchferry.bundle.reader import open_bundle
from torchferry.cli.console import say
from torchferry.cli.options import AllowOp, BundleFolder, FerryRun, RequireSignature, TrustPaths, trust_of
from torchferry.cli.session_options import AllowNative
from torchferry.compare.status import is_failure
from torchferry.errors import ExitCode
from torchferry.proof.gather import gather
from torchferry.proof.matrix import statuses
from torchferry.report.file import check_target, write_text
from torchferry.report.matrix import closing


def report(
    bundle: BundleFolder,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file.")] = Path("report.html"),
    ferry_run: FerryRun = None,
    allow_native: AllowNative = False,
    allow_op: AllowOp = None,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> int:
    """Verify a bundle as `ferry verify --all` does, and write the evidence as one HTML file; its exit code is the verdict's."""
    from torchferry.report.page import report_html

    opened = open_bundle(bundle, trust=trust_of(trust, require_signature))
    check_target(output)
    evidence = gather(opened, ferry_run, allow_native=allow_native, allow_ops=tuple(allow_op or ()))
    write_text(output, report_html(evidence))
    say(f"{output}: {closing(opened, evidence.runs)}")
    return ExitCode.MISMATCH if any(map(is_failure, statuses(opened, evidence.runs))) else ExitCode.OK
