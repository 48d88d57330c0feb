"""The door in front of a TorchScript archive: it is read and judged here, before torch.jit sees it.

cpp/engines/torchscript_door.cpp is its twin. torch.jit.load compiles every class of an archive, runs the defaults of its
parameters and its `__setstate__` methods, and believes its zip and its pickles; what it loaded may read and write files. So
every file of code and every pickle is judged whatever uses it, and each operator must be in torchscript_operators.txt or in
`allowed`. The zip must have only one reading.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torchferry.bundle.stored_zip import Member, Rules, read_members
from torchferry.engines.torchscript_lines import SourceError
from torchferry.engines.torchscript_operators import allowed_operators, recorded_operators
from torchferry.engines.torchscript_pickle import PickleError, check_pickle, show
from torchferry.engines.torchscript_source import Names, Source, Use
from torchferry.errors import ExitCode, FerryError

_RULES = Rules(max_entries=65535, allow_deflate=True, check_crc=False)  # the SHA-256 of the whole file has been checked
_MAX_TEXT = 256 * 1024 * 1024  # bytes of code and pickles together
_KNOWN = re.compile(
    r"version|byteorder|\.data/version|\.data/serialization_id|\.format_version|\.storage_alignment"
    r"|traced_inputs\.pkl|traced_inputs/[0-9]+"  # read by nobody: only torch.jit.load(_restore_shapes=True) would
    r"|(?:data|constants)\.pkl|(?:data|constants)/[0-9]+|code/(?:[A-Za-z_][A-Za-z0-9_]*/)*[A-Za-z_][A-Za-z0-9_]*\.py(?:\.debug_pkl)?"
)
_LEAVES = frozenset({"prim::Constant", "prim::GetAttr", "prim::CallMethod", "prim::CallFunction"})  # no blocks; they are many
_PICKLES = ("data.pkl", "constants.pkl")


@dataclass(frozen=True)
class Scan:
    """What an archive names: where each operator outside the list was first seen, and whether any of its code prints."""

    outside: Mapping[str, str]
    prints: bool


def scan_archive(path: str, data: bytes) -> Scan:
    """Judge an archive; `path` is for messages. Raises FerryError(FORMAT) for what no permission opens."""
    entries = _Entries(path, data)
    names = Names()
    sources = []
    for name in entries.code:
        source = entries.guarded(name, lambda text, name=name: Source(name, text.decode("latin-1")))
        entries.guarded(name, lambda _, source=source: source.declare(names))
        sources.append((name, source))
    for name, storages in entries.pickles():
        entries.guarded(name, lambda content, storages=storages: check_pickle(content, storages))
    outside: dict[str, str] = {}
    for name, source in sources:
        for use in entries.guarded(name, lambda _, source=source: list(source.uses(names))):
            if use.operator not in allowed_operators():
                outside.setdefault(use.operator, use.where)
    return Scan(outside, any(source.prints for _, source in sources))


def check_archive(path: str, data: bytes, allowed: Collection[str], requires: Mapping[str, str]) -> Scan:
    """Judge an archive before it is loaded. Raises FerryError(FORMAT) that names the operator, its method, and what to do."""
    scan = scan_archive(path, data)
    for operator, where in scan.outside.items():
        if operator not in allowed:
            raise operator_refusal(path, Use(operator, where), requires)
    return scan


def check_functions(path: str, unit: Any, allowed: Collection[str], requires: Mapping[str, str]) -> None:
    """Judge what was compiled, before it is frozen or run: each function and method of the archive. Raises FerryError(FORMAT)."""
    known = allowed_operators() | set(allowed)
    judged = 0
    while len(functions := unit.get_functions()) > judged:  # looking at one may compile others
        for function in functions[judged:]:
            for kind in _kinds(function.graph):
                if kind not in known:
                    raise operator_refusal(path, Use(kind, function.qualified_name), requires)
        judged = len(functions)


def operator_refusal(path: str, use: Use, requires: Mapping[str, str]) -> FerryError:
    """Return the refusal of an operator, with the way to allow it."""
    recorded = use.operator in recorded_operators(requires)
    return FerryError(
        ExitCode.FORMAT,
        f"engine torchscript: {path}: {use.where}: got operator {use.operator}{', which the manifest says its exporter allowed' if recorded else ''}, expected "
        f"one that only computes; pass --allow-op {use.operator} (allow_ops) if you trust this bundle with it",
    )


def _kinds(block: Any) -> Iterator[str]:
    """Yield the kinds of a block's nodes, inner ones too."""
    for node in block.nodes():
        kind = node.kind()
        yield kind
        if kind in _LEAVES:
            continue
        for inner in node.blocks():
            yield from _kinds(inner)
        for name in node.attributeNames() if kind not in allowed_operators() else ():
            if node.kindOf(name) == "g":
                yield from _kinds(node.g(name))


