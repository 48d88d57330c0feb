"""When an attestation may be believed: clocks differ a little, and what is too old or of the future is refused."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

import pytest

from builders.attestations import BUNDLE, Attestation, digest_of, make_attestation
from builders.programs import run_here
from torchferry.attest.check import Checked, check_attestation, require_subject
from torchferry.bundle.reader import open_bundle
from torchferry.bundle.trust import Keyring, load_keyring
from torchferry.errors import ExitCode, FerryError

FINISHED = datetime.datetime.fromisoformat("2026-03-01T12:00:00+00:00")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Attestation:
    """An attestation that was finished at noon of 1 March 2026."""
    folder = tmp_path_factory.mktemp("attest")
    now = make_attestation(folder)

    def at_noon(statement: dict[str, object]) -> None:
        part = statement["predicate"]["configuration"][2]  # type: ignore[index]
        part["annotations"]["finished"] = "2026-03-01T12:00:00Z"
        part["digest"]["sha256"] = digest_of(part["annotations"])

    now.forged(now.file, at_noon)
    return now


@pytest.fixture(scope="module")
def keys(made: Attestation) -> Keyring:
    return load_keyring([str(made.public)])


def checked(made: Attestation, keys: Keyring, *, minutes: float, days: float | None = None) -> Checked:
    """Check it so many minutes after it was made, by the clock here."""
    now = FINISHED + datetime.timedelta(minutes=minutes)
    most = None if days is None else datetime.timedelta(days=days)
    return check_attestation(made.file.read_bytes(), "a.json", keys, max_age=most, now=now)


@pytest.mark.parametrize(("minutes", "days"), [(-9.9, None), (-9.9, 1), (0, None), (24 * 60, 1), (1e6, None)])
def test_clocks_may_differ_by_ten_minutes_and_an_age_is_allowed_whole(
    made: Attestation, keys: Keyring, minutes: float, days: float | None
) -> None:
    found = checked(made, keys, minutes=minutes, days=days)
    assert found.attested.finished == FINISHED
    assert found.key_ids == (made.secret.key_id,)


@pytest.mark.parametrize(
    ("minutes", "days", "expected"),
    [(-10.1, None, "a time that has been"), (-10.1, 1, "a time that has been"), (24 * 60 + 0.1, 1, "one of the last 1 day")],
)
def test_the_future_and_the_distant_past_are_refused(
    made: Attestation, keys: Keyring, minutes: float, days: float | None, expected: str
) -> None:
    with pytest.raises(FerryError, match=f"a.json: expired: got 2026-03-01 12:00 UTC, expected {expected}") as caught:
        checked(made, keys, minutes=minutes, days=days)
    assert caught.value.code == ExitCode.INTEGRITY


def test_another_key_is_refused_before_its_age_is_looked_at(made: Attestation, tmp_path: Path) -> None:
    assert run_here("key", tmp_path / "other", "--no-password").code == ExitCode.OK
    with pytest.raises(FerryError, match="key") as caught:
        checked(made, load_keyring([str(tmp_path / "other.pub")]), minutes=-1e6)
    assert caught.value.code == ExitCode.INTEGRITY
    assert "expired" not in str(caught.value)


@pytest.mark.parametrize("change", ["less", "more"])
def test_verdicts_of_other_goldens_than_the_bundle_s_are_refused(made: Attestation, keys: Keyring, change: str) -> None:
    """One golden left out, or one that this bundle never had: either way another set was verified."""
    attested = checked(made, keys, minutes=0).attested
    require_subject(attested, open_bundle(BUNDLE), "a.json")
    (engine,) = attested.report.engines
    first, *others = engine.verdicts
    verdicts = tuple(others) if change == "less" else (first.model_copy(update={"case": "never"}), *engine.verdicts)
    report = attested.report.model_copy(update={"engines": (engine.model_copy(update={"verdicts": verdicts}),)})
    with pytest.raises(FerryError, match="engine onnxruntime: got verdicts that leave out a golden") as caught:
        require_subject(dataclasses.replace(attested, report=report), open_bundle(BUNDLE), "a.json")
    assert caught.value.code == ExitCode.FORMAT
