"""What became of an engine or a cell of the matrix: a closed set (FORMAT.md section 9)."""

from __future__ import annotations

from typing import Literal

from typing_extensions import assert_never

Status = Literal["passed", "failed", "unavailable"]


def did_run(status: Status) -> bool:
    """Say whether there is something to judge."""
    match status:
        case "passed" | "failed":
            return True
        case "unavailable":
            return False
    assert_never(status)


def is_failure(status: Status) -> bool:
    """Say whether this status alone makes a whole verdict fail."""
    match status:
        case "failed":
            return True
        case "passed" | "unavailable":
            return False
    assert_never(status)


def closing_words(status: Status) -> str:
    """Return the words that begin an engine's last line."""
    match status:
        case "passed":
            return "PASSED"
        case "failed":
            return "FAILED"
        case "unavailable":
            return "could not run"
    assert_never(status)
