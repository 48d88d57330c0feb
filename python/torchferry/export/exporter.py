"""One call from a module to a bundle: export, write goldens and tolerances, run what was written, then publish it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from torchferry.bundle.contract import Array, Contract, check_inputs
from torchferry.bundle.golden import CaseArrays, write_case
from torchferry.bundle.manifest import Artifact, Golden, Manifest, Training
from torchferry.bundle.printable import printable
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.bundle.writer import staging_folder, write_manifest
from torchferry.compare.tolerance import Bound, tolerances
from torchferry.engines.numerics import torch_numerics
from torchferry.errors import ExitCode, FerryError
from torchferry.export import aoti, c, executorch, int8, onnx, program, torchscript
from torchferry.export.acceptance import check_written, with_bits_that_hold
from torchferry.export.bounds import output_bounds
from torchferry.export.golden_cases import GoldenInputs, golden_cases
from torchferry.export.outputs import resize, symbol_sizes
from torchferry.export.reference import Reference
from torchferry.export.refusals import require_eval
from torchferry.export.source import Exporter, ExportSource, Quantization
from torchferry.export.synthetic import clipped
from torchferry.version import VERSION

__all__ = ["EXPORTERS", "GoldenInputs", "Note", "export_bundle", "print_note"]

EXPORTERS: dict[str, Exporter] = {
    "aoti": aoti.export,
    "c": c.export,
    "c-int8": c.export_int8,
    "executorch": executorch.export,
    "export": program.export,
    "onnx": onnx.export,
    "torchscript": torchscript.export,
}
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
    note: Note = print_note,
) -> Bundle:
    """Export `module` to `formats` (and `export`, which engine `eager` runs, where torch.export takes it) as the bundle `out`.

    The bundle appears only if every artifact, run from the files written, agrees with eager on the goldens and at
    other batch sizes. `quantization`: what format `c-int8` is calibrated on; default: real goldens. Raises FerryError:
    USAGE for an unknown format, BAD_INPUT for goldens outside the contract or a module in train mode, FORMAT where a
    format cannot express the module, MISMATCH where an artifact disagrees, IO.
    """
    require_eval(module)
    exporters = _choose(formats)
    if "executorch" in formats:
        contract = executorch.bounded(contract)
    check_inputs(contract, golden.arrays)
    source = ExportSource(
        module,
        contract,
        _examples(contract, golden.arrays),
        name,
        _provenance(name, golden, training),
        _size_limit(max_bytes, formats),
        quantization or (Quantization(golden.arrays) if golden.source == "real" else None),
    )
    reference = Reference(module, contract)
    cases = golden_cases(reference, contract, golden.arrays)
    with staging_folder(out, force=force) as folder:
        with np.errstate(all="ignore"):  # of weights that are no numbers, which the exporters refuse in words
            bounds = output_bounds(source, cases)
        quantized = _quantized_bounds(source, cases, bounds, formats)
        held_to = quantized.get(int8.ENGINE, bounds)  # a bundle has one of the two kinds of C
        artifacts = _write_artifacts(exporters, source.with_bounds(held_to), folder, required=formats, note=note)
        manifest = Manifest(
            format_version=1,
            name=name,
            contract=contract,
            artifacts=tuple(artifacts),
            golden=Golden(
                source="real" if golden.source == "real" else "synthetic",
                description=golden.description,
                numerics=torch_numerics(),
                cases=tuple(write_case(folder, contract, case) for case in cases),
            ),
            tolerances=tolerances(contract, cases, [artifact.engine for artifact in artifacts], bounds, quantized),
            training=training,
        )
        write_manifest(folder, manifest)
        write_manifest(folder, with_bits_that_hold(open_bundle(folder), note))
        check_written(open_bundle(folder), source, reference, golden.arrays, note)
    return open_bundle(out)


def _quantized_bounds(
    source: ExportSource, cases: Sequence[CaseArrays], bounds: Mapping[str, Bound], formats: Sequence[str]
) -> dict[str, dict[str, Bound]]:
    """By engine; none without calibration data, which the exporter of the format refuses."""
    if int8.ENGINE not in formats or source.quantization is None:
        return {}
    return {int8.ENGINE: int8.quantized_bounds(source, cases, bounds)}


def _provenance(name: str, golden: GoldenInputs, training: Training | None) -> str:
    origin = "" if training is None else f"Trained by recipe {training.recipe}: {training.epochs} epochs, seed {training.seed}.\n"
    return f"Bundle {name}, written by torchferry {VERSION} from torch {torch.__version__}.\n{origin}Self-test on {golden.source} inputs: {golden.description}."


def _size_limit(max_bytes: int | None, formats: Sequence[str]) -> int | None:
    if max_bytes is not None and not {"c", "c-int8"} & set(formats):
        raise FerryError(ExitCode.USAGE, f"--max-bytes: got {max_bytes} with --to {','.join(formats)}, expected it with c")
    if max_bytes is not None and max_bytes < 1:
        raise FerryError(ExitCode.USAGE, f"--max-bytes: got {max_bytes}, expected at least 1")
    return max_bytes


def _choose(formats: Sequence[str]) -> dict[str, Exporter]:
    for name in formats:
        if name not in EXPORTERS:
            raise FerryError(ExitCode.USAGE, f"--to: got {name!r}, expected one or more of {','.join(EXPORTERS)}")
    if {"c", "c-int8"} <= set(formats):
        raise FerryError(
            ExitCode.USAGE, "--to: got c and c-int8, expected one of them: their files have the same names; export two bundles"
        )
    return {name: EXPORTERS[name] for name in {*formats, "export"}}


def _write_artifacts(
    exporters: Mapping[str, Exporter], source: ExportSource, folder: Path, *, required: Sequence[str], note: Note
) -> list[Artifact]:
    """Every format in order; `export` may be missing where nobody asked for it. Raises FerryError(FORMAT)."""
    artifacts = []
    for name, export in sorted(exporters.items()):
        try:
            artifacts.append(export(source, folder))
        except FerryError as error:
            if error.code != ExitCode.FORMAT or name in required or len(exporters) == 1:
                raise
            note(f"the bundle has no {name} artifact: {error}")
    return artifacts


def _examples(contract: Contract, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The goldens with every symbol at 2 or more: torch.export takes a size of 0 or 1 for a constant."""
    sizes = symbol_sizes(contract.inputs, inputs)
    return resize(
        inputs, contract.inputs, {symbol: clipped(max(size, 2), contract.symbols[symbol]) for symbol, size in sizes.items()}
    )
