"""One call from a module to a bundle: export, write goldens and tolerances, run what was written, then publish it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from torchferry.bounds.choice import output_bounds
from torchferry.bundle.contract import BATCH, Array, Contract, check_inputs
from torchferry.bundle.golden import CaseArrays, write_case
from torchferry.bundle.manifest import FORMAT_VERSION, Artifact, Golden, Manifest, Training, checked_metadata
from torchferry.bundle.printable import printable
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.bundle.writer import file_entry, staging_folder, write_manifest
from torchferry.compare.tolerance import Bound, tolerances
from torchferry.engines.numerics import torch_numerics
from torchferry.engines.torchscript_operators import checked_permissions
from torchferry.errors import ExitCode, FerryError
from torchferry.export.acceptance import check_written, with_bits_that_hold
from torchferry.formats import registry
from torchferry.formats.registry import Format
from torchferry.intake.golden_cases import GoldenInputs, golden_cases
from torchferry.intake.outputs import resize, symbol_sizes
from torchferry.intake.reference import Reference
from torchferry.intake.refusals import require_eval
from torchferry.intake.source import Exporter, ExportSource, Quantization
from torchferry.intake.synthetic import clipped
from torchferry.version import VERSION

__all__ = ["GoldenInputs", "Note", "export_bundle", "print_note"]

Note = Callable[[str], None]


def print_note(text: str) -> None:
    """What the user should know about an export that goes on: one line on stderr."""
    print(f"note: {printable(text)}", file=sys.stderr)


def export_bundle(
    module: torch.nn.Module,
    *,
    name: str,
    contract: Contract,
    golden: GoldenInputs,
    formats: Sequence[str],
    out: Path,
    training: Training | None = None,
    force: bool = False,
    max_bytes: int | None = None,
    quantization: Quantization | None = None,
    allow_ops: Collection[str] = (),
    metadata: Mapping[str, str] = MappingProxyType({}),
    note: Note = print_note,
) -> Bundle:
    """Export `module` to `formats` (and `export`, which engine `eager` runs, where torch.export takes it) as the bundle `out`.

    The bundle appears only if every artifact, run from the files written, agrees with eager on the goldens and at
    other batch sizes. `quantization`: what format `c-int8` is calibrated on; default: real goldens. `allow_ops`: operators that
    TorchScript may use besides those that need no permission; the manifest records them. `metadata`: free texts of the manifest. Raises FerryError:
    USAGE for an unknown format, BAD_INPUT for goldens outside the contract or a module in train mode, FORMAT where a
    format cannot express the module, MISMATCH where an artifact disagrees, IO.
    """
    checked_metadata(metadata)
    require_eval(module)
    rows = registry.chosen(formats)
    contract = _bounded(contract, rows)
    check_inputs(contract, golden.arrays)
    source = ExportSource(
        module,
        contract,
        _examples(contract, golden.arrays),
        name,
        _provenance(name, golden, training),
        _size_limit(max_bytes, rows),
        quantization or (Quantization(golden.arrays) if golden.source == "real" else None),
        checked_permissions(allow_ops),
    )
    reference = Reference(module, contract)
    cases = golden_cases(reference, contract, golden.arrays)
    with staging_folder(out, force=force) as folder:
        with np.errstate(all="ignore"):  # of weights that are no numbers, which the exporters refuse in words
            bounds = output_bounds(source, cases)
        own = _own_bounds(source, cases, bounds, rows)
        artifacts = _write_artifacts(rows, source, {**dict.fromkeys((row.engine for row in rows), bounds), **own}, folder, note)
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            name=name,
            contract=contract,
            artifacts=tuple(artifacts),
            golden=Golden(
                source="real" if golden.source == "real" else "synthetic",
                description=golden.description,
                numerics=torch_numerics(),
                cases=tuple(write_case(folder, contract, case) for case in cases),
            ),
            tolerances=tolerances(contract, cases, [artifact.engine for artifact in artifacts], bounds, own),
            training=training,
            metadata=checked_metadata(metadata),
        )
        write_manifest(folder, manifest)
        write_manifest(folder, with_bits_that_hold(open_bundle(folder), note))
        check_written(open_bundle(folder), source, reference, golden.arrays, note)
    return open_bundle(out)


def _bounded(contract: Contract, rows: Sequence[Format]) -> Contract:
    """The contract with a largest batch where a format plans memory for one and the user gave none.

    The limit stands in the contract, so that every engine of the bundle takes and refuses the same inputs.
    """
    largest = [row.largest_batch for row in rows if row.largest_batch is not None]
    limits = contract.symbols.get(BATCH)
    return contract if not largest or limits is None or limits.max is not None else contract.with_max_batch(min(largest))


def _own_bounds(
    source: ExportSource, cases: Sequence[CaseArrays], bounds: Mapping[str, Bound], rows: Sequence[Format]
) -> dict[str, dict[str, Bound]]:
    """By engine, of those that compute in another way; none without calibration data, which the exporter of the format refuses."""
    if source.quantization is None:
        return {}
    return {row.engine: registry.load(row.own_bounds)(source, cases, bounds) for row in rows if row.own_bounds is not None}


def _provenance(name: str, golden: GoldenInputs, training: Training | None) -> str:
    origin = "" if training is None else f"Trained by recipe {training.recipe}: {training.epochs} epochs, seed {training.seed}.\n"
    return f"Bundle {name}, written by torchferry {VERSION} from torch {torch.__version__}.\n{origin}Self-test on {golden.source} inputs: {golden.description}."


def _size_limit(max_bytes: int | None, rows: Sequence[Format]) -> int | None:
    if max_bytes is not None and not any(row.limits_size for row in rows):
        formats = ",".join(row.name for row in rows)
        raise FerryError(ExitCode.USAGE, f"--max-bytes: got {max_bytes} with --to {formats}, expected it with c")
    if max_bytes is not None and max_bytes < 1:
        raise FerryError(ExitCode.USAGE, f"--max-bytes: got {max_bytes}, expected at least 1")
    return max_bytes


def _write_artifacts(
    rows: Sequence[Format], source: ExportSource, bounds: Mapping[str, Mapping[str, Bound]], folder: Path, note: Note
) -> list[Artifact]:
    """Every format in order, and the program, which may be missing where nobody asked for it. Raises FerryError(FORMAT)."""
    program = registry.program_format()
    artifacts = []
    for row in sorted({*rows, program}, key=lambda row: row.name):
        try:
            artifacts.append(write_artifact(row, source.with_bounds(bounds.get(row.engine, {})), folder))
        except FerryError as error:
            if error.code != ExitCode.FORMAT or row in rows:
                raise
            note(f"the bundle has no {row.name} artifact: {error}")
    return artifacts


def write_artifact(row: Format, source: ExportSource, folder: Path) -> Artifact:
    """Write the files of one format into `folder`. Raises what the format's exporter raises."""
    export: Exporter = registry.load(row.exporter)
    written = export(source, folder)
    return Artifact(
        format=row.name,
        engine=row.engine,
        files=tuple(file_entry(folder, name) for name in written.files),
        producer=written.producer,
        requires=dict(written.requires),
    )


def _examples(contract: Contract, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The goldens with every symbol at 2 or more: torch.export takes a size of 0 or 1 for a constant."""
    sizes = symbol_sizes(contract.inputs, inputs)
    return resize(
        inputs, contract.inputs, {symbol: clipped(max(size, 2), contract.symbols[symbol]) for symbol, size in sizes.items()}
    )