class _Entries:
    """The entries of one archive, all of known kinds below one folder."""

    def __init__(self, path: str, data: bytes) -> None:
        self._path = path
        try:
            members = read_members(memoryview(data), _RULES)
        except ValueError as error:
            raise self._refusal(str(error)) from None
        self._members = self._check_names(members)
        self._contents = self._read()

    @property
    def code(self) -> list[str]:
        """The names of the files of code."""
        return [name for name in self._contents if name.endswith(".py")]

    def pickles(self) -> Iterator[tuple[str, dict[str, int] | None]]:
        """Yield each pickle with the sizes of its storages; those of line numbers have none."""
        for name in self._contents:
            if name in _PICKLES:
                folder = f"{name.removesuffix('.pkl')}/"
                yield (
                    name,
                    {key.removeprefix(folder): member.size for key, member in self._members.items() if key.startswith(folder)},
                )
            elif name.endswith(".debug_pkl"):
                yield name, None  # line numbers, which LibTorch reads for its messages

    def guarded(self, name: str, judge: Any) -> Any:
        """Return what `judge` makes of an entry's content; its refusal names the entry."""
        try:
            return judge(self._contents[name])
        except SourceError as error:
            raise self._refusal(str(error)) from None
        except PickleError as error:
            raise self._refusal(f"{name}: {error}") from None

    def _check_names(self, members: Mapping[str, Member]) -> dict[str, Member]:
        """Return the entries by their names inside the folder."""
        root = min(members).partition("/")[0]
        inside: dict[str, Member] = {}
        lower: set[str] = set()
        for name, member in sorted(members.items()):
            folder, _, inner = name.partition("/")
            kind = _KNOWN.fullmatch(inner)
            if folder != root or kind is None:
                raise self._refusal(f"entry {show(name)}: got an entry of no known kind, expected those of torch.jit.save only")
            if member.is_deflated and not inner.startswith("code/"):
                raise self._refusal(f"entry {show(name)}: got a deflated entry, expected a stored one")
            if inner.lower() in lower:  # LibTorch finds entries without regard to case
                raise self._refusal(f"entry {show(name)}: got this name in another case too, expected each name once")
            lower.add(inner.lower())
            inside[inner] = member
        for name in _PICKLES:
            if name not in inside:
                raise self._refusal(f"got no entry {name}, expected it; torch.jit.save writes it")
        return inside

    def _read(self) -> dict[str, bytes]:
        """Return the contents of code and pickles."""
        texts = {
            name: member
            for name, member in sorted(self._members.items())
            if name in _PICKLES or name.endswith((".py", ".debug_pkl"))
        }
        total = sum(member.size for member in texts.values())
        if total > _MAX_TEXT:
            raise self._refusal(f"got more than {_MAX_TEXT} bytes of code and pickles, expected at most that")
        return {name: self._inflate(name, member) if member.is_deflated else bytes(member.data) for name, member in texts.items()}

    def _inflate(self, name: str, member: Member) -> bytes:
        """LibTorch takes what lies in its memory for bytes that cannot be inflated, so each must be there."""
        try:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(member.data, member.size) if member.size else b""
        except zlib.error:
            content = b""
        if len(content) != member.size or zlib.crc32(content) != member.crc:
            raise self._refusal(f"entry {show(name)}: got bytes that cannot be inflated, expected {member.size}")
        return content

    def _refusal(self, text: str) -> FerryError:
        return FerryError(ExitCode.FORMAT, f"engine torchscript: {self._path}: {text}; export the bundle again")
