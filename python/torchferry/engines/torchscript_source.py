"""The code of a TorchScript archive, judged without running it. cpp/engines/torchscript_source.cpp is its twin.

Every name that can lead to an operator is looked at, whether it is called or not: `torch.f`, `ops.ns.f`, `.f` on any value, and
builtins. Defaults of parameters and of attributes run while an archive is loaded: they are literals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from torchferry.engines.torchscript_lines import CLOSING, OPENING, Line, SourceError, Token, placed_lines
from torchferry.engines.torchscript_operators import allowed_operators, refused_operators
from torchferry.engines.torchscript_pickle import show

_GRAMMAR = "and as assert break continue del elif else False for if in is None not or pass return True while with"
_BUILTINS = (
    "print tuple float int bool complex str isinstance range rangelist list dict annotate unchecked_cast uninitialized inf nan infj nanj "
    "Tensor number NoneType List Dict Tuple Optional Union Final Any Device Layout ScalarType MemoryFormat"
)
_WORDS = frozenset(f"{_GRAMMAR} {_BUILTINS}".split())
_SPECIAL = {"fork": "prim::fork", "awaitable": "prim::awaitable"}  # names that are operators by themselves
_STATE_METHODS = frozenset({"__setstate__", "__getstate__"})
_NATIVE_CLASSES = "__torch__.torch.classes"
_PLAIN = re.compile(r'"[^"\\]*"')


@dataclass
class Names:
    """What the classes of a whole archive declare: the names that may follow a dot."""

    declared: set[str] = field(default_factory=set)
    fields: dict[str, set[str]] = field(default_factory=dict)  # by qualified class


@dataclass(frozen=True)
class Use:
    """An operator, and the method or function that names it."""

    operator: str
    where: str


class Source:
    """One file of code, cut into logical lines."""

    def __init__(self, entry: str, text: str) -> None:
        """`entry` is a path such as `code/__torch__/net.py`. Raises SourceError for text that PyTorch does not write."""
        self._module = entry.removeprefix("code/").removesuffix(".py").replace("/", ".")
        self._bound: set[str] = set()
        self._keeps_self = True  # `self` is the first parameter of each method and never anything else
        self._lines = list(placed_lines(self._module, text))

    def declare(self, names: Names) -> None:
        """Add the attributes and methods of this file's classes."""
        for line in self._lines:
            if line.is_declaration and line.owner and (found := _declared(line)) is not None:
                names.declared.add(found)
                if _is_attribute(line.tokens):
                    names.fields.setdefault(line.owner, set()).add(found)
            self._bind(line)

    def uses(self, names: Names) -> Iterator[Use]:
        """Yield every operator that the code names. Raises SourceError for what is refused whatever the user allows."""
        for line in self._lines:
            yield from _Judge(line, names, self._bound, self._keeps_self).uses()

    @property
    def prints(self) -> bool:
        """Does any line print?"""
        return any(token.text in ("print", "ops.prim.Print") for line in self._lines for token in line.tokens)

    def _bind(self, line: Line) -> None:
        """Note the names that the line gives a value."""
        texts = [token.text for token in line.tokens]
        if line.is_declaration:
            names = {text for text, after in pairwise(texts) if after == ":"} | set(texts[1:2])
            self._keeps_self &= texts.count("self") <= 1
        elif texts[0] == "for" and "in" in texts:
            names = set(texts[1 : texts.index("in")])
        else:
            equals = _assignment(texts)
            names = set(texts[:equals]) if equals else set()
        self._keeps_self &= line.is_declaration or not ("self" in names or ({"for", "as"} & set(texts) and "self" in texts))
        self._bound |= names


def _assignment(texts: Sequence[str]) -> int:
    """Return the place of the first `=` that is in no bracket; 0 where there is none."""
    depth = 0
    for at, text in enumerate(texts):
        depth += (text in OPENING) - (text in CLOSING)
        if text == "=" and depth == 0:
            return at
    return 0


