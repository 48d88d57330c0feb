"""A man page of share/, as Markdown: the macros that `python -m torchferry.cli.manual` writes, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator

KNOWN = {".TH", ".SH", ".SS", ".TP", ".B", ".BR", ".br", ".nf", ".fi"}


def command_page(roff: str) -> str:
    """Return the page; raises ValueError for a macro that is not known here."""
    lines = roff.splitlines()
    title = lines[0].split()[1].lower().replace("\\-", "-")
    return "\n".join([f"# {title}", "", *_body(lines[1:])]) + "\n"


def _body(lines: list[str]) -> Iterator[str]:
    rest = iter(lines)
    in_synopsis, in_example = False, False
    for line in rest:
        macro = line.split(maxsplit=1)[0] if line.startswith(".") else ""
        if macro and macro not in KNOWN:
            raise ValueError(f"man page: got the macro {macro}, expected one of {' '.join(sorted(KNOWN))}")
        if macro in (".SH", ".SS"):
            in_synopsis = line == ".SH SYNOPSIS"
            yield from ("", f"## {line[4:].capitalize()}" if macro == ".SH" else f"### `{line[4:]}`", "")
        elif macro == ".TP":
            names = _plain(next(rest).removeprefix(".B "))
            yield from ("", f"- `{names}`: {_plain(next(rest))}")
        elif macro == ".B" and in_synopsis:
            yield from ("", f"- `{_plain(line[3:])} {_plain(next(rest))}`")
        elif macro == ".BR":
            name = _plain(line.split()[1])
            yield f"[{name}]({name}.md)"
        elif macro in (".nf", ".fi"):
            in_example = macro == ".nf"
        elif not macro:
            yield f"    {_plain(line)}" if in_example else _plain(line)


def _plain(text: str) -> str:
    """Return the text without roff's escapes."""
    text = re.sub(r"\\f[BRI]", "", text).removeprefix("\\&")
    text = re.sub(r"\\\[u([0-9A-F]{4,6})\]", lambda match: chr(int(match[1], 16)), text)
    return text.replace("\\-", "-").replace("\\(ga", "`").replace("\\e", "\\")
