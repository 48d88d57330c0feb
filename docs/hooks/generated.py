"""A hook of MkDocs: the pages that are made of the sources at each build, so that no fact stands twice."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "python")]

from headers import c_page, cpp_page  # noqa: E402
from manual import command_page  # noqa: E402

# A file of the repository that is a page: links to it lead there.
PAGES = {
    "exported/FORMAT.md": "reference/format.md",
    "SECURITY.md": "reference/security.md",
    "CHANGELOG.md": "changelog.md",
}
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def included(path: str) -> str:
    """Return a Markdown file of the repository; links to files that are no pages become their names."""
    here = PAGES[path]

    def relinked(match: re.Match[str]) -> str:
        target, _, anchor = match[2].partition("#")
        if target.startswith("https://") or not target:
            return match[0]
        whole = str((ROOT / path).parent.joinpath(target).resolve().relative_to(ROOT))
        if whole not in PAGES:
            return match[1] if match[1] == whole else f"{match[1]} (`{whole}`)"
        up = "../" * here.count("/")
        return f"[{match[1]}]({up}{PAGES[whole]}{'#' + anchor if anchor else ''})"

    text = (ROOT / path).read_text(encoding="utf-8")
    parts = re.split(r"^(```.*?^```)$", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else LINK.sub(relinked, part) for part in parts)


def exit_codes() -> str:
    """Return the page of the exit codes: the enumeration of errors.py, and the rule of FORMAT.md."""
    from torchferry.errors import ExitCode

    rule = included("exported/FORMAT.md").partition("One line on stderr")[2].partition("\n## ")[0]
    listed = " ".join(rule.partition("exit code:")[2].split())
    meanings = {int(code): text for code, text in re.findall(r"(\d) ([^,.]+)", listed)}
    rows = [f"| {int(code)} | `{code.name}` | {meanings[int(code)]} |" for code in ExitCode]
    table = "\n".join(["| code | name | meaning |", "|---|---|---|", *rows])
    page = [
        "# Exit codes",
        "Both programs, the C ABI, the exceptions `torchferry.FerryError` and `ferry::Error`, and every binding use one list.",
        table,
        "What a code means for you stands in [Troubleshooting](../guides/troubleshooting.md).",
        "## The line on stderr",
        f"One line on stderr{rule}".strip(),
    ]
    return "\n\n".join(page) + "\n"


def operators() -> str:
    """Return the page of the operators of format c: the registry of cgen/ops."""
    from torchferry.cgen.ops import words
    from torchferry.cgen.rewrites import REWRITES

    rule = (
        "Each operator of a module, once torch has decomposed it into smaller ones, must be one of these. A module with another "
        "one is refused by one line, which names the operator and the line of your code: change the module, or export it to "
        "`torchscript` or `onnx`."
    )
    page = [
        "# What `--to c` takes",
        rule,
        "\n".join(f"- {word}" for word in words()),
        "## What to write in place of others",
        "\n".join(["| operator | of `x` and `y` |", "|---|---|", *(f"| {name} | `{text}` |" for name, text in REWRITES.items())]),
    ]
    return "\n\n".join(page) + "\n"


def generated() -> dict[str, str]:
    """Return the text of each generated page by its place in docs/."""
    pages = {place: included(path) for path, place in PAGES.items()}
    include = ROOT / "cpp" / "include" / "ferry"
    pages["reference/cpp.md"] = cpp_page(
        {
            name: (include / name).read_text(encoding="utf-8")
            for name in ("ferry.hpp", "tensor.hpp", "manifest.hpp", "batcher.hpp", "shadow.hpp", "spans.hpp", "stream.hpp")
        }
    )
    pages["reference/c.md"] = c_page({name: (include / name).read_text(encoding="utf-8") for name in ("ferry.h", "engine.h")})
    for program in ("ferry", "ferry-run"):
        page = ROOT / "share" / "man" / "man1" / f"{program}.1"
        pages[f"reference/{program}.md"] = command_page(page.read_text(encoding="utf-8"))
    pages["reference/exit-codes.md"] = exit_codes()
    pages["reference/c-operators.md"] = operators()
    return pages


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for place, text in generated().items():
        files.append(File.generated(config, place, content=text))
    return files