class _Judge:
    """Looks at the names of one line."""

    def __init__(self, line: Line, names: Names, bound: set[str], keeps_self: bool) -> None:
        self._line, self._names, self._bound, self._keeps_self = line, names, bound, keeps_self

    def uses(self) -> Iterator[Use]:
        depth = 0
        tokens = self._line.tokens
        for at, token in enumerate(tokens):
            if token.text in OPENING and token.kind == "mark":
                self._check_opening(at, depth)
                depth += 1
            elif token.text in CLOSING and token.kind == "mark":
                depth -= 1
            elif token.kind == "access":
                yield from self._accesses(token.text.split(".")[1:], at, of_self=False)
            elif token.kind == "chain" and not (depth and self._next(at) == "=" and "." not in token.text):
                yield from self._chain(token.text.split("."), at)

    def _check_opening(self, at: int, depth: int) -> None:
        """Check that a declaration calls nothing: its defaults run while the archive is loaded."""
        if not self._line.is_declaration or self._line.tokens[at].text != "(" or at == 0:
            return
        before = self._line.tokens[at - 1]
        is_signature = depth == 0 and at == 2 and self._line.tokens[0].text in ("def", "class")
        if not is_signature and (before.kind in ("chain", "access") or before.text in CLOSING):
            raise self._refusal("a default that calls something", "a literal; defaults run while the archive is loaded")

    def _chain(self, parts: list[str], at: int) -> Iterator[Use]:
        root = parts[0]
        if root in ("torch", "ops"):
            yield self._operator(parts)
        elif root == "__torch__":
            self._check_reference(parts)
        elif root == "CONSTANTS":
            yield from self._accesses(parts[2:], at, of_self=False)
        elif root == "getattr":
            yield from self._getattr(at)
        elif root in _SPECIAL:
            yield Use(_SPECIAL[root], self._line.where)
        else:
            self._check_root(root)
            yield from self._accesses(parts[1:], at, of_self=root == "self" and self._keeps_self)

    def _operator(self, parts: list[str]) -> Use:
        if self._line.is_declaration:
            raise self._refusal(
                f"{show('.'.join(parts))} in a declaration", "a literal; defaults run while the archive is loaded"
            )
        if len(parts) == 2 and parts[0] == "torch":
            return Use(f"aten::{parts[1]}", self._line.where)
        if len(parts) == 3 and parts[0] == "ops":
            return Use(f"{parts[1]}::{parts[2]}", self._line.where)
        raise self._refusal(f"the name {show('.'.join(parts))}", "torch.NAME or ops.NAMESPACE.NAME")

    def _check_reference(self, parts: list[str]) -> None:
        name = ".".join(parts)
        if name.startswith(_NATIVE_CLASSES):
            raise self._refusal(f"the native class {show(name)}", "classes of the archive only")
        if _STATE_METHODS & set(parts):
            raise self._state_refusal()

    def _check_root(self, name: str) -> None:
        if name in _STATE_METHODS:
            raise self._state_refusal()
        is_head = self._line.is_declaration  # its names are types, attributes and parameters; none can lead to an operator
        if not is_head and name not in _WORDS and name not in self._bound:
            raise self._refusal(f"the name {show(name)}", "a name that the code defines or that PyTorch's own code needs")

    def _getattr(self, at: int) -> Iterator[Use]:
        tokens = self._line.tokens[at + 1 : at + 6]
        form = [token.text if token.kind == "mark" else token.kind for token in tokens]
        if form != ["(", "chain", ",", "string", ")"] or not _PLAIN.fullmatch(tokens[3].text) or self._line.is_declaration:
            raise self._refusal("getattr in another form", 'getattr(VALUE, "NAME")')
        yield from self._accesses([tokens[3].text[1:-1]], at + 5, of_self=tokens[1].text == "self" and self._keeps_self)

    def _accesses(self, parts: list[str], at: int, *, of_self: bool) -> Iterator[Use]:
        """Names behind a dot: attributes and methods of the archive's classes, or operators on a value."""
        for index, name in enumerate(parts):
            if name in _STATE_METHODS:
                raise self._state_refusal()
            if index == 0 and of_self and name in self._names.fields.get(self._line.owner, ()):
                continue
            is_called = index == len(parts) - 1 and self._next(at) == "("
            operators = {f"aten::{name}", f"prim::{name}"}
            is_refused = f"aten::{name}" in refused_operators()
            if name in self._names.declared and not (is_refused and is_called):
                continue
            if is_refused or not operators & allowed_operators():
                yield Use(f"aten::{name}", self._line.where)

    def _next(self, at: int) -> str:
        return self._line.tokens[at + 1].text if at + 1 < len(self._line.tokens) else ""

    def _state_refusal(self) -> SourceError:
        return self._refusal("a method that runs while the archive is loaded (__setstate__)", "none")

    def _refusal(self, got: str, expected: str) -> SourceError:
        return SourceError(f"{self._line.where}: got {got}, expected {expected}")


def _is_attribute(tokens: Sequence[Token]) -> bool:
    """Say whether the line of a class declares a value of each object, and not a constant of the class."""
    texts = [token.text for token in tokens]
    return texts[0] == "__annotations__" or (texts[1:2] == [":"] and texts[2:3] != ["Final"])


def _declared(line: Line) -> str | None:
    """Return the attribute or method that a line of a class declares."""
    tokens = line.tokens
    if tokens[0].text == "def":
        return tokens[1].text
    if tokens[0].text == "__annotations__" and len(tokens) > 3 and tokens[2].kind == "string":
        found = tokens[2].text[1:-1]
        if not _PLAIN.fullmatch(tokens[2].text) or found in _STATE_METHODS:
            raise SourceError(f"{line.where}: got attribute {show(found)}, expected a plain name")
        return found
    return tokens[0].text if tokens[0].kind == "chain" else None
