"""The errors that a user sees: one line and an exit code (exported/FORMAT.md section 11)."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes, the same for `ferry` and `ferry-run`."""

    OK = 0
    MISMATCH = 1
    USAGE = 2
    FORMAT = 3
    INTEGRITY = 4
    UNAVAILABLE = 5
    IO = 6
    BAD_INPUT = 7
    INTERNAL = 9


class FerryError(Exception):
    """A failure with an exit code; its text says what was found, what was expected and what to do, in one line."""

    def __init__(self, code: ExitCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class ElementError(FerryError):
    """An element of a tensor that breaks the contract: `index` is its place in this call, `problem` says what is wrong.

    Who cut the call out of a file knows the place in the file, and says it with `at`.
    """

    def __init__(self, code: ExitCode, kind: str, name: str, index: tuple[int, ...], problem: str, *, where: str = "") -> None:
        place = "[" + ",".join(map(str, index)) + "]"
        super().__init__(code, f"{where}{kind} {name}: element {place}: {problem}")
        self.kind, self.name, self.index, self.problem = kind, name, index, problem

    def at(self, where: str, index: tuple[int, ...]) -> ElementError:
        """Return the same error with the name of the file and the place in it."""
        return ElementError(self.code, self.kind, self.name, index, self.problem, where=f"{where}: ")
