"""Reports of other machines: what no program prints is refused by its key. tests/parity/test_fleet.py has what they print."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from builders.attestations import BUNDLE
from builders.programs import run_here
from torchferry.attest.report import parse_report
from torchferry.errors import ExitCode, FerryError


@pytest.fixture(scope="module")
def printed() -> str:
    return run_here("verify", BUNDLE, "--engine", "onnxruntime", "--json").stdout.decode()


def _verdict(value: dict[str, Any]) -> dict[str, Any]:
    verdict: dict[str, Any] = value["engines"][0]["verdicts"][0]
    return verdict


def _fail_without_running(value: dict[str, Any]) -> None:
    _verdict(value).update(passed=False)
    value["engines"][0].update(status="unavailable")
    value.update(passed=False)


def _run_nothing(value: dict[str, Any]) -> None:
    value["engines"][0].update(status="unavailable", verdicts=[], reason="not here")


LIES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a failure that passed": (lambda r: _verdict(r).update(mismatches=1), "passed: got true, expected false"),
    "a problem that passed": (lambda r: _verdict(r).update(problem="got zero"), "passed: got true, expected false"),
    "a failure of an engine that did not run": (_fail_without_running, "status: got unavailable"),
    "nothing compared": (lambda r: _verdict(r).update(compared=0), "passed: got true, expected false"),
    "a verdict that failed": (lambda r: _verdict(r).update(passed=False), "status: got passed, expected what its"),
    "no verdicts": (lambda r: r["engines"][0].update(verdicts=[]), "status: got passed, expected what its 0 verdicts"),
    "an engine that did not run": (lambda r: r["engines"][0].update(status="unavailable"), "status: got unavailable"),
    "a failed whole": (lambda r: r.update(passed=False), "passed: got another answer than the engines give"),
    "a whole of nothing that passed": (_run_nothing, "passed: got another answer than the engines give"),
    "no engines": (lambda r: r.update(engines=[]), "engines: got 0 items"),
    "no machine": (lambda r: r.pop("machine"), "machine: got no such key"),
    "no bundle": (lambda r: r.update(manifest_sha256="abc"), "manifest_sha256: got"),
    "a key more": (lambda r: r.update(note="x"), "note: got an unknown key"),
    "a number that is a word": (lambda r: _verdict(r).update(max_abs="small"), "max_abs"),
    "a distance that is none": (lambda r: _verdict(r).update(max_abs="nan"), "max_abs: got nan, expected a distance"),
    "a distance below 0": (lambda r: _verdict(r).update(max_ulp=-1), "max_ulp: got -1.0, expected a distance"),
    "a distance beyond the bound that passed": (
        lambda r: _verdict(r).update(max_abs=5.0),
        "max_abs: got 5.0 of an output that passed",
    ),
    "another bound than the reason's": (lambda r: _verdict(r).update(bound=9.0), "reason: got one for another bound"),
    "bits with a distance": (
        lambda r: _verdict(r).update(kind="bits", bound=0.0, reason="equal", max_abs=0, max_ulp=3),
        "of an output that passed, expected what kind bits lets pass",
    ),
    "bits with a bound": (lambda r: _verdict(r).update(kind="bits", max_abs=0, max_ulp=0), "expected 0 for kind bits"),
    "labels that differ and none within the margin": (
        lambda r: _verdict(r).update(kind="label", max_abs=1.0),
        "expected what kind label lets pass",
    ),
    "a verdict twice": (
        lambda r: r["engines"][0]["verdicts"].append(_verdict(r)),
        "verdicts: got two of one case, call and output",
    ),
    "an engine twice": (lambda r: r["engines"].append(r["engines"][0]), "engines: got one twice on one device"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_report_that_no_program_prints_is_refused(printed: str, name: str) -> None:
    change, words = LIES[name]
    value = json.loads(printed)
    change(value)
    with pytest.raises(FerryError) as refused:
        parse_report(value, "r.json")
    assert refused.value.code == ExitCode.FORMAT
    assert words in str(refused.value)
    assert str(refused.value).endswith("make the report again with `verify --json`")


@pytest.mark.parametrize("value", [None, [], "x", {}])
def test_what_is_no_report_is_refused(value: object) -> None:
    with pytest.raises(FerryError) as refused:
        parse_report(value, "r.json")
    assert refused.value.code == ExitCode.FORMAT
