"""The store of a fleet: a folder with the reports about one bundle as they came, and an index that names them in their order."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from torchferry.attest.check import read_file
from torchferry.attest.envelope import MAX_BYTES
from torchferry.attest.report import Digest, Report
from torchferry.bundle.contract import Strict
from torchferry.bundle.problem import read_model
from torchferry.bundle.publish import only_writer
from torchferry.bundle.strict_json import parse_json
from torchferry.errors import ExitCode, FerryError
from torchferry.fleet.entry import Belief, Entry, label_of, read_entry

INDEX = "fleet.json"
_ADVICE = "make the store again with `ferry fleet add`"


class _Row(Strict):
    label: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    sha256: Digest


class _Index(Strict):
    format_version: Literal[1]
    name: str
    manifest_sha256: Digest
    reports: Annotated[tuple[_Row, ...], Field(min_length=1, strict=False)]


@dataclass(frozen=True)
class Fleet:
    """All reports about one bundle, in the order in which they came."""

    name: str
    manifest_sha256: str
    entries: tuple[Entry, ...]

    @property
    def latest(self) -> tuple[Entry, ...]:
        """The last report of each machine, by label."""
        last = {entry.label: entry for entry in self.entries}
        return tuple(last[label] for label in sorted(last))

    def before(self, entry: Entry) -> Entry | None:
        """Return the report of the same machine before `entry`; None for its first."""
        own = [other for other in self.entries if other.label == entry.label]
        place = own.index(entry)
        return own[place - 1] if place else None


def load_fleet(store: Path, belief: Belief) -> Fleet:
    """Read a store, every report of it. Raises FerryError: IO, FORMAT, INTEGRITY for a report that was changed or is not believed."""
    index = _read_index(store)
    entries = [_stored(store, row, index, belief) for row in index.reports]
    return Fleet(index.name, index.manifest_sha256, tuple(entries))


def add_reports(store: Path, files: Sequence[Path], belief: Belief) -> Fleet:
    """Add reports to a store, all or none; the first one makes the store, for its bundle.

    Raises FerryError: FORMAT for what is no report, INTEGRITY for one about another bundle or not believed, BAD_INPUT for one that is
    there already, IO.
    """
    with only_writer(store):
        given = [(read_file(path), path) for path in files]
        new = [read_entry(data, label_of(path), str(path), belief) for data, path in given]
        index = _read_index(store) if (store / INDEX).exists() else None
        first = new[0].report if index is None else _stored(store, index.reports[0], index, Belief(belief.now)).report
        rows = list(index.reports) if index is not None else []
        for entry, path in zip(new, files, strict=True):
            _require_new(entry, path, first, rows)
            rows.append(_Row(label=entry.label, sha256=entry.sha256))
        store.mkdir(exist_ok=True)
        for (data, _), entry in zip(given, new, strict=True):
            _write(store, _file_of(entry.label, entry.sha256), data)
        _write(store, INDEX, _dump(_index_of(first, rows)))
    return load_fleet(store, Belief(belief.now))


def _index_of(first: Report, rows: Sequence[_Row]) -> _Index:
    return _Index(format_version=1, name=first.name, manifest_sha256=first.manifest_sha256, reports=tuple(rows))


def _require_new(entry: Entry, path: Path, first: Report, rows: Sequence[_Row]) -> None:
    bundle = first.manifest_sha256
    if entry.report.manifest_sha256 != bundle:
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{path}: got a report about bundle {entry.report.manifest_sha256[:16]}..., expected {bundle[:16]}... as in the store; "
            "keep a store for each bundle",
        )
    if (entry.report.name, entry.report.source) != (first.name, first.source):
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{path}: got {entry.report.source} goldens of {entry.report.name}, expected {first.source} ones of {first.name} as in other reports about "
            f"bundle {bundle[:16]}...; verify again",
        )
    for row in rows:
        if row.sha256 == entry.sha256 and (row.label == entry.label or entry.finished is not None):
            raise FerryError(
                ExitCode.BAD_INPUT, f"{path}: got a report that is there already as {row.label}, expected a new one; leave it out"
            )


def _stored(store: Path, row: _Row, index: _Index, belief: Belief) -> Entry:
    path = store / _file_of(row.label, row.sha256)
    entry = read_entry(_read(path), row.label, str(path), belief)
    if (entry.sha256, entry.report.manifest_sha256) != (row.sha256, index.manifest_sha256):
        raise FerryError(ExitCode.INTEGRITY, f"{path}: got another report than was added, expected that one; {_ADVICE}")
    return entry


def _read_index(store: Path) -> _Index:
    path = store / INDEX
    value = parse_json(_read(path), where=str(path), most=MAX_BYTES, advice=_ADVICE)
    return read_model(_Index, value, str(path), what="the index of a store", advice=_ADVICE)


def _read(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise FerryError(ExitCode.IO, f"{path}: got {error.strerror}, expected a file of the store; {_ADVICE}") from None


def _file_of(label: str, digest: str) -> str:
    return f"{label}-{digest[:16]}.json"


def _dump(index: _Index) -> bytes:
    return json.dumps(index.model_dump(mode="json"), indent=1, sort_keys=True).encode() + b"\n"


def _write(store: Path, name: str, data: bytes) -> None:
    descriptor, staged = tempfile.mkstemp(prefix=".", dir=store)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        Path(staged).chmod(0o644)
        Path(staged).replace(store / name)
    except BaseException:
        Path(staged).unlink(missing_ok=True)
        raise
