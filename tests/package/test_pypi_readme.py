"""python/README.md, the page of the package index: it runs as printed and leads nowhere that only a checkout has."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from builders.documents import blocks_of, looks_like_a_checkout, played
from builders.programs import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGE = ROOT / "python" / "README.md"
TEXT = PAGE.read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_it_is_the_page_of_the_package() -> None:
    assert ROOT / PROJECT["readme"] == PAGE


def test_it_begins_with_pip_and_every_extra_that_it_names_exists() -> None:
    assert blocks_of(TEXT)[0].content.startswith("pip install 'torchferry[")
    named = {extra for found in re.findall(r"torchferry\[([\w,]+)\]", TEXT) for extra in found.split(",")}
    assert {"course", "onnxruntime", "libtorch"} <= named <= set(PROJECT["optional-dependencies"])


def test_it_names_the_torch_of_the_plugins() -> None:
    (pin,) = PROJECT["optional-dependencies"]["libtorch"]
    assert f"built with {pin.replace('==', ' ')} and refuse another" in TEXT


def test_no_link_and_no_path_of_it_needs_a_checkout() -> None:
    assert [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if not link.startswith("https://")] == []
    assert re.findall(r"`?(?:make |build/|\.venv|cpp/|tests/|docs/)\w+", TEXT) == []


def test_lines_are_short() -> None:
    assert [line for line in TEXT.splitlines() if len(line) > 120] == []


def test_the_page_of_the_bindings_leads_to_files_that_the_wheel_has_too() -> None:
    """The wheel has the folder as share/ferry/bindings, and nothing of the checkout beside it."""
    folder = ROOT / "cpp" / "bindings"
    text = (folder / "README.md").read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 8
    for link in links:
        assert (folder / link).exists(), link
        assert ".." not in link, link
    for paragraph in re.split(r"\n\n|\n(?=\|)", text):
        if re.search(r"tests/|cpp/|--preset", paragraph) and "```" not in paragraph:
            assert "checkout" in paragraph or "repository" in paragraph, paragraph


@pytest.mark.slow
def test_every_block_runs_and_prints_what_the_page_shows(tmp_path: Path) -> None:
    folder, printed = looks_like_a_checkout(tmp_path), ""
    for block in blocks_of(TEXT)[1:]:
        printed = played(block, folder, printed)
