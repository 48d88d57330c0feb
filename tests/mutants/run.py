"""`make mutants`: every mutant of the table against its tests, in a copy of the tree; prints a table and writes it down.

    python tests/mutants/run.py                    all of them, then tests/RESULTS-mutants.md
    python tests/mutants/run.py bounds/ npy.cpp    those whose file has one of these words in its path

    python tests/mutants/run.py --rest [WORD ...]  of these, those that have no note yet or survived

What each mutant did is noted in build-mutants/, so that a long run can be made in parts; RESULTS-mutants.md is written from the
notes and says how many rows have none, and on which day and at which commit the others ran. A run of all begins anew.

Exit code 1 where less than 95 % are caught, or one survives that the table does not explain.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mutants import narrow, tree
from mutants.mutant import Mutant
from mutants.table import MUTANTS

LEAST_CAUGHT = 0.95
RESULTS = tree.ROOT / "tests" / "RESULTS-mutants.md"
NOTES = tree.ROOT / "build-mutants" / "notes.jsonl"


@dataclass(frozen=True)
class Result:
    """What became of one mutant."""

    mutant: Mutant
    answer: narrow.Answer
    seconds: float
    ran: str  # the day and the commit

    @property
    def word(self) -> str:
        """What the table shows."""
        if self.answer.problem:
            return "BROKEN"
        return "caught" if self.answer.is_red else "survived"

    @property
    def is_good(self) -> bool:
        """Caught, or explained by the table."""
        return self.word == "caught" or (self.word == "survived" and bool(self.mutant.survives))


def main(words: Sequence[str]) -> int:
    """Run the mutants that `words` select; returns the exit code."""
    wanted = [word for word in words if word != "--rest"]
    chosen = [mutant for mutant in MUTANTS if not wanted or any(word in mutant.file for word in wanted)]
    if "--rest" in words:
        caught = {result.mutant for result in _noted() if result.word == "caught"}
        chosen = [mutant for mutant in chosen if mutant not in caught]
    tree.refresh()
    narrow.load_libraries()
    if any(mutant.target or "tests/hostile" in mutant.tests for mutant in chosen):  # these tests run both languages
        tree.configure()
        if problem := tree.build(*tree.TARGETS):
            print(problem, file=sys.stderr)
            return 1
    if not words:
        NOTES.unlink(missing_ok=True)
    ran = f"{datetime.datetime.now(datetime.timezone.utc).date()} at {_commit()}"
    results = [_run(mutant, ran) for mutant in chosen]
    if any(mutant.target for mutant in chosen):
        tree.build(*tree.TARGETS)
    for result in _red_anyway(results):
        _note(
            dataclasses.replace(result, answer=narrow.Answer(False, problem=f"{result.answer.by} is red without the mutant too"))
        )
    noted = _noted()
    results = [result for result in noted if result.mutant in chosen]
    _report(results)
    RESULTS.write_text(_markdown(noted), encoding="utf-8")
    caught = sum(result.word == "caught" for result in results)
    return 0 if caught >= LEAST_CAUGHT * len(results) and all(result.is_good for result in results) else 1


def _red_anyway(results: Sequence[Result]) -> list[Result]:
    """Those whose test is red in the tree as it is too: it says nothing about the mutant."""
    tests = sorted({r.answer.by for r in results if r.mutant.runs_pytest and "::" in r.answer.by})
    red = narrow.red_tests(tests) if tests else set()
    for target in {r.mutant.target for r in results if not r.mutant.runs_pytest}:
        names = {r.answer.by for r in results if r.mutant.target == target and not r.mutant.runs_pytest and "." in r.answer.by}
        red |= {name for name in names if narrow.run_gtest(target, name).is_red}
    return [result for result in results if result.word == "caught" and result.answer.by in red]


def _commit() -> str:
    """The commit of the tree, and whether the tree differs from it; the results that a run writes do not count."""
    results = f":(exclude){RESULTS.relative_to(tree.ROOT)}"
    head = _git("rev-parse", "--short", "HEAD")
    return f"{head} with changes" if _git("status", "--porcelain", "--untracked-files=no", "--", ".", results) else head


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=tree.ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _run(mutant: Mutant, ran: str) -> Result:
    start = time.monotonic()
    with tree.changed(mutant):
        problem = tree.build(mutant.target) if mutant.target else ""
        answer = narrow.Answer(False, problem=problem) if problem else narrow.run_tests(mutant)
    result = Result(mutant, answer, time.monotonic() - start, ran)
    print(f"{result.word:8} {result.seconds:5.1f} s  {mutant.file}: {mutant.old}  ->  {mutant.new}  [{answer.by}]", flush=True)
    if answer.problem:
        print(answer.problem[-1500:], flush=True)
    _note(result)
    return result


def _note(result: Result) -> None:
    with NOTES.open("a", encoding="utf-8") as notes:
        row = [repr(result.mutant), dataclasses.astuple(result.answer), result.seconds, result.ran]
        notes.write(json.dumps(row) + "\n")


def _noted() -> list[Result]:
    """The last result of each row of the table that has one, in the table's order."""
    known = {repr(mutant): mutant for mutant in MUTANTS}
    found: dict[str, Result] = {}
    lines = NOTES.read_text(encoding="utf-8").splitlines() if NOTES.exists() else []
    for row, answer, seconds, ran in map(json.loads, lines):
        if row in known:
            found[row] = Result(known[row], narrow.Answer(*answer), seconds, ran)
    return [found[row] for row in known if row in found]


