"""Arguments of the verbs of a fleet."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer

from torchferry.cli.attest_options import age_of, attesters
from torchferry.fleet.entry import Belief

Store = Annotated[Path, typer.Argument(metavar="STORE", help="The folder of the fleet, for one bundle.", show_default=False)]
RequireAttestation = Annotated[
    bool, typer.Option("--require-attestation", help="Take no report that no key of --trust or FERRY_TRUST signed.")
]


def belief_of(paths: list[str] | None, max_age: float | None, *, required: bool) -> Belief:
    """Return what --trust, --require-attestation and --max-age ask for; keys of FERRY_TRUST count where one of them is given.

    Raises FerryError(USAGE) for demands without a key.
    """
    wanted = bool(paths) or required or max_age is not None
    now = datetime.datetime.now(datetime.timezone.utc)
    return Belief(now, attesters(paths) if wanted else None, required=required, max_age=age_of(max_age))
