"""The table of mutants fits the tree, so that it cannot rot; `make mutants` runs it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mutants.mutant import Mutant
from mutants.table import MUTANTS

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "python/torchferry": {
        "attest",
        "bounds",
        "bundle",
        "cgen",
        "compare",
        "engines",
        "evidence",
        "exporter",
        "fleet",
        "formats",
        "intake",
        "preprocess",
        "proof",
        "samples",
        "score",
        "serve",
    },
    "cpp": {"src", "cli", "archive", "engines"},
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{Path(mutant.file).name}-{mutant.old.strip()[:40]}")
def test_line_to_change_stands_exactly_once(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert mutant.apply(text) != text


@pytest.mark.parametrize("selection", sorted({part for m in MUTANTS if m.runs_pytest for part in m.tests.split()}))
def test_tests_of_a_row_exist(selection: str) -> None:
    path, _, name = selection.partition("::")
    assert (ROOT / path).exists()
    assert f"def {name.partition('[')[0]}" in (ROOT / path).read_text(encoding="utf-8") if name else True


def test_at_least_eighty_changes_reach_every_room_of_both_languages() -> None:
    assert len(MUTANTS) >= 80
    files = [mutant.file for mutant in MUTANTS]
    for folder, rooms in ROOMS.items():
        for room in rooms:
            assert any(file.startswith(f"{folder}/{room}/") for file in files), f"{folder}/{room} has no mutant"


def test_no_change_stands_twice() -> None:
    assert not [row for row, count in Counter((m.file, m.old, m.new) for m in MUTANTS).items() if count > 1]


def test_few_rows_are_excused() -> None:
    assert sum(bool(mutant.survives) for mutant in MUTANTS) <= 0.05 * len(MUTANTS)
