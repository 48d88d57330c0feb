"""The page of a fleet: what it shows, and that nothing of a report acts in it."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from builders.fleets import absent, bound, engine_of, failed, machine, real_report, write_report
from builders.programs import run_here
from torchferry.errors import ExitCode

EVIL = '</title><script>alert(1)</script><img src=x onerror="alert(2)">{{ 7 * 7 }}\x1b[2J\u202e'


class Page(HTMLParser):
    """The tags, attributes and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.names: set[str] = set()
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return real_report()


def page_of(folder: Path, *files: Path) -> tuple[Page, str]:
    assert run_here("fleet", "add", folder / "store", *files).code == ExitCode.OK
    assert run_here("fleet", "report", folder / "store", "-o", folder / "fleet.html").code == ExitCode.OK
    text = (folder / "fleet.html").read_text()
    return Page(text), text


def test_the_page_says_what_a_rollout_needs(tmp_path: Path, report: dict[str, Any]) -> None:
    page, text = page_of(
        tmp_path,
        write_report(tmp_path / "rack-1.json", report),
        write_report(tmp_path / "rack-2.json", report),
        write_report(tmp_path / "old-1.json", report, bound("torchscript", 9), machine(processor="Old Processor")),
        write_report(tmp_path / "bare-1.json", report, absent("eager"), machine(processor="Bare")),
    )
    for words in (
        "MAY ROLL OUT",
        "4 machines of 3 types",
        "2: rack-1, rack-2",
        "Old Processor",
        "bound",
        "not here",
        "torchferry",
    ):
        assert words in page.words
    assert re.search(r"bound</span> [0-9.e-]+ %, 9 steps", text)
    assert re.search(
        r"<td>bits</td><td><span [^>]*>HOLD</span></td><td [^>]*>.*old-1: torchscript on cpu reached bound, expected bits", text
    )
    assert re.search(r"<td>bound</td><td><span [^>]*>MAY ROLL OUT</span></td><td [^>]*>nothing", text)
    assert "old-1: torchscript on cpu reached bound; 3 of 4 machines reached bits" in page.words
    assert "/opt/x/" not in page.words, "a folder of a machine"


def test_a_failure_holds_the_rollout(tmp_path: Path, report: dict[str, Any]) -> None:
    page, _ = page_of(
        tmp_path, write_report(tmp_path / "a.json", report), write_report(tmp_path / "b.json", report, failed("onnxruntime"))
    )
    assert "HOLD" in page.words
    assert "b: onnxruntime on cpu reached failed, expected bound" in page.words


def test_what_a_report_says_is_text_and_never_markup(tmp_path: Path, report: dict[str, Any]) -> None:
    def poison(value: dict[str, Any]) -> None:
        value["name"] = EVIL
        value["machine"].update(processor=EVIL, system=EVIL, architecture=EVIL, versions={EVIL: EVIL}, switches={EVIL: EVIL})
        engine_of(value, "torchscript").update(numerics=EVIL, device=EVIL)
        absent("eager")(value)
        engine_of(value, "eager").update(reason=EVIL, engine=EVIL)

    first = write_report(tmp_path / "a.json", report, poison)
    run_here("fleet", "add", tmp_path / "store", first)
    page, text = page_of(tmp_path, write_report(first, report, poison, failed("torchscript")))
    assert page.tags["script"] == page.tags["img"] == 0
    assert page.tags["title"] == page.tags["body"] == 1
    assert page.words.count("<script>alert(1)</script>") > 8
    assert "{{ 7 * 7 }}" in page.words
    assert not any(mark in text for mark in "\x1b\u202e")
    assert not any(name.startswith("on") for name in page.names)


def test_a_line_of_the_gate_reaches_the_terminal_only_printable(tmp_path: Path, report: dict[str, Any]) -> None:
    file = write_report(tmp_path / "a.json", report, failed("eager"), lambda value: engine_of(value, "eager").update(device=EVIL))
    assert run_here("fleet", "add", tmp_path / "store", file).code == ExitCode.OK
    done = run_here("fleet", "gate", tmp_path / "store")
    assert done.code == ExitCode.MISMATCH
    assert b"\x1b" not in done.stdout
    assert "\u202e" not in done.stdout.decode()
    assert run_here("fleet", "gate", tmp_path / "store", "--allow", "hope").code == ExitCode.USAGE


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path, report: dict[str, Any]) -> None:
    page_of(tmp_path, write_report(tmp_path / "a.json", report))
    assert run_here("fleet", "report", tmp_path / "store", "-o", tmp_path / "no" / "p.html").code == ExitCode.IO
