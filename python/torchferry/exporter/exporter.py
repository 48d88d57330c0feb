"""One call from a module to a bundle: export, write goldens and tolerances, run what was written, then publish it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from pathlib import Path

import numpy as np
import torch

from torchferry.bounds.choice import output_bounds
from torchferry.bounds.cudnn import bounds_on_cuda
from torchferry.bounds.drawn_samples import tried_samples
from torchferry.bounds.quantized import with_headroom
from torchferry.bundle.call_checks import check_inputs
from torchferry.bundle.contract import BATCH, Array, Contract
from torchferry.bundle.golden import CaseArrays, write_case
from torchferry.bundle.manifest import FORMAT_VERSION, NOT_RUN, Accepted, Artifact, Golden, Manifest, Training
from torchferry.bundle.manifest_json import checked_metadata
from torchferry.bundle.printable import printable
from torchferry.bundle.reader import Bundle, open_own_bundle
from torchferry.bundle.writer import file_entry, staging_folder, write_manifest
from torchferry.compare.class_names import require_as_many_as_scores, require_class_names
from torchferry.compare.tolerance import Bound, tolerances
from torchferry.engines.numerics import torch_numerics
from torchferry.engines.torchscript_operators import checked_permissions
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.acceptance import check_written, with_acceptance
from torchferry.exporter.both_languages import check_in_cpp
from torchferry.exporter.held_sizes import larger_batches
from torchferry.exporter.refused import RefusedFormatError, named_answers, named_format
from torchferry.exporter.streamed import NotStreamedError, stream_cases
from torchferry.exporter.stressed import stress_case
from torchferry.formats import registry
from torchferry.formats.registry import Format, Io
from torchferry.intake.golden_cases import GoldenInputs, golden_cases
from torchferry.intake.index_ranges import with_index_ranges
from torchferry.intake.mixing import mixing_evidence
from torchferry.intake.outputs import resize, symbol_sizes
from torchferry.intake.reference import Reference
from torchferry.intake.refusals import require_eval
from torchferry.intake.source import Exporter, ExportSource, Quantization
from torchferry.intake.stress import NotStressedError
from torchferry.intake.synthetic import clipped
from torchferry.version import VERSION

__all__ = ["BundleRequest", "GoldenInputs", "Note", "export_bundle", "print_note"]

Note = Callable[[str], None]
UNDER_WAY = f"{NOT_RUN}the export has not ended"


def print_note(text: str) -> None:
    """Print a note about an export that goes on, as one line on stderr."""
    print(f"note: {printable(text)}", file=sys.stderr)


@dataclass(frozen=True)
class BundleRequest:
    """What is to be exported, and to where.

    `formats`: besides these, `export` (which engine `eager` runs) is written where torch.export takes the module. Of format `c`:
    `max_bytes` of its tables, `max_ram` of its workspace, `separate_weights` in a file of their own. `quantization`: what format
    `c-int8` is calibrated on; default: half of the real goldens; `io`: what its structs have; `from_module`: the module must have
    scales of its own. `allow_ops`: operators that TorchScript may use besides those that need no permission; the manifest records
    them. `metadata`: free texts of the manifest. `stress`: add a case of inputs that hurt (intake/stress.py). `may_skip`: leave out a
    format that refuses the module, and say so.
    """

    module: torch.nn.Module
    name: str
    contract: Contract
    golden: GoldenInputs
    formats: Sequence[str]
    out: Path
    training: Training | None = None
    force: bool = False
    max_bytes: int | None = None
    max_ram: int | None = None
    separate_weights: bool = False
    quantization: Quantization | None = None
    io: Io = "float"
    from_module: bool = False
    allow_ops: Collection[str] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    stress: bool = True
    may_skip: bool = False
    note: Note = print_note


def export_bundle(request: BundleRequest) -> Bundle:
    """Export a module in eval mode as a bundle, and return the bundle.

    The bundle appears only if every artifact, run from the files written, agrees with eager on the goldens and at
    other batch sizes. Raises FerryError: USAGE for an unknown format, BAD_INPUT for goldens outside the contract or a module in
    train mode, FORMAT where a format cannot express the module, MISMATCH where an artifact disagrees, IO.
    """
    checked_metadata(request.metadata)
    require_eval(request.module)
    request = replace(request, note=_once(request.note))
    while True:
        try:
            return _export(request)
        except RefusedFormatError as refusal:
            request = _without(request, refusal)


def _once(note: Note) -> Note:
    """Return a note that says nothing twice: an export begins again without a format that refused."""
    said: set[str] = set()

    def tell(text: str) -> None:
        if text not in said:
            said.add(text)
            note(text)

    return tell


def _without(request: BundleRequest, refusal: RefusedFormatError) -> BundleRequest:
    """Return the request without the format that refused. Raises the refusal where nothing may be left out, or nothing would be left."""
    left = [name for name in request.formats if name != refusal.row.name]
    if not request.may_skip or not left or len(left) == len(request.formats):
        raise refusal
    what = "WRONG ANSWERS: " if refusal.has_wrong_answers else ""
    reason = str(refusal).removesuffix("; nothing was written").removesuffix(f"; leave {refusal.row.name} out")
    request.note(f"{what}the bundle has no {refusal.row.name} artifact: {reason}")
    rows = registry.chosen(left)
    if not any(row.limits_size for row in rows):
        request = replace(request, max_bytes=None, max_ram=None)
    if not any(row.separates_weights for row in rows):
        request = replace(request, separate_weights=False)
    return replace(request, formats=left)


def _export(request: BundleRequest) -> Bundle:
    rows = registry.chosen(request.formats)
    contract = _bounded(request.contract, rows)
    reference = Reference(request.module, contract)
    given = golden_cases(reference, contract, request.golden)
    require_as_many_as_scores(contract, given)
    require_class_names(contract, given)
    contract = _with_samples(contract, reference, request, rows, given[0])
    source = with_index_ranges(_source(request, contract, rows), request.note)
    for larger in larger_batches(source, reference, request.golden.arrays):
        if source.contract.samples == "independent":
            source = source.with_contract(_with_samples(source.contract, reference, request, rows, larger))
    if any(row.quantizes for row in rows):
        source = with_headroom(source)
    with staging_folder(request.out, force=request.force) as folder:
        artifacts = _write_artifacts(rows, source, folder, request.note)
        cases, bounds = _with_bounds(request, source, reference, given, rows)
        write_manifest(folder, _written(request, source, cases, bounds, rows, artifacts, folder))
        bundle, in_python = check_written(open_own_bundle(folder), source, reference, given[0], request.note)
        write_manifest(folder, bundle.manifest)
        write_manifest(folder, with_acceptance(bundle.manifest, in_python, check_in_cpp(bundle, request.note)))
    return open_own_bundle(request.out)


def _with_bounds(
    request: BundleRequest, source: ExportSource, reference: Reference, cases: Sequence[CaseArrays], rows: Sequence[Format]
) -> tuple[Sequence[CaseArrays], Mapping[str, Bound]]:
    """Return the cases, with stress case and stream where there are such, and bounds that hold on each. Raises FerryError(MISMATCH).

    A bundle with int8 has no stress case: it saturates beyond the ranges of its calibration data, and says so.
    """
    more: list[CaseArrays] = []
    with np.errstate(all="ignore"):  # of weights that are no numbers, which the exporters refuse in words
        single = bounds = output_bounds(source, cases, request.note)
        if request.stress and not any(row.quantizes for row in rows):
            try:
                stress, bounds = stress_case(source, reference, cases, single)
                more.append(stress)
            except NotStressedError as error:
                request.note(f"the bundle has no stress case: {error}")
        if source.contract.state:
            try:
                steps, streamed = stream_cases(source, request.golden, single)
                more += steps
                bounds = {name: max(bound, streamed[name], key=lambda one: one.value) for name, bound in bounds.items()}
            except NotStreamedError as error:
                request.note(f"the bundle has no stream: {error}")
    return [*cases, *more], bounds


def _with_samples(
    contract: Contract, reference: Reference, request: BundleRequest, rows: Sequence[Format], goldens: CaseArrays
) -> Contract:
    """Return the contract that says whether samples [N, ...] are independent. Raises FerryError(FORMAT) for a format that needs them to be."""
    most = tried_samples(request.module, contract, goldens.inputs)
    evidence = mixing_evidence(reference.float64, contract, goldens, most=most)
    if evidence is None and contract.samples == "independent":
        return contract
    why = evidence or "the contract says so"
    for row in rows:
        if row.sample_by_sample:
            error = FerryError(
                ExitCode.FORMAT,
                f"format {row.name}: got a module that mixes the samples of a batch ({why}), expected one whose samples are independent: "
                "it runs one sample after the other; give it samples of a fixed number as one input without N, or export another format",
            )
            raise RefusedFormatError(row, error)
    request.note(f"an answer depends on the samples in the same batch ({why}): the contract says so, and predict cuts no input")
    return contract.model_copy(update={"samples": "batch"})


def _source(request: BundleRequest, contract: Contract, rows: Sequence[Format]) -> ExportSource:
    """Return what every format's exporter is given. Raises FerryError(BAD_INPUT) for goldens outside the contract."""
    golden = request.golden
    for inputs in (golden.arrays, *golden.more):
        check_inputs(contract, inputs)
    return ExportSource(
        request.module,
        contract,
        _examples(contract, golden.arrays),
        request.name,
        _provenance(request.name, golden, request.training),
        _size_limit("--max-bytes", request.max_bytes, rows),
        _size_limit("--max-ram", request.max_ram, rows),
        _separate_weights(request, rows),
        _quantization(request),
        checked_permissions(request.allow_ops),
        request.metadata,
    )


