"""Arguments of the verbs that make or take attestations."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from torchferry.bundle.reader import Bundle
from torchferry.bundle.trust import Keyring, Trust, demands, load_keyring
from torchferry.cli.key import read_secret_key
from torchferry.errors import ExitCode, FerryError
from torchferry.report.file import check_target, write_text

Attest = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the verdicts here, as a signed statement of in-toto.", show_default=False),
]
SigningKey = Annotated[
    Path | None,
    typer.Option(help="The secret key that signs the statement, made by `ferry key` or minisign.", show_default=False),
]
AttestersKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="KEY_OR_FOLDER",
        help="Believe these keys: a .pub file, or a folder of them; instead of FERRY_TRUST. May be repeated.",
        show_default=False,
    ),
]
MaxAge = Annotated[
    float | None, typer.Option(metavar="DAYS", help="Refuse an attestation that is older; default: any age.", show_default=False)
]
Sealer = Callable[[Bundle, Mapping[str, Any]], None]


def sealer_of(target: Path | None, key: Path | None, password_file: Path | None, *, is_here: bool) -> Sealer | None:
    """Return what signs a report and writes it; None where nobody asked for that. The key is read now, before engines run for minutes.

    Raises FerryError: USAGE where --attest and --key are not both there, or this process does not run the engines (`is_here`); what
    read_secret_key and check_target raise.
    """
    if target is None and key is None and password_file is None:
        return None
    if target is None or key is None:
        raise FerryError(
            ExitCode.USAGE,
            "--attest: got --attest, --key or --password-file alone, expected --attest and --key; name a file and the key that signs it",
        )
    if not is_here:
        raise FerryError(ExitCode.USAGE, "--attest: got it with --all or --isolate, expected neither; attest one plain run")
    check_target(target, "--attest")
    secret = read_secret_key(key, password_file)

    def seal_report(bundle: Bundle, report: Mapping[str, Any]) -> None:
        from torchferry.attest.envelope import seal
        from torchferry.attest.statement import make_statement

        now = datetime.datetime.now(datetime.timezone.utc)
        write_text(target, seal(make_statement(bundle, report, now), secret).decode())

    return seal_report


def attesters(paths: list[str] | None, option: str = "--trust") -> Keyring:
    """Return the keys of `option`, else those of FERRY_TRUST. Raises FerryError(USAGE) where there are none, and what load_keyring raises."""
    asked = demands(Trust(tuple(paths or ())))
    if not asked:
        raise FerryError(ExitCode.USAGE, f"{option} is missing: expected the .pub file of who may attest, or a folder of them")
    return load_keyring([path for one in asked for path in one.paths])


def age_of(days: float | None) -> datetime.timedelta | None:
    """Return what --max-age asks for. Raises FerryError(USAGE) for a number that is not positive."""
    if days is None:
        return None
    if not 0 < days < 100_000:
        raise FerryError(ExitCode.USAGE, f"--max-age: got {days:g}, expected a number of days above 0")
    return datetime.timedelta(days=days)


def attestations_of(bundle: Bundle, files: list[Path] | None, paths: list[str] | None) -> dict[str, bytes]:
    """Return the attestations of this bundle by name, each one checked. Raises FerryError(USAGE) for two of one name, and what the checks raise."""
    from torchferry.attest.check import check_attestation, read_file, require_subject

    now = datetime.datetime.now(datetime.timezone.utc)
    keys = attesters(paths, "--attester") if files else Keyring()
    found: dict[str, bytes] = {}
    for file in files or ():
        data = read_file(file)
        require_subject(check_attestation(data, str(file), keys, max_age=None, now=now).attested, bundle, str(file))
        if file.name in found:
            raise FerryError(ExitCode.USAGE, f"--attestation: got two files {file.name}, expected one of each name; rename one")
        found[file.name] = data
    return found
