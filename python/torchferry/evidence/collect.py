"""Gathering the folder's parts: the engines run, the check is tried, the page and the bill are made, then everything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torchferry.bundle.reader import Bundle
from torchferry.compare.status import did_run
from torchferry.evidence.bom import make_bom
from torchferry.evidence.folder import Parts, write_folder
from torchferry.evidence.moment import moment_of_build
from torchferry.evidence.trial import flipped_bits, moved_goldens
from torchferry.proof.gather import gather
from torchferry.proof.replay import all_passed, to_json
from torchferry.proof.verify import require_one_ran, verify_engines
from torchferry.proof.where import Where
from torchferry.report.page import report_html


@dataclass(frozen=True)
class Summary:
    """What the folder says in one line, and whether it is good: every engine passed, and every damage was noticed."""

    words: str
    good: bool


def collect(bundle: Bundle, target: Path, attestations: Mapping[str, bytes], where: Where, ferry_run: Path | None) -> Summary:
    """Write the folder `target`. Raises FerryError(UNAVAILABLE) where no engine can run here, and what gather and write_folder raise."""
    made = moment_of_build()
    results = verify_engines(bundle, where)
    require_one_ran(bundle, [result.status for result in results])
    engines = [result.engine for result in results if did_run(result.status) and result.verdicts]
    attempts = list(flipped_bits(bundle))
    for engine in engines:
        attempts += moved_goldens(bundle, where.open(bundle, engine), engine=engine, device=where.device)
    page = report_html(gather(bundle, ferry_run, allow_native=where.allow_native, allow_ops=where.allow_ops))
    verdicts = {**to_json(bundle, results), "bundle": bundle.manifest.name}
    write_folder(target, bundle, Parts(page, verdicts, make_bom(bundle, made), attempts, attestations))
    noticed = sum(attempt.noticed for attempt in attempts)
    passed = all_passed(results)
    words = (
        f"{'PASSED' if passed else 'FAILED'}; {noticed} of {len(attempts)} damages were noticed; {len(attestations)} attestations"
    )
    return Summary(words, passed and noticed == len(attempts))
