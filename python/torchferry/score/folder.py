"""The output folder: one file a part, which exists whole or not at all, and under `_score/` the plan and a receipt for each part.

A receipt is written before its part gets its name: a part without a receipt of the same digest counts as not there.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from torchferry.bundle.contract import Size, Strict
from torchferry.bundle.digest import sha256_of_stream
from torchferry.bundle.problem import read_model
from torchferry.bundle.strict_json import JsonError, parse_strictly
from torchferry.errors import ExitCode, FerryError
from torchferry.score.plan import Digest, Part, Plan
from torchferry.score.rows import Skipped

_BOOKS = "_score"
_PLAN = "plan.json"
_SUMMARY = "_score.json"
SKIPPED = "_skipped.jsonl"
_ADVICE = "name another folder"


class Receipt(Strict):
    """What one part holds, and who answered. `rows`: its answers; `skipped`: the rows without one."""

    part: Size
    first: Size
    file: str
    rows: Size
    skipped: Size
    bytes: Size
    sha256: Digest
    engine: str
    runtime: str
    numerics: str
    node: str


class Summary(Strict):
    """The whole run, written last: `_score.json` is there when every part is."""

    format_version: int
    plan: Plan
    rows: Size
    skipped: Size
    parts: tuple[Receipt, ...]


class OutputFolder:
    """The folder of one run."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self._kind, self._books = path, kind, path / _BOOKS

    def file_of(self, part: int) -> str:
        """Return the name of a part's file."""
        return f"part-{part:05}.{self._kind}"

    def read_plan(self) -> Plan | None:
        """Return the plan of the run that began here; None where none did. Raises FerryError(IO or FORMAT)."""
        found = _read_json(self._books / _PLAN)
        return None if found is None else read_model(Plan, found, str(self._books / _PLAN), what="a plan", advice=_ADVICE)

    def begin(self, plan: Plan) -> None:
        """Make the folder and write the plan. Raises FerryError(IO) where something else is there."""
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise FerryError(
                ExitCode.IO, f"{self.path}: got an existing path, expected none; add --resume to go on, or name another folder"
            )
        self._books.mkdir(parents=True, exist_ok=True)
        write_whole(self._books / _PLAN, _dump(plan))

    def tidy(self) -> None:
        """Remove what killed workers left unfinished."""
        for path in self._books.glob(".*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def done(self, parts: Sequence[Part]) -> Iterator[Receipt]:
        """Yield the receipts of the parts that are there whole: their bytes are read."""
        for part in parts:
            receipt = self._receipt(part)
            path = self.path / self.file_of(part.index)
            if receipt is not None and path.is_file() and _digest(path) == receipt.sha256:
                yield receipt

    def staging(self) -> Path:
        """Make a folder of one worker for files without their names yet. Raises OSError."""
        return Path(tempfile.mkdtemp(prefix=".", dir=self._books))

    def publish(self, staged: Path, receipt: Receipt, skipped: Sequence[Skipped]) -> None:
        """Give a part its name, after its receipt and its skipped rows are on the disk. Raises OSError."""
        _sync(staged)
        write_whole(self._skipped_file(receipt.part), b"".join(json.dumps(asdict(row)).encode() + b"\n" for row in skipped))
        write_whole(self._receipt_file(receipt.part), _dump(receipt))
        staged.replace(self.path / receipt.file)

    def finish(self, plan: Plan, receipts: Sequence[Receipt]) -> Summary:
        """Write the list of skipped rows and the summary. Raises FerryError(IO), FerryError(INTERNAL) for a row lost or doubled."""
        _require_every_row(plan, receipts)
        skipped = sum(receipt.skipped for receipt in receipts)
        lines = [self._skipped_file(receipt.part).read_bytes() for receipt in receipts if receipt.skipped]
        if lines:
            write_whole(self.path / SKIPPED, b"".join(lines))
        rows = sum(receipt.rows for receipt in receipts)
        summary = Summary(format_version=1, plan=plan, rows=rows, skipped=skipped, parts=tuple(receipts))
        write_whole(self.path / _SUMMARY, _dump(summary))
        return summary

    def _receipt(self, part: Part) -> Receipt | None:
        """Return the receipt of a part; None where there is none, or none of this part."""
        path = self._receipt_file(part.index)
        found = _read_json(path)
        if found is None or not self._skipped_file(part.index).exists():
            return None
        receipt = read_model(Receipt, found, str(path), what="a receipt", advice="remove it")
        fits = (receipt.part, receipt.first, receipt.rows + receipt.skipped) == (part.index, part.first, part.rows)
        return receipt if fits else None

    def _receipt_file(self, part: int) -> Path:
        return self._books / f"part-{part:05}.json"

    def _skipped_file(self, part: int) -> Path:
        return self._books / f"part-{part:05}.skipped"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all. Raises OSError."""
    descriptor, staged = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
            os.fchmod(descriptor, 0o644)
        Path(staged).replace(path)
    except BaseException:
        Path(staged).unlink(missing_ok=True)
        raise


def _require_every_row(plan: Plan, receipts: Sequence[Receipt]) -> None:
    """Require that each row of the inputs is answered or skipped in one part, in order."""
    at = 0
    for index, receipt in enumerate(receipts):
        if (receipt.part, receipt.first) != (index, at):
            raise FerryError(ExitCode.INTERNAL, f"part {index}: got row {receipt.first} first, expected {at}; please report this")
        at += receipt.rows + receipt.skipped
    if at != plan.rows:
        raise FerryError(ExitCode.INTERNAL, f"got answers to {at} rows, expected {plan.rows}; please report this")


def _dump(model: Strict) -> bytes:
    return json.dumps(model.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _read_json(path: Path) -> object | None:
    try:
        return parse_strictly(path.read_bytes())
    except FileNotFoundError:
        return None
    except JsonError as error:
        raise FerryError(ExitCode.FORMAT, f"{path}: {error}; {_ADVICE}") from None
    except OSError as error:
        raise FerryError(ExitCode.IO, f"{path}: got {error.strerror}, expected a readable file; {_ADVICE}") from None


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return sha256_of_stream(stream)


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
