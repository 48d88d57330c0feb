"""A worker: opens the bundle on its own machine, proves it there, then answers parts. Without the proof it answers nothing."""

from __future__ import annotations

import platform
from pathlib import Path

from torchferry.bundle.contract import Strict
from torchferry.bundle.digest import sha256_of
from torchferry.bundle.reader import Bundle
from torchferry.engines.base import Session, empty_outputs
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.proven import open_proven
from torchferry.samples.sink import open_sink
from torchferry.score.folder import OutputFolder, Receipt
from torchferry.score.job import Job
from torchferry.score.plan import Part
from torchferry.score.rows import PartRows


class Fault(Strict):
    """Why a worker gives no answer: what a FerryError says, as a value that goes from process to process, and on which machine."""

    code: int
    message: str
    node: str

    @classmethod
    def of(cls, error: FerryError) -> Fault:
        """Return the fault of an error on this machine."""
        return cls(code=error.code, message=str(error), node=platform.node())

    def of_one_among_many(self) -> Fault:
        """Return the fault with its machine named, unless every machine would say the same: an input is bad everywhere."""
        if self.code == ExitCode.BAD_INPUT:
            return self
        return self.model_copy(update={"message": f"{self.node}: {self.message}"})

    def error(self) -> FerryError:
        """Return the error that it was."""
        return FerryError(ExitCode(self.code), self.message)


class Worker:
    """One proven session, or the reason why there is none."""

    def __init__(self, job: Job) -> None:
        """Open and prove. An error is kept: every part is answered with it."""
        self._job, self._folder = job, OutputFolder(job.output, job.format)
        self._fault: Fault | None = None
        try:
            self._bundle, self._session = _open(job)
        except FerryError as error:
            self._fault = Fault.of(error)

    def score(self, part: Part) -> Receipt | Fault:
        """Answer the rows of a part, and publish them as its file."""
        if self._fault is not None:
            return self._fault
        try:
            return self._score(part)
        except FerryError as error:
            return Fault.of(error)
        except OSError as error:
            text = f"{self._job.output}: got {error.strerror or error}, expected to write to it; check the disk's space, then --resume"
            return Fault.of(FerryError(ExitCode.IO, text))

    def _score(self, part: Part) -> Receipt:
        with self._folder.staging() as staging:
            staged, rows = staging / self._folder.file_of(part.index), PartRows(self._bundle.contract, self._job, part)
            count = self._answer(rows, staged)
            receipt = self._receipt(part, staged, count, len(rows.skipped))
            self._folder.publish(staged, receipt, rows.skipped)
            return receipt

    def _answer(self, rows: PartRows, staged: Path) -> int:
        """Write the answers to a file; return how many there are."""
        job, contract, begun = self._job, self._bundle.contract, False
        sink_of = open_sink(
            contract,
            str(staged),
            format_name=job.format,
            select=job.select,
            total=None,
            id_column=job.table.id_column,
            top=job.top,
        )
        with sink_of as sink:
            for call in rows.calls():
                sink.write(self._session.run(call.inputs), call.ids)
                begun = True
            if not begun:  # every row was skipped; the file says so in its own form
                none = empty_outputs(contract, dict.fromkeys(contract.symbols, 0))
                sink.write(none, None if job.table.id_column is None else [])
        return sink.count

    def _receipt(self, part: Part, staged: Path, rows: int, skipped: int) -> Receipt:
        if rows + skipped != part.rows:
            raise FerryError(
                ExitCode.INTERNAL,
                f"part {part.index}: got {rows} answers, expected {part.rows - skipped}, one a row; please report this",
            )
        data = staged.read_bytes()
        return Receipt(
            part=part.index,
            first=part.first,
            file=staged.name,
            rows=rows,
            skipped=skipped,
            bytes=len(data),
            sha256=sha256_of(data),
            engine=self._session.engine,
            runtime=self._session.runtime,
            numerics=self._session.numerics,
            node=platform.node(),
        )


def _open(job: Job) -> tuple[Bundle, Session]:
    """Open a proven session. Raises FerryError(UNAVAILABLE) where the bits of this machine are others and the job allows none."""
    bundle, session = open_proven(job.chosen)
    if job.allow == "bits" and session.numerics != job.numerics:
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"engine {session.engine}: got kernels {session.numerics or 'unknown'} on this machine, expected {job.numerics or 'unknown'} "
            "as where the run began, so that bits may differ; leave this machine out, or add --allow bound",
        )
    return bundle, session
