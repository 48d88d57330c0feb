"""The output folder: one file a part, which exists whole or not at all, and under `_score/` the plan and a receipt for each part.

A receipt is written before its part gets its name: a part without a receipt of the same digest counts as not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

from torchferry.bundle.contract import Size, Strict
from torchferry.bundle.problem import read_model
from torchferry.bundle.strict_json import JsonError, parse_strictly
from torchferry.errors import ExitCode, FerryError
from torchferry.score.place import BOOKS, place_of
from torchferry.score.plan import Digest, Part, Plan
from torchferry.score.rows import Skipped

_PLAN = f"{BOOKS}/plan.json"
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

    def __init__(self, output: str, kind: str) -> None:
        self._place, self._kind = place_of(output), kind

    @property
    def name(self) -> str:
        """What messages call the folder."""
        return self._place.name

    def file_of(self, part: int) -> str:
        """Return the name of a part's file."""
        return f"part-{part:05}.{self._kind}"

    def writer(self) -> AbstractContextManager[None]:
        """Keep other drivers of this machine out. Raises FerryError(IO)."""
        return self._place.writer()

    def read_plan(self) -> Plan | None:
        """Return the plan of the run that began here; None where none did. Raises FerryError(IO or FORMAT)."""
        found = self._read_json(_PLAN)
        return None if found is None else read_model(Plan, found, f"{self.name}/{_PLAN}", what="a plan", advice=_ADVICE)

    def begin(self, plan: Plan) -> None:
        """Make the folder and write the plan. Raises FerryError(IO) where something else is there."""
        self._place.make()
        self._place.write(_PLAN, _dump(plan))

    def tidy(self) -> None:
        """Remove what killed workers left unfinished."""
        self._place.tidy()

    def done(self, parts: Sequence[Part]) -> Iterator[Receipt]:
        """Yield the receipts of the parts that are there whole: their bytes are read."""
        for part in parts:
            receipt = self._receipt(part)
            if receipt is not None and self._place.digest(self.file_of(part.index)) == receipt.sha256:
                yield receipt

    def staging(self) -> AbstractContextManager[Path]:
        """Give a folder of one worker for files without their names yet; it is removed afterwards. Raises OSError."""
        return self._place.staging()

    def publish(self, staged: Path, receipt: Receipt, skipped: Sequence[Skipped]) -> None:
        """Give a part its name, after its receipt and its skipped rows are there. Raises FerryError(IO), OSError."""
        lines = b"".join(json.dumps(asdict(row)).encode() + b"\n" for row in skipped)
        self._place.write(_skipped_file(receipt.part), lines)
        self._place.write(_receipt_file(receipt.part), _dump(receipt))
        self._place.adopt(staged, receipt.file)

    def finish(self, plan: Plan, receipts: Sequence[Receipt]) -> Summary:
        """Write the list of skipped rows and the summary. Raises FerryError(IO), FerryError(INTERNAL) for a row lost or doubled."""
        _require_every_row(plan, receipts)
        written = self.read_plan()
        if written is None or written.with_numerics(plan.settings.numerics) != plan:
            raise FerryError(
                ExitCode.IO,
                f"{self.name}: got the plan of another run, which began meanwhile, expected this one's; name another folder",
            )
        skipped = sum(receipt.skipped for receipt in receipts)
        lines = [self._place.read(_skipped_file(receipt.part)) or b"" for receipt in receipts if receipt.skipped]
        if lines:
            self._place.write(SKIPPED, b"".join(lines))
        rows = sum(receipt.rows for receipt in receipts)
        self._place.tidy()  # what workers left that were killed while others went on
        summary = Summary(format_version=1, plan=plan, rows=rows, skipped=skipped, parts=tuple(receipts))
        self._place.write(_SUMMARY, _dump(summary))
        return summary

    def _receipt(self, part: Part) -> Receipt | None:
        """Return the receipt of a part; None where there is none, or none of this part."""
        found = self._read_json(_receipt_file(part.index))
        if found is None or self._place.read(_skipped_file(part.index)) is None:
            return None
        where = f"{self.name}/{_receipt_file(part.index)}"
        receipt = read_model(Receipt, found, where, what="a receipt", advice="remove it")
        fits = (receipt.part, receipt.first, receipt.rows + receipt.skipped) == (part.index, part.first, part.rows)
        return receipt if fits else None

    def _read_json(self, name: str) -> object | None:
        where = f"{self.name}/{name}"
        try:
            data = self._place.read(name)
            return None if data is None else parse_strictly(data)
        except JsonError as error:
            raise FerryError(ExitCode.FORMAT, f"{where}: {error}; {_ADVICE}") from None
        except OSError as error:
            raise FerryError(ExitCode.IO, f"{where}: got {error.strerror}, expected a readable file; {_ADVICE}") from None


def _receipt_file(part: int) -> str:
    return f"{BOOKS}/part-{part:05}.json"


def _skipped_file(part: int) -> str:
    return f"{BOOKS}/part-{part:05}.skipped"


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
