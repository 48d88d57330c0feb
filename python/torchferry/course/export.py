"""A trained run to a bundle: real samples of its data set are the goldens, its training data calibrate int8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from torchferry.bundle.contract import Contract
from torchferry.bundle.manifest import Training
from torchferry.bundle.reader import Bundle
from torchferry.bundle.writer import check_target
from torchferry.course.train import load_run
from torchferry.course.train.run import Run
from torchferry.exporter.exporter import BundleRequest, export_bundle
from torchferry.exporter.request import Target
from torchferry.formats import registry
from torchferry.intake.golden_cases import GoldenInputs
from torchferry.intake.source import Quantization

CALIBRATION_SAMPLES = 2048


def export_run_folder(run: str, target: Target, *, data_root: Path | None, max_batch: int | None) -> Bundle:
    """Export a recipe's run, or a run folder, under its own name. Raises what export_run raises."""
    name = Path(run).name
    out = target.folder(name)
    check_target(out, force=target.force)
    return export_run(
        load_run(run, data_root),
        name=name,
        formats=target.formats,
        quantize=target.quantize,
        io=target.io,
        out=out,
        force=target.force,
        max_batch=max_batch,
        max_bytes=target.max_bytes,
        max_ram=target.max_ram,
        separate_weights=target.separate_weights,
        metadata=target.metadata,
        stress=target.stress,
    )


def export_run(
    run: Run,
    *,
    name: str,
    formats: Sequence[str],
    out: Path,
    force: bool,
    quantize: str | None = None,
    io: str = "float",
    max_batch: int | None = None,
    max_bytes: int | None = None,
    max_ram: int | None = None,
    separate_weights: bool = False,
    metadata: Mapping[str, str] = MappingProxyType({}),
    stress: bool = True,
) -> Bundle:
    """Export a trained run with 64 real samples of its data set as goldens. Raises what export_bundle raises."""
    asked = registry.asked(formats, quantize, option="--quantize")
    contract = _contract(run, max_batch)
    inputs = {contract.inputs[0].name: run.recipe.golden_inputs(run.dataset)[:max_batch].numpy()}
    return export_bundle(
        BundleRequest(
            run.module,
            name=name,
            contract=contract,
            golden=GoldenInputs(inputs, "real", run.dataset.description),
            formats=asked.names,
            out=out,
            training=Training.model_validate(run.training()),
            force=force,
            max_bytes=max_bytes,
            max_ram=max_ram,
            separate_weights=separate_weights,
            metadata=metadata,
            stress=stress,
            may_skip=asked.may_skip,
            io=registry.checked_io(io, asked.names, option="--io"),
            quantization=_quantization(run, contract.inputs[0].name, asked.names),
        )
    )


def _contract(run: Run, max_batch: int | None) -> Contract:
    contract = run.recipe.contract(run.dataset)
    return contract if max_batch is None else contract.with_max_batch(max_batch)


def _quantization(run: Run, name: str, formats: Sequence[str]) -> Quantization | None:
    """Return training samples spread over the whole data set, which may be sorted by class, and the test samples with their labels.

    None where no format quantizes.
    """
    if not any(row.quantizes for row in registry.chosen(formats)):
        return None
    train = run.dataset.train_inputs
    step = max(1, len(train) // CALIBRATION_SAMPLES)
    calibration = {name: train[::step][:CALIBRATION_SAMPLES].numpy()}
    return Quantization(calibration, {name: run.dataset.test_inputs.numpy()}, run.dataset.test_targets.numpy())
