"""`ferry score` as one call: plan, go on where a killed run ended, answer what is left, count every row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from torchferry.bundle.contract import Contract
from torchferry.bundle.digest import sha256_of
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.bundle.trust import Trust, demands
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.proven import Chosen
from torchferry.proof.where import Where
from torchferry.samples.columns import TableOptions
from torchferry.samples.objects import is_object
from torchferry.samples.sink import check_output
from torchferry.score.folder import OutputFolder, Receipt, Summary
from torchferry.score.in_process import run_here
from torchferry.score.job import BadRows, Job, Promise
from torchferry.score.on_ray import Cluster, require_ray, run_on_ray
from torchferry.score.plan import Part, Plan, Settings, cut, require_same
from torchferry.score.survey import require_unchanged, survey
from torchferry.score.worker import Fault

_PART_ROWS = 16_384
Progress = Callable[[int, int], None]  # rows that are done, of all


@dataclass(frozen=True)
class Request:
    """What the user asks for. `cluster` None: this process alone. `batch` and `part_rows` None: what suits the contract."""

    bundle: str
    inputs: Sequence[str]
    output: str
    where: Where
    cluster: Cluster | None = None
    trust: Trust | None = None
    engine: str | None = None
    batch: int | None = None
    part_rows: int | None = None
    format: str = "jsonl"
    select: str | None = None
    top: int | None = None
    table: TableOptions = field(default_factory=TableOptions)
    bad_rows: BadRows = "fail"
    allow: Promise = "bits"
    resume: bool = False


@dataclass(frozen=True)
class Scored:
    """What a run came to: all of it, and how many parts were there before."""

    summary: Summary
    found: int


def score(request: Request, progress: Progress) -> Scored:
    """Score every row of the inputs into numbered parts; `progress` is told after each part.

    Raises FerryError: the first that a worker reports, USAGE for options that do not fit or a run that was begun with others, IO.
    """
    if request.cluster is not None:
        require_ray()
    job, plan = _prepare(request)
    folder = OutputFolder(request.output, request.format)
    with folder.writer():
        plan = _begin(folder, plan, request)
        parts = list(cut(plan))
        receipts = {receipt.part: receipt for receipt in folder.done(parts)} if request.resume else {}
        found = len(receipts)
        left = [part for part in parts if part.index not in receipts]
        for answer in _answers(job, left, request.cluster):
            if isinstance(answer, Fault):
                raise answer.error()
            receipts[answer.part] = answer
            progress(sum(one.rows + one.skipped for one in receipts.values()), plan.rows)
        require_unchanged(plan)
        return Scored(_finish(folder, plan, [receipts[part.index] for part in parts if part.index in receipts]), found)


def _finish(folder: OutputFolder, plan: Plan, receipts: Sequence[Receipt]) -> Summary:
    try:
        return folder.finish(plan, receipts)
    except OSError as error:
        raise _not_writable(folder, error) from None


def _not_writable(folder: OutputFolder, error: OSError) -> FerryError:
    return FerryError(
        ExitCode.IO,
        f"{folder.name}: got {error.strerror}, expected a folder that can be written; check its disk, then --resume",
    )


def _answers(job: Job, parts: Sequence[Part], cluster: Cluster | None) -> Iterator[Receipt | Fault]:
    if not parts:
        return iter(())
    return run_here(job, parts) if cluster is None else run_on_ray(job, parts, cluster)


def _begin(folder: OutputFolder, plan: Plan, request: Request) -> Plan:
    """Return the plan to follow: that of the run that began here, or the new one, which then stands in the folder."""
    before = folder.read_plan() if request.resume else None
    try:
        if before is None:
            folder.begin(plan)
            return plan
        folder.tidy()
    except OSError as error:
        raise _not_writable(folder, error) from None
    numerics = plan.settings.numerics if request.allow == "bound" else before.settings.numerics
    require_same(before.with_numerics(numerics), plan, folder.name)
    return plan


def _prepare(request: Request) -> tuple[Job, Plan]:
    """Open the bundle, look at the inputs, and say how each row will be answered."""
    bundle = open_bundle(request.bundle, trust=request.trust)
    contract = bundle.contract
    batch = _batch_of(contract, request)
    kind, names = check_output(
        contract,
        f"part.{request.format}",
        format_name=request.format,
        select=request.select,
        id_column=request.table.id_column,
        top=request.top,
    )
    _require_one_file(kind, names)
    streams = survey(contract, request.inputs, request.table, request.bad_rows)
    where = replace(request.where, isolate=None, timeout=0)
    session = where.open_first(bundle) if request.engine is None else where.open(bundle, request.engine)
    job = _job(request, bundle, session.engine, session.numerics, batch)
    settings = _settings(job, request.part_rows or max(_PART_ROWS // batch, 1) * batch)
    plan = Plan(
        format_version=1,
        name=bundle.manifest.name,
        manifest_sha256=job.chosen.manifest_sha256,
        settings=settings,
        streams=tuple(streams),
    )
    return job, plan


def _job(request: Request, bundle: Bundle, engine: str, numerics: str, batch: int) -> Job:
    asked = demands(request.trust)
    chosen = Chosen(
        bundle=str(Path(request.bundle).absolute()),
        manifest_sha256=sha256_of(bundle.manifest_json),
        trust=_absolute(asked[0]) if asked else None,
        engine=engine,
        where=request.where,
    )
    return Job(
        chosen=chosen,
        numerics=numerics,
        batch=batch,
        output=request.output if is_object(request.output) else str(Path(request.output).absolute()),
        format=request.format,
        select=request.select,
        top=request.top,
        table=request.table,
        bad_rows=request.bad_rows,
        allow=request.allow,
    )


def _absolute(trust: Trust) -> Trust:
    return replace(trust, paths=tuple(str(Path(path).absolute()) for path in trust.paths))


def _settings(job: Job, part_rows: int) -> Settings:
    if part_rows < 1 or part_rows % job.batch:
        raise FerryError(
            ExitCode.USAGE,
            f"--part-rows: got {part_rows}, expected a multiple of the batch {job.batch}: no call has rows of two parts",
        )
    table = job.table
    return Settings(
        engine=job.chosen.engine,
        device=job.chosen.where.device,
        threads=job.chosen.where.threads,
        batch=job.batch,
        part_rows=part_rows,
        numerics=job.numerics,
        format=job.format,
        select=job.select,
        top=job.top,
        id=table.id_column,
        delimiter=table.delimiter,
        header=table.header,
        ignore_columns=table.ignore_columns,
        bad_rows=job.bad_rows,
    )


def _batch_of(contract: Contract, request: Request) -> int:
    """Return the samples of one call."""
    if not any(spec.is_batched for spec in contract.inputs):
        raise FerryError(
            ExitCode.USAGE,
            f"{request.bundle}: got a model without a batch N, expected one: it has one sample; use `ferry predict`",
        )
    if request.batch is not None and request.batch < 1:
        raise FerryError(ExitCode.USAGE, f"--batch: got {request.batch}, expected at least 1")
    batch = contract.calls_of(request.batch)
    if batch is None:
        raise FerryError(
            ExitCode.USAGE,
            "--batch: got none for a model whose answers depend on the samples in the same call, expected a number; "
            "say where the rows may be cut",
        )
    if contract.samples == "batch" and request.bad_rows == "skip":
        raise FerryError(
            ExitCode.USAGE,
            "--bad-rows: got skip for a model whose answers depend on the samples in the same call, expected fail: a row left out "
            "would change the others",
        )
    return batch


def _require_one_file(kind: str, names: Sequence[str]) -> None:
    if kind == "png" or (kind == "npy" and len(names) > 1):
        raise FerryError(
            ExitCode.USAGE,
            f"--format: got {kind} for {len(names)} outputs, expected one file a part: jsonl, csv, npz, or npy with --select",
        )
