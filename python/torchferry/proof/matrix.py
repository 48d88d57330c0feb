"""The verify matrix: one run for each language, engine, device and number of threads; in it a cell for each golden case and call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torchferry.bundle.reader import Bundle
from torchferry.compare.kinds import kind_of
from torchferry.compare.status import Status, did_run, is_failure

Language = Literal["Python", "C++"]
LANGUAGES: tuple[Language, ...] = ("Python", "C++")
LANGUAGE_WORDS: dict[Language, str] = {"Python": "python", "C++": "cpp"}
DEVICES = ("cpu", "cuda:0")
THREADS = (1, 2)
CALLS = 5


@dataclass(frozen=True)
class Run:
    """One session's replay of every golden, `CALLS` times; `result` is an entry of `engines` in `verify --json`."""

    language: Language
    engine: str
    device: str
    threads: int
    result: dict[str, Any]

    @property
    def status(self) -> Status:
        """Passed, failed or unavailable."""
        status: Status = self.result["status"]
        return status

    @property
    def reason(self) -> str | None:
        """Why it could not run, or how it broke the contract."""
        reason: str | None = self.result["reason"]
        return reason


@dataclass(frozen=True)
class Cell:
    """What one call with one golden case came to; `verdicts` are those of its outputs, none where nothing was compared."""

    case: str
    call: int
    status: Status
    verdicts: Sequence[dict[str, Any]]

    @property
    def max_abs(self) -> float:
        """The largest difference from the golden, of any output."""
        return max((float(verdict["max_abs"]) for verdict in self.verdicts), default=0.0)

    @property
    def share_of_bound(self) -> float | None:
        """The largest share of its bound that a difference takes; None where every bound is equality."""
        found = (kind_of(v["kind"]).share(float(v["max_abs"]), v["bound"]) for v in self.verdicts)
        return max((share for share in found if share is not None), default=None)


def cells(bundle: Bundle, run: Run) -> Iterator[Cell]:
    """Yield the cells of a run, by case and call: as many as planned, whatever became of the run."""
    for case in bundle.manifest.golden.cases:
        for call in range(1, CALLS + 1):
            verdicts = [v for v in run.result["verdicts"] if (v["case"], v["call"]) == (case.name, call)]
            yield Cell(case.name, call, _status(bundle, run, verdicts), verdicts)


def statuses(bundle: Bundle, runs: Sequence[Run]) -> list[Status]:
    """Return the status of every cell of every run."""
    return [cell.status for run in runs for cell in cells(bundle, run)]


def all_cells_passed(bundle: Bundle, runs: Sequence[Run]) -> bool:
    """Say whether something passed and nothing failed: engines that cannot run here are no failure."""
    found = set(statuses(bundle, runs))
    return "passed" in found and not any(map(is_failure, found))


def _status(bundle: Bundle, run: Run, verdicts: Sequence[dict[str, Any]]) -> Status:
    """Return the status of a verdict; a program's word is not enough: each output must have been compared."""
    if not did_run(run.status):
        return run.status
    outputs = sorted(verdict["output"] for verdict in verdicts if verdict["passed"] and verdict["compared"] > 0)
    return "passed" if outputs == sorted(spec.name for spec in bundle.contract.outputs) else "failed"


def ran_of(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Return engine and language of each run that took place, the language as `--language` has it: `python` or `cpp`."""
    return [(run.engine, LANGUAGE_WORDS[run.language]) for run in runs if did_run(run.status)]
