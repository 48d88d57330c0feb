"""The report in a real browser: nothing on the console, nothing fetched, nothing wider than a phone. Pictures stay in build/report."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.chromium import PROGRAM, chromium
from builders.programs import BUILD, ROOT, Program

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="chromium is not here; run `make setup-edge`")
PICTURES = ROOT / "build" / "report"
PHONE = 360  # CSS pixels


@pytest.fixture(scope="module")
def report(ferry_here: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    done = ferry_here("report", ROOT / "exported" / "digits-mlp", "-o", path, "--ferry-run", BUILD / "bin" / "ferry-run")
    assert done.code == 0, done.stderr
    return path


@pytest.mark.parametrize(
    ("name", "width", "colors"), [("light", 1200, "light"), ("dark", 1200, "dark"), ("phone", PHONE, "light")]
)
def test_the_report_opens_without_a_word_and_without_the_network(report: Path, name: str, width: int, colors: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = PICTURES / f"{name}.png"
    picture.unlink(missing_ok=True)
    with chromium() as page:
        page.open(report.as_uri(), width=width)
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": colors}])
        page.screenshot(picture)
        assert page.problems == []
        assert page.requests == [report.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") == width
    assert picture.stat().st_size > 50_000  # not an empty page


def test_a_page_that_complains_and_fetches_is_caught(tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text('<script>console.error("something broke")</script><img src="http://127.0.0.1:9/picture.png">')
    with chromium() as page:
        page.open(bad.as_uri())
        assert any("something broke" in line for line in page.problems)
        assert page.requests == [bad.as_uri(), "http://127.0.0.1:9/picture.png"]