def _report(results: Sequence[Result]) -> None:
    rooms = sorted({result.mutant.room for result in results})
    for room in rooms:
        of_room = [result for result in results if result.mutant.room == room]
        print(f"{room:40} {sum(result.word == 'caught' for result in of_room):3} of {len(of_room):3}")
    for result in results:
        if result.word != "caught":
            print(f"{result.word}: {result.mutant.file}: {result.mutant.old}: {result.mutant.survives or 'not explained'}")
    print(f"{sum(result.word == 'caught' for result in results)} of {len(results)} caught")


def _markdown(results: Sequence[Result]) -> str:
    caught = [result for result in results if result.word == "caught"]
    runs = sorted(Counter(result.ran for result in results).items())
    lines = [
        "# One-line changes that the tests must catch",
        "",
        "`make mutants` writes this file; the rows come from `tests/mutants/`. Each change is made in a copy of the tree,",
        "then the tests named in its row run. *Caught by* is the first test that failed.",
        "",
        f"**{len(caught)} of {len(results)} caught ({100 * len(caught) / len(results):.1f} %).**"
        + (f" Not run yet: {len(MUTANTS) - len(results)} of the table's {len(MUTANTS)}." if len(results) < len(MUTANTS) else ""),
        "Run: " + "; ".join(f"{count} rows on {ran}" for ran, count in runs) + ".",
    ]
    for room in sorted({result.mutant.room for result in results}):
        lines += ["", f"## {room}", "", "| file | change | why it is wrong | caught by |", "|---|---|---|---|"]
        lines += [_row(result) for result in results if result.mutant.room == room]
    survivors = [result for result in results if result.word != "caught"]
    lines += ["", "## Survivors", ""]
    lines += [f"- `{r.mutant.file}`: {_code(r.mutant.old)}: {r.mutant.survives or r.word}" for r in survivors] or ["None."]
    return "\n".join(lines) + "\n"


def _row(result: Result) -> str:
    mutant = result.mutant
    by = _code(result.answer.by.removeprefix("tests/")) if result.word == "caught" else f"**{result.word}**"
    return f"| {Path(mutant.file).name} | {_code(mutant.old)} → {_code(mutant.new)} | {mutant.why} | {by} |"


def _code(text: str) -> str:
    quote = "``" if "`" in text else "`"
    return f"{quote}{text.strip()}{quote}".replace("|", "\\|") if text.strip() else "nothing"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
