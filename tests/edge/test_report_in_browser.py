"""The report in a real browser: nothing on the console, nothing fetched, nothing wider than a phone. Pictures stay in build/report."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from builders.browser import CHROMIUM, visit
from builders.programs import BUILD, ROOT, Program

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not here; run `make setup-edge`")
PICTURES = ROOT / "build" / "report"
PHONE = 360  # CSS pixels


@pytest.fixture(scope="module")
def page(ferry_here: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    done = ferry_here("report", ROOT / "exported" / "digits-mlp", "-o", path, "--ferry-run", BUILD / "bin" / "ferry-run")
    assert done.code == 0, done.stderr
    return path


@pytest.mark.parametrize(
    ("name", "size", "dark"), [("light", (1200, 4200), False), ("dark", (1200, 4200), True), ("phone", (500, 6000), False)]
)
def test_the_report_opens_without_a_word_and_without_the_network(
    page: Path, name: str, size: tuple[int, int], dark: bool
) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = PICTURES / f"{name}.png"
    picture.unlink(missing_ok=True)
    found = visit(page, screenshot=picture, size=size, dark=dark)
    assert found.console == []
    assert found.requests == []
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000  # not an empty page


def test_the_report_is_no_wider_than_a_phone(page: Path, tmp_path: Path) -> None:
    """In a frame of that width: a browser's window has a smallest width."""
    frame = tmp_path / "phone.html"
    inside = page.read_text().replace("<meta http-equiv", "<meta data-was")  # the policy forbids the script that measures
    script = "const f = document.querySelector('iframe'); f.onload = () => { document.title = f.contentDocument.documentElement.scrollWidth; }"
    frame.write_text(
        f'<title></title><iframe width={PHONE} height=900 style="border:0" srcdoc="{html.escape(inside)}"></iframe><script>{script}</script>'
    )
    widths = re.findall(r"<title>(\d+)</title>", visit(frame).dom)
    assert widths == [str(PHONE)]


def test_a_page_that_complains_and_fetches_is_caught(tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text('<script>console.error("something broke")</script><img src="http://127.0.0.1:9/picture.png">')
    found = visit(page)
    assert any("something broke" in line for line in found.console)
    assert found.requests == ["http://127.0.0.1:9/picture.png"]
