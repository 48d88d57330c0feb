"""One question of a standard or a law, and the files of an evidence folder that answer a part of it."""

from __future__ import annotations

from dataclasses import dataclass

ATTESTATIONS, BILL, CONTRACT, MANIFEST = "attestations", "bom.json", "contract.json", "manifest.json"
REPORT, TRIAL, VERDICTS = "report.html", "trial.md", "verdicts.json"


@dataclass(frozen=True)
class Clause:
    """One question. `places`: a file, or FILE#KEY.KEY of one in JSON; `answer`: what stands there; `rest`: what is left to its reader."""

    number: str
    question: str
    places: tuple[str, ...]
    answer: str
    rest: str


@dataclass(frozen=True)
class Standard:
    """A text by its name; its clauses in its own order, none left out. `note`: which edition, and what is not a clause here."""

    name: str
    note: str
    clauses: tuple[Clause, ...]
