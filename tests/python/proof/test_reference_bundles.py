"""The verdicts of the bundles that are kept in git: whatever is rebuilt around them, they stay what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from torchferry.cli.main import app

ROOT = Path(__file__).resolve().parents[3]
PINNED: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "reference_verdicts.json").read_text())


@pytest.mark.parametrize("name", PINNED)
def test_a_reference_bundle_has_the_verdict_that_is_pinned(name: str) -> None:
    result = CliRunner().invoke(app, ["verify", str(ROOT / "exported" / name), "--json"])
    assert result.exit_code == 0, result.output
    assert summary(json.loads(result.stdout)) == PINNED[name]


def summary(printed: dict[str, Any]) -> dict[str, Any]:
    """Return what is the same on every machine: kinds and bounds depend on the processor, the agreement of elements does not."""
    return {
        "source": printed["source"],
        "passed": printed["passed"],
        "engines": {entry["engine"]: {"status": entry["status"], "verdicts": rows(entry)} for entry in printed["engines"]},
    }


def rows(engine: dict[str, Any]) -> list[list[Any]]:
    return [[row[key] for key in ("case", "output", "compared", "mismatches", "passed")] for row in engine["verdicts"]]


def test_every_reference_bundle_is_pinned() -> None:
    kept = {path.parent.name for path in (ROOT / "exported").glob("*/manifest.json")}
    assert kept == set(PINNED)
