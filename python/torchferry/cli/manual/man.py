"""Man pages: one a program, in the macros of man(7)."""

from __future__ import annotations

from collections.abc import Iterator

from torchferry.cli.manual.grammar import HELP, Grammar, Option, Verb
from torchferry.errors import ExitCode
from torchferry.version import VERSION

_CODES = {
    ExitCode.OK: "ok",
    ExitCode.MISMATCH: "a comparison failed",
    ExitCode.USAGE: "command line",
    ExitCode.FORMAT: "manifest or file format",
    ExitCode.INTEGRITY: "integrity",
    ExitCode.UNAVAILABLE: "engine or device not here",
    ExitCode.IO: "files or memory",
    ExitCode.BAD_INPUT: "bad input",
    ExitCode.INTERNAL: "internal error",
}
_OTHER = {"ferry": "ferry-run", "ferry-run": "ferry"}


def man_page(grammar: Grammar) -> str:
    """Return the page of section 1."""
    return "\n".join([*_page(grammar), ""])


def _page(grammar: Grammar) -> Iterator[str]:
    program = grammar.program
    yield f'.TH {_text(program.upper())} 1 "" "torchferry {VERSION}" "torchferry"'
    yield ".SH NAME"
    yield f"{_text(program)} \\- {_text(_small(grammar.about).rstrip('.'))}"
    yield ".SH SYNOPSIS"
    for verb in grammar.verbs:
        yield f".B {_text(program)} {verb.name}"
        yield _text(" ".join(["[OPTION]...", *(one.names[0] for one in verb.options if one.is_argument)]))
        yield ".br"
    yield ".SH OPTIONS"
    yield from (".TP", ", ".join(f"\\fB{_text(name)}\\fR" for name in HELP), "Show the help of the program, or of a verb.")
    yield from (".TP", "\\fB\\-\\-version\\fR", "Show the version.")
    yield ".SH VERBS"
    for verb in grammar.verbs:
        yield from _verb(verb)
    yield ".SH EXAMPLES"
    for example in grammar.examples:
        yield from (".nf", _text(example), ".fi")
    yield ".SH EXIT STATUS"
    for code, meaning in _CODES.items():
        yield from (".TP", f".B {int(code)}", _text(meaning))
    yield ".SH SEE ALSO"
    yield f".BR {_text(_OTHER[program])} (1)"


def _verb(verb: Verb) -> Iterator[str]:
    yield f".SS {verb.name}"
    yield _text(verb.about)
    for option in verb.options:
        yield ".TP"
        yield f"{_names(option)}{f' {_italic(option.metavar)}' if option.metavar and not option.is_argument else ''}"
        yield _text(option.about or "An argument.") + (" Required." if option.required and not option.is_argument else "")


def _names(option: Option) -> str:
    return ", ".join(f"\\fB{_text(name)}\\fR" for name in option.names)


def _italic(text: str) -> str:
    return f"\\fI{_text(text)}\\fR"


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _text(text: str) -> str:
    """Return characters that roff prints as they are."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    escaped = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in escaped)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