def _quantization(request: BundleRequest) -> Quantization | None:
    """Return what int8 is calibrated on: what was given, or half of real goldens."""
    golden = request.golden
    found = request.quantization or (Quantization.of_samples(golden.arrays) if golden.source == "real" else None)
    return None if found is None else replace(found, io=request.io, from_module=request.from_module)


def _written(
    request: BundleRequest,
    source: ExportSource,
    cases: Sequence[CaseArrays],
    bounds: Mapping[str, Bound],
    rows: Sequence[Format],
    written: Sequence[Artifact],
    folder: Path,
) -> Manifest:
    """Write goldens into `folder`, and the artifacts that hold bounds, and return the manifest that lists all."""
    own = _own_bounds(source, cases, bounds, rows)
    late = [
        write_artifact(row, source.with_bounds(own.get(row.engine, bounds)), folder, request.note)
        for row in rows
        if row.check is not None
    ]
    artifacts = sorted([*written, *late], key=lambda artifact: artifact.format)
    return Manifest(
        format_version=FORMAT_VERSION,
        name=request.name,
        contract=source.contract,
        artifacts=tuple(artifacts),
        golden=Golden(
            source="real" if request.golden.source == "real" else "synthetic",
            description=request.golden.description,
            numerics=torch_numerics(),
            cases=tuple(write_case(folder, source.contract, case) for case in cases),
        ),
        tolerances=tolerances(
            source.contract, cases, [artifact.engine for artifact in artifacts], bounds, own, bounds_on_cuda(source, bounds)
        ),
        training=request.training,
        metadata=checked_metadata(request.metadata),
    )


