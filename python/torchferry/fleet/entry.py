"""One machine's report in a fleet: what `verify --json` or `verify --attest` wrote, read and, where keys are trusted, believed."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from pathlib import Path

from torchferry.attest.check import check_attestation
from torchferry.attest.envelope import ADVICE, MAX_BYTES, is_envelope, payload_unchecked
from torchferry.attest.report import Report, parse_report
from torchferry.attest.statement import parse_statement
from torchferry.bundle.digest import sha256_of
from torchferry.bundle.strict_json import parse_json
from torchferry.bundle.trust import Keyring
from torchferry.errors import ExitCode, FerryError

LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Belief:
    """Whom to believe: `keys` None: signatures are not looked at. `required`: a report that none of the keys signed is refused."""

    now: datetime.datetime
    keys: Keyring | None = None
    required: bool = False
    max_age: datetime.timedelta | None = None


@dataclass(frozen=True)
class Entry:
    """A report, under the label of its machine; `key_ids`: the trusted keys that signed it."""

    label: str
    sha256: str
    report: Report
    finished: datetime.datetime | None  # of an attestation
    key_ids: tuple[str, ...]

    @property
    def attested(self) -> str:
        """Who signed it and when, in words."""
        when = "" if self.finished is None else f", {self.finished:%Y-%m-%d %H:%M} UTC"
        return f"key {', '.join(self.key_ids)}{when}" if self.key_ids else f"nobody whom this page trusts{when}"


def label_of(path: Path) -> str:
    """Return the machine's label: the name of its report without the ending. Raises FerryError(BAD_INPUT)."""
    if LABEL.fullmatch(path.stem) is None:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"{path}: got a name that is no label, expected letters, digits, . _ and -, at most 64; name it after its machine",
        )
    return path.stem


def read_entry(data: bytes, label: str, where: str, belief: Belief) -> Entry:
    """Return the entry of a file's bytes. Raises FerryError: FORMAT for what is no report, INTEGRITY for a signature that is not believed."""
    value = parse_json(data, where=where, most=MAX_BYTES, advice=ADVICE)
    digest = sha256_of(data)
    if not is_envelope(value):
        report = parse_report(value, where)
        if belief.required:
            raise FerryError(
                ExitCode.INTEGRITY, f"{where}: not signed, expected an attestation; let the machine run `ferry verify --attest`"
            )
        return Entry(label, digest, report, None, ())
    if belief.keys is None:
        attested = parse_statement(payload_unchecked(data, where), where)
        return Entry(label, digest, attested.report, attested.finished, ())
    checked = check_attestation(data, where, belief.keys, max_age=belief.max_age, now=belief.now)
    return Entry(label, digest, checked.attested.report, checked.attested.finished, checked.key_ids)
