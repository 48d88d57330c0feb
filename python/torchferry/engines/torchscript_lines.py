"""The code of a TorchScript archive, cut into lines. cpp/engines/torchscript_lines.cpp is its twin.

PyTorch writes code in one form: double-quoted strings, no comments, no line continued but inside brackets, ASCII only. Here
nothing else is taken, so that what this reader sees is what PyTorch's own parser sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torchferry.engines.torchscript_pickle import show

_TOKEN = re.compile(
    r" *(?:(?P<newline>\n)|(?P<chain>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)"
    r"|(?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?j?(?![A-Za-z0-9_.\"]))"
    r'|(?P<string>"(?:[ !#-\[\]-~]|\\[ -~])*"(?![A-Za-z0-9_"]))'
    r"|(?P<access>\.[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)|(?P<mark>->|[()\[\]{},:=-]))"
)
OPENING, CLOSING = frozenset("([{"), frozenset(")]}")
_MAX_DEPTH = 100  # of brackets, and of blocks: PyTorch's parser calls itself for each
_BASES = frozenset({"Module", "NamedTuple", "Enum", "Interface", "ModuleInterface"})


class SourceError(ValueError):
    """What is wrong with the code: `where: got X, expected Y`."""


class Token(NamedTuple):
    """A word of the code: `kind` is a group of the expression above."""

    kind: str
    text: str


@dataclass(frozen=True)
class Line:
    """A logical line: its indentation, the class and function around it, and whether it declares instead of doing something."""

    tokens: Sequence[Token]
    owner: str
    where: str
    is_declaration: bool


def placed_lines(module: str, text: str) -> Iterator[Line]:
    """Cut the code of a module into logical lines. Raises SourceError for text that PyTorch does not write."""
    owner = function = ""
    known: set[str] = set()
    for indent, tokens in _logical_lines(module, text):
        head = tokens[0].text
        name = f"{owner or module}.{tokens[1].text}" if _is_header(tokens) else ""
        if indent == 0:
            name = name and f"{module}.{tokens[1].text}"
            if not name or name in known:
                raise SourceError(f"{module}: got {show(head)} outside, expected classes and functions, each name once")
            known.add(name)
            owner, function = (name, "") if head == "class" else ("", name)
            yield Line(tokens, "", name, True)
        elif owner and indent == 2 and head != "class" and (name or head != "def"):
            function = name
            yield Line(tokens, owner, function or owner, True)
        elif function and head not in ("def", "class"):
            yield Line(tokens, owner, function, False)
        else:
            raise SourceError(f"{function or owner or module}: got {show(head)} inside, expected statements only")


def _is_header(tokens: Sequence[Token]) -> bool:
    """Say whether the line begins a function or a class of a kind that PyTorch writes."""
    texts = [token.text for token in tokens]
    if len(tokens) < 3 or tokens[1].kind != "chain" or "." in texts[1] or texts[-1] != ":":
        return False
    is_class = texts[0] == "class" and (len(texts) == 3 or (texts[2] == "(" and texts[3] in _BASES and texts[4:] == [")", ":"]))
    return is_class or (texts[0] == "def" and texts[2] == "(")


def _logical_lines(module: str, text: str) -> Iterator[tuple[int, list[Token]]]:
    """Cut the text: each line's indentation and tokens; a line goes on inside brackets only."""
    tokens: list[Token] = []
    depth = indent = at = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        word = match[kind]
        if match.start() != at:
            break
        at = match.end()
        if kind == "newline":
            if tokens and not depth:
                yield indent, tokens
                tokens = []
            continue
        if not tokens:
            indent = match.start(kind) - match.start()
        tokens.append(Token(kind, word))
        if kind == "mark":
            depth += (word in OPENING) - (word in CLOSING)
            if not 0 <= depth <= _MAX_DEPTH:
                raise SourceError(f"{module}: got brackets {depth} deep, expected 0 to {_MAX_DEPTH}")
        if indent > 2 * _MAX_DEPTH:
            raise SourceError(f"{module}: got blocks {indent // 2} deep, expected at most {_MAX_DEPTH}")
    if at != len(text.rstrip(" ")):
        raise SourceError(f"{module}: got {show(_word(text[at:]))}, expected code as PyTorch writes it")
    if depth or tokens:
        raise SourceError(f"{module}: got a line without an end, expected whole ones")


def _word(text: str) -> str:
    """Return the first 20 characters of what stands there, up to a space or the end of the line."""
    return re.split("[ \n]", text.lstrip(" "), maxsplit=1)[0][:20]
