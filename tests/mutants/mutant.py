"""One mutant: a change inside one line of one file, and the tests that must turn red."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """`old` stands exactly once in `file`; with `new` in its place the file is wrong, and `tests` must say so.

    `tests` is a selection of pytest (`tests/python/compare/test_verdict.py::test_x`), or a filter of GoogleTest where `target`
    names the program that has the tests. With both a path of pytest and a target, the target is what these tests start.
    """

    file: str
    old: str
    new: str
    tests: str
    why: str
    target: str = ""
    survives: str = ""  # why no test can tell it apart; empty: it must be caught

    @property
    def room(self) -> str:
        """The folder that the file is in, as ARCHITECTURE.md names it."""
        parts = Path(self.file).parent.parts
        return "/".join(parts[:4] if parts[0] == "python" else parts[:3])

    @property
    def is_cpp(self) -> bool:
        """Must something be compiled before the tests can run?"""
        return bool(self.target)

    @property
    def runs_pytest(self) -> bool:
        """Are the tests those of pytest?"""
        return self.tests.startswith("tests/")

    def apply(self, text: str) -> str:
        """Return the file with the change. Raises ValueError where `old` does not stand exactly once or the row changes nothing."""
        count = text.count(self.old)
        if count != 1:
            raise ValueError(f"{self.file}: got {self.old!r} {count} times, expected it once; mend the row of the table")
        if self.old == self.new or "\n" in self.old + self.new:
            raise ValueError(f"{self.file}: {self.old!r}: got no change or one of several lines, expected one line changed")
        return text.replace(self.old, self.new)


def of_ferry_run(file: str, old: str, new: str, tests: str, why: str) -> Mutant:
    """A mutant of C++ that the tests of pytest see through `ferry-run`."""
    return Mutant(f"cpp/{file}", old, new, tests, why, target="ferry-run")