def _bounded(contract: Contract, rows: Sequence[Format]) -> Contract:
    """Return the contract with a largest batch, if a format plans memory for one and the user gave none.

    The limit stands in the contract, so that every engine of the bundle takes and refuses the same inputs.
    """
    largest = [row.largest_batch for row in rows if row.largest_batch is not None]
    limits = contract.symbols.get(BATCH)
    return contract if not largest or limits is None or limits.max is not None else contract.with_max_batch(min(largest))


def _own_bounds(
    source: ExportSource, cases: Sequence[CaseArrays], bounds: Mapping[str, Bound], rows: Sequence[Format]
) -> dict[str, dict[str, Bound]]:
    """Return the bounds by engine, of engines that compute in another way: no quantised one without calibration data, which it refuses."""
    calibrated = source.quantization is not None
    own = {row.engine: row.own_bounds for row in rows if row.own_bounds is not None and (calibrated or row.quantizes is None)}
    found = {}
    for engine, rule in own.items():
        with named_answers(engine):
            found[engine] = registry.load(rule)(source, cases, bounds)
    return found


def _provenance(name: str, golden: GoldenInputs, training: Training | None) -> str:
    origin = "" if training is None else f"Trained by recipe {training.recipe}: {training.epochs} epochs, seed {training.seed}.\n"
    return f"Bundle {name}, written by torchferry {VERSION} from torch {torch.__version__}.\n{origin}Self-test on {golden.source} inputs: {golden.description}."


