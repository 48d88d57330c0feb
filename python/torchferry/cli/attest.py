"""`ferry attest`: what others attest of a bundle. `ferry verify --attest` makes what is checked here."""

from __future__ import annotations

import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from torchferry.attest.check import check_attestation, read_file, require_subject
from torchferry.bundle.reader import open_bundle
from torchferry.cli.attest_options import AttestersKeys, MaxAge, age_of, attesters
from torchferry.cli.command_line import Verb
from torchferry.cli.options import Json, show
from torchferry.errors import ExitCode
from torchferry.report.attestation import attestation_json, attestation_lines

attest = typer.Typer(name="attest", no_args_is_help=True, add_completion=False, help="Check what others attest of a bundle.")


@attest.callback()
def _attest() -> None:
    """Check what others attest of a bundle."""


@attest.command("verify", cls=Verb)
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `ferry verify --attest` wrote.", show_default=False)],
    bundle: Annotated[
        str | None, typer.Argument(metavar="BUNDLE", help="Require that it is about this bundle.", show_default=False)
    ] = None,
    trust: AttestersKeys = None,
    max_age: MaxAge = None,
    as_json: Json = False,
) -> int:
    """Check who signed an attestation, when, and about which bundle; exit code 1 where it says that the bundle failed."""
    now = datetime.datetime.now(datetime.timezone.utc)
    checked = check_attestation(read_file(file), str(file), attesters(trust), max_age=age_of(max_age), now=now)
    if bundle is not None:
        require_subject(checked.attested, open_bundle(bundle), str(file))
    show(as_json, partial(attestation_json, checked), partial(attestation_lines, checked))
    return ExitCode.OK if checked.attested.report.passed else ExitCode.MISMATCH
