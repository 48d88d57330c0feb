"""A public header as a page: its opening comment, then each declaration under its comment, as it stands in the header."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

SECTION = re.compile(r"^// -+ (.*?) -+$")
TYPE = re.compile(r"\b(?:class|struct|enum class|enum|using)\s+(?:FERRY_API\s+)?(\w+)")
POINTER = re.compile(r"\(\*(\w+)\)\(")
FUNCTION = re.compile(r"\b([a-z]\w*)\s*\(")
MACRO = re.compile(r"#define (\w+)")
# What a reader of the page does not need: the preprocessor, but for a macro with a value, and the frame of namespaces.
SKIPPED = re.compile(r"#(?!define FERRY_\w+ [0-9a-z])|namespace \w+ \{|\} *// namespace|extern \"C\"|\}$")
COMMENT = re.compile(r"^(//|/\*| \*)")


def cpp_page(headers: Mapping[str, str]) -> str:
    """Return the page of the C++ headers, by their names."""
    parted = {name: header.partition("#pragma once\n") for name, header in headers.items()}
    return _page(
        "C++: `ferry/ferry.hpp`, its parts `tensor.hpp` and `manifest.hpp`, and `batcher.hpp`, `shadow.hpp`, `spans.hpp`, `stream.hpp`",
        {name: a + "\n" + b for name, (a, _, b) in parted.items()},
        "cpp",
    )


def c_page(headers: Mapping[str, str]) -> str:
    """Return the page of the C headers, by their names."""
    return _page("C: `ferry/ferry.h` and `ferry/engine.h`", headers, "c")


def _page(title: str, headers: Mapping[str, str], language: str) -> str:
    page = [f"# {title}"]
    for name, header in headers.items():
        page += [f"## `ferry/{name}`"]
        for block in _blocks(header.splitlines()):
            page += _entries(block, language)
    return "\n\n".join(page) + "\n"


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Yield what stands together between empty lines, a body in braces whole, without the lines that are SKIPPED."""
    block: list[str] = []
    depth = 0
    for line in [*lines, ""]:
        if depth == 0 and SKIPPED.match(line):
            continue
        depth += line.count("{") - line.count("}")
        if line.strip() or depth > 0:
            block.append(line)
        elif block:
            yield block
            block = []


def _entries(block: list[str], language: str) -> Iterator[str]:
    """Yield a section's title, and each piece of a block: a comment and the code up to the next comment."""
    section = SECTION.match(block[0])
    if section:
        yield f"## {section[1][:1].upper()}{section[1][1:].strip()}"
        block = block[1:]
    comment: list[str] = []
    code: list[str] = []
    for line in block:
        if COMMENT.match(line) and code and _is_whole(code):
            yield from _entry(comment, code, language)
            comment, code = [], []
        (comment if COMMENT.match(line) and not code else code).append(line)
    if comment or code:
        yield from _entry(comment, code, language)


def _is_whole(code: list[str]) -> bool:
    """Is every brace of these lines closed?"""
    text = "\n".join(code)
    return text.count("{") == text.count("}")


def _entry(comment: list[str], code: list[str], language: str) -> Iterator[str]:
    if code:
        yield f"### `{_title(code)}`"
    if comment:
        yield "\n".join(_prose(comment))
    if code:
        yield "\n".join([f"```{language}", *_without_private(code), "```"])


def _prose(comment: list[str]) -> Iterator[str]:
    """Yield a comment without its marks; what is indented in it is code."""
    for line in comment:
        text = re.sub(r"^(//|/\*| \*(?!/)) ?|\s*\*/$", "", line)
        yield f"    {text.strip()}" if text.startswith("  ") else text


def _without_private(code: list[str]) -> list[str]:
    """Return a class as its users see it: up to ` private:`."""
    if " private:" not in code:
        return code
    seen = code[: code.index(" private:")]
    return [*seen[: len(seen) - (not seen[-1].strip())], "};"]


def _title(code: list[str]) -> str:
    """Return the first name that the code declares."""
    text = "\n".join(code)
    opening = text.partition("{")[0].partition(";")[0]
    for pattern, place in ((MACRO, opening), (POINTER, text.partition("\n")[0]), (TYPE, opening), (FUNCTION, text)):
        found = pattern.search(place)
        if found:
            return found[1]
    return re.findall(r"\b([A-Za-z_]\w*)\b", opening or text)[-1]