def _separate_weights(request: BundleRequest, rows: Sequence[Format]) -> bool:
    if request.separate_weights and not any(row.separates_weights for row in rows):
        formats = ",".join(row.name for row in rows)
        raise FerryError(ExitCode.USAGE, f"--separate-weights applies to format c only (got --to {formats})")
    return request.separate_weights


def _size_limit(option: str, limit: int | None, rows: Sequence[Format]) -> int | None:
    if limit is not None and not any(row.limits_size for row in rows):
        formats = ",".join(row.name for row in rows)
        raise FerryError(ExitCode.USAGE, f"{option} applies to format c only (got --to {formats})")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, Integral) or limit < 1):
        raise FerryError(ExitCode.USAGE, f"{option}: got {limit}, expected a whole number, at least 1")
    return limit


def _write_artifacts(rows: Sequence[Format], source: ExportSource, folder: Path, note: Note) -> list[Artifact]:
    """Write the formats that hold no bounds, and check the others, before bounds are computed, which takes longest.

    The program may be missing if nobody asked for it. Raises FerryError(FORMAT).
    """
    program = registry.program_format()
    artifacts = []
    for row in sorted({*rows, program}, key=lambda row: (row.native_code and row.check is None, row.name)):  # a compiler last
        try:
            if row.check is None:
                artifacts.append(write_artifact(row, source, folder, note))
                continue
            with named_format(row):
                registry.load(row.check)(source)
        except FerryError as error:
            if error.code != ExitCode.FORMAT or row in rows or not rows:  # without it the bundle would hold nothing
                raise
            note(f"the bundle has no {row.name} artifact: {error}")
    return artifacts


def write_artifact(row: Format, source: ExportSource, folder: Path, note: Note) -> Artifact:
    """Write the files of one format into `folder`. Raises what the format's exporter raises."""
    with named_format(row):
        export: Exporter = registry.load(row.exporter)
        written = export(source, folder)
    for text in written.notes:
        note(text)
    return Artifact(
        format=row.name,
        engine=row.engine,
        files=tuple(file_entry(folder, name) for name in written.files),
        producer=written.producer,
        requires=dict(written.requires),
        accepted=Accepted.of(cpp=UNDER_WAY, python=UNDER_WAY),
    )


def _examples(contract: Contract, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the goldens [N, ...] with every symbol at 2 or more: torch.export takes a size of 0 or 1 for a constant."""
    sizes = symbol_sizes(contract.inputs, inputs)
    return resize(
        inputs, contract.inputs, {symbol: clipped(max(size, 2), contract.symbols[symbol]) for symbol, size in sizes.items()}
    )
