"""Whether an attestation may be believed: who signed it, when, and about which bundle."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from torchferry.attest.envelope import MAX_BYTES, unseal
from torchferry.attest.statement import Attested, parse_statement, subject_of
from torchferry.bundle.reader import Bundle
from torchferry.bundle.trust import Keyring
from torchferry.compare.status import did_run
from torchferry.errors import ExitCode, FerryError

_CLOCKS_DIFFER = datetime.timedelta(minutes=10)  # between the machine that verified and this one


@dataclass(frozen=True)
class Checked:
    """An attestation that may be believed, and the ids of the trusted keys that signed it."""

    attested: Attested
    key_ids: tuple[str, ...]


def read_file(path: Path) -> bytes:
    """Return the bytes of a report or an attestation, one more than are allowed at most. Raises OSError."""
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def check_attestation(
    data: bytes, where: str, keys: Keyring, *, max_age: datetime.timedelta | None, now: datetime.datetime
) -> Checked:
    """Return what a trusted key attests; its signature is checked before anything of it is parsed.

    Raises FerryError: FORMAT for what is no attestation, INTEGRITY for one of another key, and where it is older than `max_age` or of
    the future.
    """
    signed = unseal(data, where, keys)
    attested = parse_statement(signed.payload, where)
    age = now - attested.finished
    if age < -_CLOCKS_DIFFER or (max_age is not None and age > max_age):
        expected = "a time that has been" if age < -_CLOCKS_DIFFER else f"one of the last {max_age}"
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{where}: expired: got {attested.finished:%Y-%m-%d %H:%M} UTC, expected {expected}; verify the bundle again",
        )
    return Checked(attested, signed.key_ids)


def require_subject(attested: Attested, bundle: Bundle, where: str) -> None:
    """Require that every file is the attested one, and that each engine that ran was held to every golden of the bundle.

    Raises FerryError(INTEGRITY) for an attestation of another bundle, FORMAT for verdicts that leave a golden out.
    """
    subject = subject_of(bundle)
    for name in sorted(subject.keys() | attested.subject.keys()):
        if attested.subject.get(name) != subject.get(name):
            said, have = ((found.get(name) or "no such file")[:16] for found in (attested.subject, subject))
            raise FerryError(
                ExitCode.INTEGRITY,
                f"{where}: {name}: sha256: attests {said}, expected {have} of {bundle.folder}; it is the attestation of another bundle",
            )
    whole = {(case.name, spec.name) for case in bundle.manifest.golden.cases for spec in bundle.contract.outputs}
    for engine in attested.report.engines:
        if did_run(engine.status) and engine.verdicts and not _covers(whole, ((v.case, v.output) for v in engine.verdicts)):
            raise FerryError(
                ExitCode.FORMAT,
                f"{where}: engine {engine.engine}: got verdicts that leave out a golden, expected every one; verify again",
            )


def _covers(whole: set[tuple[str, str]], found: Iterable[tuple[str, str]]) -> bool:
    return set(found) == whole
