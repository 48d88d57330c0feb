"""The documentation site: every block of docs/ runs as printed, its pages are built strictly, and none needs the internet."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from builders.documents import RUN, Block, blocks_of, looks_like_a_checkout, played, shell
from builders.programs import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
# Blocks of the language `bash` need what no test has. Each by its page and its first line.
NOT_RUN = {
    (
        "guides/deployment.md",
        "cmake --install build --prefix prefix",
    ): "docker is not on every machine; tests/package holds the image",
    (
        "tutorials/train-to-cpp.md",
        "pip install 'torchferry[course,onnxruntime,libtorch]'",
    ): "needs the wheel; test_wheel.py installs it",
    (
        "tutorials/train-to-cpp.md",
        'cmake -S app -B app/build -Dferry_DIR="$(torchferry-config --cmakedir)"',
    ): "needs the wheel; test_wheel.py builds a program with it",
    (
        "tutorials/leave-torchscript.md",
        "pip install 'torchferry[export,onnxruntime,executorch,libtorch]'",
    ): "needs the wheel; test_wheel.py installs it",
    ("guides/deployment.md", "pip install 'torchferry[serve]'"): "serves until it is stopped; tests/python/serve holds it",
    ("guides/embedding.md", "ferry pack BUNDLE OTHER --package c --out models       # NAME.c and NAME.h of each"): (
        "any bundle; tests/python/packages holds it"
    ),
    (
        "tutorials/phone-and-microcontroller.md",
        'openocd -f board/stm32f4discovery.cfg -c "program firmware/build/firmware.elf verify reset exit"',
    ): "needs the board",
}
# Programs that a page needs beside ours.
NEEDS = {"tutorials/phone-and-microcontroller.md": ("arm-none-eabi-gcc", "qemu-system-arm")}
SLOW = {  # many seconds
    "tutorials/train-to-cpp.md",
    "tutorials/phone-and-microcontroller.md",
    "tutorials/leave-torchscript.md",
    "guides/troubleshooting.md",
    "guides/streaming.md",
    "guides/half-precision.md",
    "guides/signing.md",
    "guides/preprocessing.md",
    "guides/embedding.md",
    "guides/deployment.md",
}


def text_of(page: str) -> str:
    return (DOCS / page).read_text()


def with_code() -> list[object]:
    """The pages that have something to run; those that take long are slow tests."""
    pages = [page for page in PAGES if any(block.language in RUN for block in blocks_of(text_of(page)))]
    return [pytest.param(page, marks=pytest.mark.slow) if page in SLOW else page for page in pages]


@pytest.mark.parametrize("page", with_code())
def test_every_block_runs_and_prints_what_the_page_shows(page: str, tmp_path: Path) -> None:
    missing = [program for program in NEEDS.get(page, ()) if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{page} needs {', '.join(missing)}: make setup-edge")
    folder, printed = looks_like_a_checkout(tmp_path), ""
    for block in blocks_of(text_of(page)):
        printed = played(block, folder, printed)


def test_a_page_that_shows_another_answer_is_found(tmp_path: Path) -> None:
    played(Block("text", "", "a\n...\nd\n"), tmp_path, "a\nb\nc\nd\n")
    played(Block("text", "such as", "12.5 ms  PASS\n"), tmp_path, "3.25 ms PASS\n")
    for wrong in (
        Block("text", "", "a\nd\n"),
        Block("text", "such as", "12.5 ms  FAIL\n"),
        Block("sh", "", "false\n"),
        Block("perl", "", "1\n"),
    ):
        with pytest.raises(AssertionError):
            played(wrong, tmp_path, "12.5 ms PASS\n")


def test_the_blocks_that_do_not_run_are_these() -> None:
    found = [
        (page, block.content.splitlines()[0]) for page in PAGES for block in blocks_of(text_of(page)) if block.language == "bash"
    ]
    assert sorted(found) == sorted(NOT_RUN)
    assert all(NOT_RUN.values())


def test_every_page_of_the_issue_is_there() -> None:
    wanted = {"index.md", "comparison.md", "reference/python.md"}
    wanted |= {f"tutorials/{name}.md" for name in ("train-to-cpp", "phone-and-microcontroller", "leave-torchscript")}
    wanted |= {
        f"guides/{name}.md"
        for name in [
            "tolerances",
            "preprocessing",
            "streaming",
            "half-precision",
            "signing",
            "embedding",
            "deployment",
            "troubleshooting",
        ]
    }
    assert wanted <= set(PAGES)
    assert [page for page in PAGES if len(text_of(page).split()) < 150 and page != "reference/python.md"] == []


@pytest.mark.parametrize("page", PAGES)
def test_lines_are_short(page: str) -> None:
    lines = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.DOTALL | re.MULTILINE).splitlines()
    assert [line[:60] for line in lines if len(line) > 120] == []


def test_the_python_reference_has_every_public_name() -> None:
    import torchferry

    shown = {name.rpartition(".")[2] for name in re.findall(r"^::: (\S+)$", text_of("reference/python.md"), re.MULTILINE)}
    assert set(torchferry.__all__) - {"__version__"} <= shown


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with --strict: a broken link, a missing page or anchor fails."""
    pytest.importorskip("mkdocs", reason="MkDocs is not installed: make setup-edge")
    folder = tmp_path_factory.mktemp("site")
    shell(f"cd {ROOT} && {sys.executable} -m mkdocs build --quiet --strict --site-dir {folder} 2>&1", folder)
    return folder


@pytest.mark.slow
def test_the_site_has_the_notebook(site: Path) -> None:
    assert (site / "notebooks" / "carry.ipynb").read_bytes() == (DOCS / "notebooks" / "carry.ipynb").read_bytes()
    assert 'href="notebooks/carry.ipynb"' in (site / "index.html").read_text()


LOADED = re.compile(r'<(?:script|img|iframe|source)\b[^>]*\bsrc="([^"]*)"|<link\b[^>]*\brel="(?:stylesheet|preload|icon)"[^>]*>')


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) >= 20
    for page in pages:
        text = page.read_text()
        loaded = [match[0] for match in LOADED.finditer(text)]
        assert loaded, page
        assert [tag for tag in loaded if "//" in tag] == [], page
        assert 'class="mermaid"' not in text, f"{page}: Material loads mermaid from a CDN"
    for sheet in site.rglob("*.css"):
        assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet.read_text()) == [], sheet


def test_the_reference_is_made_of_the_sources(site: Path) -> None:
    from torchferry.cli import main
    from torchferry.errors import ExitCode

    def page(name: str) -> str:
        return re.sub(r"<[^>]+>", "", (site / "reference" / f"{name}.html").read_text())

    header = (ROOT / "cpp" / "include" / "ferry" / "ferry.h").read_text()
    functions = set(re.findall(r"\b(ferry_\w+)\(", header))
    assert len(functions) > 30
    assert [name for name in sorted(functions) if name not in page("c")] == []
    assert [name for name in ("run_into", "from_memory", "set_trust_policy", "max_verify_calls") if name not in page("cpp")] == []
    assert "std::unique_ptr<State>" not in page("cpp").replace("&lt;", "<").replace("&gt;", ">")  # no private member
    assert [verb for verb in main.VERBS if f"ferry {verb} [OPTION]..." not in page("ferry")] == []
    assert "ferry-run verify [OPTION]..." in page("ferry-run")
    codes = page("exit-codes")
    assert [code.name for code in ExitCode if code.name not in codes] == []
    assert "13. Signatures" in page("format")
    assert "allow_ops" in page("python")
    assert "(unreleased)" in (site / "changelog.html").read_text()
