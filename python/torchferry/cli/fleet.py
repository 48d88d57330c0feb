"""`ferry fleet`: the reports of many machines as one answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchferry.cli.attest_options import AttestersKeys, MaxAge
from torchferry.cli.command_line import Verb
from torchferry.cli.console import say
from torchferry.cli.fleet_options import RequireAttestation, Store, belief_of
from torchferry.cli.options import names_of
from torchferry.errors import ExitCode
from torchferry.fleet.gate import broken, promise_of
from torchferry.fleet.store import add_reports, load_fleet
from torchferry.report.file import check_target, write_text

fleet = typer.Typer(
    name="fleet", no_args_is_help=True, add_completion=False, help="Join the reports of many machines into one answer."
)


@fleet.callback()
def _fleet() -> None:
    """Join the reports of many machines into one answer."""


@fleet.command("add", cls=Verb)
def add(
    store: Store,
    reports: Annotated[
        list[Path],
        typer.Argument(
            metavar="REPORT...", help="What `verify --json` or `verify --attest` wrote; MACHINE.json.", show_default=False
        ),
    ],
    trust: AttestersKeys = None,
    require_attestation: RequireAttestation = False,
    max_age: MaxAge = None,
) -> None:
    """Add reports, all or none; a file is named after its machine, and a later report of a machine follows its earlier one."""
    joined = add_reports(store, reports, belief_of(trust, max_age, required=require_attestation))
    say(f"{store}: {len(reports)} added, {len(joined.entries)} reports of {len(joined.latest)} machines about {joined.name}")


@fleet.command("report", cls=Verb)
def report(
    store: Store,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file.")] = Path("fleet.html"),
    trust: AttestersKeys = None,
    require_attestation: RequireAttestation = False,
    max_age: MaxAge = None,
) -> None:
    """Write one page: machine types, bits or bound of each engine, outliers, versions, what changed."""
    from torchferry.report.fleet_page import fleet_html

    belief = belief_of(trust, max_age, required=require_attestation)
    loaded = load_fleet(store, belief)
    check_target(output)
    write_text(output, fleet_html(loaded, belief.now))
    say(f"{output}: {len(loaded.latest)} machines")


@fleet.command("gate", cls=Verb)
def gate(
    store: Store,
    allow: Annotated[str, typer.Option(metavar="bits|bound", help="What every engine of every machine has to reach.")] = "bound",
    engines: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES", help="Judge these engines only; may be repeated, or a list with commas.", show_default=False
        ),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="Engines that must have run on every machine; may be repeated.", show_default=False),
    ] = None,
    trust: AttestersKeys = None,
    require_attestation: RequireAttestation = False,
    max_age: MaxAge = None,
) -> int:
    """Say whether it may roll out: exit code 0 only if the last report of every machine keeps the promise."""
    promise, judged, names = promise_of(allow), names_of("--engines", engines), names_of("--require", require)
    loaded = load_fleet(store, belief_of(trust, max_age, required=require_attestation))
    found = broken(loaded, promise, engines=judged, required=names)
    for line in found:
        say(line)
    say(f"{'HOLD' if found else 'MAY ROLL OUT'}: {len(loaded.latest)} machines, {len(found)} problems, allowed: {promise}")
    return ExitCode.MISMATCH if found else ExitCode.OK
