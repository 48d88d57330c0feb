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
