"""The examples of `predict`: one list for the help of both programs, their man pages, and the test that runs them."""

from __future__ import annotations

from pathlib import Path

_FILE = Path(__file__).resolve().parents[1] / "predict_examples.txt"


def predict_examples(program: str) -> list[str]:
    """Return command lines, one for each kind of input."""
    return [line.strip().replace("PROGRAM", program) for line in _FILE.read_text().splitlines()]
