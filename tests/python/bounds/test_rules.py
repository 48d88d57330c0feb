"""The rules of bounds/rules are found by the place of their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchferry.bounds import rules as package
from torchferry.bounds.rules import rules


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files are rules too."""
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    return tmp_path


def test_a_file_of_rules_is_found_by_its_place(folder: Path) -> None:
    (folder / "rules_of_nothing.py").write_text("RULES = {'no_operator': lambda x: x}\n")
    assert set(rules.__wrapped__()) == {*rules(), "no_operator"}


@pytest.mark.parametrize(("text", "words"), [("", "got no RULES"), ("RULES = {'add': len}", "add: got two rules")])
def test_a_file_without_rules_and_a_second_rule_are_refused(folder: Path, text: str, words: str) -> None:
    name = f"rules_{len(text)}"
    (folder / f"{name}.py").write_text(text)
    with pytest.raises(ValueError, match=words):
        rules.__wrapped__()
