"""A verdict as a statement of in-toto: the subject is a bundle, the predicate a test result.

https://github.com/in-toto/attestation: spec/v1/statement.md and spec/predicates/test-result.md. Everything of ours stands in
`annotations` of the predicate's `configuration`, where other tools expect what they do not know.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from torchferry.attest.checker import checker_digest
from torchferry.attest.envelope import ADVICE, MAX_BYTES
from torchferry.attest.report import Digest, EngineReport, Report, parse_report
from torchferry.bundle.digest import sha256_of
from torchferry.bundle.manifest import MANIFEST_NAME
from torchferry.bundle.problem import first_problem
from torchferry.bundle.reader import Bundle
from torchferry.bundle.strict_json import parse_json
from torchferry.compare.status import did_run
from torchferry.errors import ExitCode, FerryError
from torchferry.version import VERSION

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class _Open(BaseModel):
    """Keys that other versions add are passed over, as in-toto asks; none is missing, none converted."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Digests(_Open):
    sha256: Digest


class _Resource(_Open):
    name: str
    digest: _Digests
    annotations: dict[str, Any] = {}


class _Predicate(_Open):
    result: str
    configuration: Annotated[tuple[_Resource, ...], Field(strict=False)]
    passed_tests: Annotated[tuple[str, ...], Field(alias="passedTests", strict=False)]
    warned_tests: Annotated[tuple[str, ...], Field(alias="warnedTests", strict=False)]
    failed_tests: Annotated[tuple[str, ...], Field(alias="failedTests", strict=False)]


class _Statement(_Open):
    kind: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[tuple[_Resource, ...], Field(strict=False)]
    predicate_type: Literal["https://in-toto.io/attestation/test-result/v0.1"] = Field(alias="predicateType")
    predicate: _Predicate


class _Evidence(_Open):
    finished: str
    report: dict[str, Any]


@dataclass(frozen=True)
class Attested:
    """What a statement says: the bundle's files with their SHA-256, the report, and when and by what it was made."""

    subject: Mapping[str, str]
    report: Report
    finished: datetime.datetime
    checker: str  # SHA-256


def subject_of(bundle: Bundle) -> dict[str, str]:
    """Return the SHA-256 of the manifest and of every file that it lists, by path."""
    return {MANIFEST_NAME: sha256_of(bundle.manifest_json)} | {entry.path: entry.sha256 for entry in bundle.manifest.files()}


def make_statement(bundle: Bundle, report: Mapping[str, Any], finished: datetime.datetime) -> bytes:
    """Return the statement about a report of `verify --json`; the folder that the bundle lay in is left out.

    Raises FerryError(FORMAT) for a report that no reader would take.
    """
    said = {**report, "bundle": bundle.manifest.name}
    parsed = parse_report(json.loads(json.dumps(said)), str(bundle.folder))
    evidence = {"finished": finished.astimezone(datetime.timezone.utc).strftime(_TIME), "report": said}
    subject = subject_of(bundle)
    return _json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {"sha256": subject[name]}} for name in sorted(subject)],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                **_result(parsed),
                "configuration": [
                    {"name": MANIFEST_NAME, "digest": {"sha256": subject[MANIFEST_NAME]}},
                    {"name": "ferry", "digest": {"sha256": checker_digest()}, "annotations": {"version": VERSION}},
                    {"name": "report", "digest": {"sha256": _digest(evidence)}, "annotations": evidence},
                ],
            },
        }
    )


def parse_statement(payload: bytes, where: str) -> Attested:
    """Return what a statement of make_statement says. Raises FerryError(FORMAT) for another one, or if its parts contradict each other."""
    value = parse_json(payload, where=where, most=MAX_BYTES, advice=ADVICE)
    try:
        statement = _Statement.model_validate(value)
        parts = {one.name: one for one in statement.predicate.configuration}
        checker, shown = (_part(parts, name, where) for name in ("ferry", "report"))
        evidence = _Evidence.model_validate(shown.annotations)
    except ValidationError as error:
        raise FerryError(ExitCode.FORMAT, f"{where}: {first_problem(error, ADVICE)}") from None
    report = parse_report(evidence.report, where)
    subject = {one.name: one.digest.sha256 for one in statement.subject}
    predicate = statement.predicate.model_dump(mode="json", by_alias=True)
    same = all(predicate[key] == said for key, said in _result(report).items())
    if not same or subject.get(MANIFEST_NAME) != report.manifest_sha256 or shown.digest.sha256 != _digest(shown.annotations):
        raise FerryError(
            ExitCode.FORMAT, f"{where}: got a result that contradicts its own report, expected the same in both; {ADVICE}"
        )
    return Attested(subject, report, _moment(evidence.finished, where), checker.digest.sha256)


def _part(parts: Mapping[str, _Resource], name: str, where: str) -> _Resource:
    if name not in parts:
        raise FerryError(ExitCode.FORMAT, f"{where}: predicate.configuration: got no {name}, expected it; {ADVICE}")
    return parts[name]


def _moment(text: str, where: str) -> datetime.datetime:
    try:
        return datetime.datetime.strptime(text, _TIME).replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        raise FerryError(ExitCode.FORMAT, f"{where}: finished: got {text[:40]!r}, expected a time in UTC; {ADVICE}") from None


def _result(report: Report) -> dict[str, Any]:
    """Return the predicate's own keys: the result, and the tests by name."""
    tests = [test for engine in report.engines for test in _tests(engine)]
    return {
        "result": "PASSED" if report.passed else "FAILED",
        "passedTests": [name for name, passed in tests if passed],
        "warnedTests": [],
        "failedTests": [name for name, passed in tests if not passed],
    }


def _tests(engine: EngineReport) -> Iterator[tuple[str, bool]]:
    """Yield a name for each comparison, and whether it passed; one for an engine that failed before there was one."""
    where = f"{engine.engine} {engine.device}"
    for verdict in engine.verdicts:
        yield f"{where} {verdict.case} #{verdict.call} {verdict.output}", verdict.passed
    if did_run(engine.status) and not engine.verdicts:
        yield where, False


def _digest(evidence: Mapping[str, Any]) -> str:
    return hashlib.sha256(_json(evidence)).hexdigest()


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
