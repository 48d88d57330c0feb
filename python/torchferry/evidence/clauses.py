"""Which file of the folder answers which question of a standard or a law, in plain words. It claims no certification."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from torchferry.evidence.ai_act import AI_ACT
from torchferry.evidence.clause import Clause
from torchferry.evidence.iso_8800 import ISO_8800
from torchferry.evidence.spice import SPICE

STANDARDS = (SPICE, ISO_8800, AI_ACT)


def clauses_md(name: str, files: Mapping[str, bytes]) -> str:
    """Return the map as Markdown; `files`: those of this evidence, by path."""
    return "\n".join(_lines(name, files)) + "\n"


def _lines(name: str, files: Mapping[str, bytes]) -> Iterator[str]:
    present = {path.partition("/")[0] for path in files}
    documents = {path: json.loads(data) for path, data in files.items() if path.endswith(".json") and path in present}
    yield f"# {name}: which file answers what"
    yield ""
    yield "A map for a reader, no certificate: nobody has assessed it, and each row says what is left to you. Behind a file of JSON"
    yield "stand the keys to look at."
    for standard in STANDARDS:
        yield from ("", f"## {standard.name}", "", standard.note, "")
        yield from ("| | question | here | what it shows | what is left to you |", "|---|---|---|---|---|")
        for clause in standard.clauses:
            places, missing = _places(clause, documents, present)
            shown = f"{clause.answer}{''.join(f'; {one}' for one in missing)}"
            yield f"| {clause.number} | {clause.question} | {', '.join(places) or 'none'} | {shown} | {clause.rest} |"


def _places(clause: Clause, documents: Mapping[str, object], present: set[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the links of a clause, and a note for each place that this evidence lacks."""
    places, missing = [], []
    for place in clause.places:
        file, _, keys = place.partition("#")
        if file not in present:
            missing.append(f"{file} was not given")
        elif keys and not _has(documents[file], keys.split(".")):
            missing.append(f"{file} has no {keys}")
        else:
            places.append(f"[{file}]({file}){f' {keys}' if keys else ''}")
    return places, missing


def _has(value: object, keys: Sequence[str]) -> bool:
    """Say whether something stands under these keys."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value not in (None, {}, [], "")
