"""A probe as a bundle: the values inside a model, as a reference module gives them and as a bundle's artifact does.

Because it is a bundle, every engine of every language replays it, and the verdict of a layer is the verdict of an output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from torchferry.bounds.estimate import layer_bounds
from torchferry.bundle.call_checks import check_inputs, check_outputs
from torchferry.bundle.contract import BATCH, Array, Contract, TensorSpec
from torchferry.bundle.dtype import DTYPES
from torchferry.bundle.golden import CaseArrays, write_case
from torchferry.bundle.manifest import FORMAT_VERSION, Artifact, Golden, Manifest, Tolerance
from torchferry.bundle.reader import Bundle, open_own_bundle
from torchferry.bundle.writer import file_entry, write_manifest
from torchferry.compare.telling import largest_bound
from torchferry.compare.tolerance import Bound, tolerances
from torchferry.engines.base import name_outputs, require_permission
from torchferry.engines.torch_device import to_tensor
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry
from torchferry.formats.registry import Format
from torchferry.formats.taps import FRAMES, PROBED, ProbeRequest, Shown, Tap, Writer
from torchferry.intake.reference import Reference
from torchferry.proof.trace import LayerOutput, recording

_INTO = "into "
LOSS_FACTOR = 2  # of what int8 was seen to lose in a layer, on samples that are not these


@dataclass(frozen=True)
class Probe:
    """A bundle that gives values inside a model; `outputs` has the output's name for each tap that the artifact shows.

    `whole`: the artifact itself on the same inputs, where the probe was `built_again`, of which the text says how.
    """

    bundle: Bundle
    taps: tuple[Tap, ...]
    outputs: Mapping[str, str]
    whole: Bundle | None = None
    built_again: str | None = None


def build_probe(
    bundle: Bundle,
    engine: str,
    reference: torch.nn.Module,
    inputs: Mapping[str, Array],
    folder: Path,
    *,
    allow_ops: Collection[str] = (),
    allow_native: bool = False,
) -> Probe:
    """Write the probe of the engine's artifact into the empty `folder`, for one batch of inputs [N, ...].

    Raises FerryError: UNAVAILABLE for an engine whose artifact cannot be opened up, FORMAT for one that this reader does not know,
    BAD_INPUT for a reference that does not take these inputs.
    """
    artifact = bundle.artifact(engine)
    row = _row_of(engine, artifact)
    require_permission(row, artifact, allow_native=allow_native)
    own = _own_outputs(reference, bundle.contract, inputs)
    taps = find_taps(reference, bundle.contract, inputs)
    files = {entry.path: bundle.read(entry) for entry in bundle.present(artifact.files)}
    layered = partial(_layered, reference, bundle.contract)
    write_probe: Writer = registry.load(row.probe)  # type: ignore[arg-type]  # _row_of has seen it
    shown = write_probe(ProbeRequest(artifact, files, taps, bundle.contract, allow_ops, layered, inputs))
    contract = _contract(bundle.contract, shown.taps, None if row.sample_by_sample else (inputs, own))
    module = layered(shown.taps)
    case = Reference(module, contract).case("batch", inputs)
    bounds = _own_bounds(row, bundle, case, _with_losses(layer_bounds(module, contract, case), shown, case))
    # No rows of kind bits: a probe computes what the artifact does, but an engine may fuse less of it.
    rows, own_rows = (
        tuple(row for row in tolerances(held, [case], [artifact.engine], bounds) if row.numerics == "any")
        for held in (contract, bundle.contract)
    )
    probe = write_bundle(folder / "probe", bundle, artifact, shown.files, contract, [case], rows)
    outputs = {tap.name: PROBED.format(index) for index, tap in enumerate(shown.taps)}
    built_again = shown.built_again
    whole = None
    if built_again is not None:
        whole = write_bundle(folder / "whole", bundle, artifact, files, bundle.contract, [case], own_rows)
    return Probe(probe, tuple(taps), outputs, whole, built_again)


def _row_of(engine: str, artifact: Artifact) -> Format:
    row = registry.of_engine(engine)
    if row is None or row.probe is None:
        shown = sorted(entry.engine for entry in registry.formats().values() if entry.probe is not None)
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"engine {engine}: got {artifact.files[0].path}, whose layers cannot be shown, expected an engine whose layers can: {', '.join(shown)}; "
            "compare its outputs with --engines",
        )
    return row


def find_taps(reference: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array]) -> list[Tap]:
    """Find what the reference's modules return, and take where that is new, in the order in which they run.

    `inputs` are in the contract's shapes.
    """
    tensors = [to_tensor(inputs[spec.name]) for spec in contract.inputs]
    with torch.inference_mode(), recording(reference, everything=True) as found:
        reference(*tensors)
    known = list(tensors)
    taps = []
    calls = Counter(_path(layer.name)[0] for layer in found if not layer.name.startswith(_INTO))
    frame = _common_frame(calls)
    for layer in found:
        is_new = not layer.name.startswith(_INTO) or not any(_is_same(layer.value, value) for value in known)
        if is_new and _path(layer.name)[0].startswith(frame):
            taps.append(_tap(layer, frame, calls))
        known.append(layer.value)
    return [tap for tap in taps if tap.dtype in DTYPES and 0 not in tap.shape]


def _tap(layer: LayerOutput, frame: str, calls: Counter[str]) -> Tap:
    path, call = _path(layer.name)
    dtype = str(layer.value.dtype).removeprefix("torch.")
    into = layer.name.startswith(_INTO)
    name = (_INTO if into else "") + layer.name.removeprefix(_INTO).removeprefix(frame)
    return Tap(name, layer.name, layer.kind, path.removeprefix(frame), call, calls[path], into, dtype, tuple(layer.value.shape))


def _path(name: str) -> tuple[str, int]:
    path, _, number = name.removeprefix(_INTO).partition(":")
    return path, int(number or 1)


def _common_frame(paths: Collection[str]) -> str:
    """Return the longest frame that stands around the whole module."""
    fitting = [frame for frame in FRAMES if all(f"{path}.".startswith(frame) for path in paths)]
    return max(fitting, key=len)


def _is_same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)


def _own_outputs(reference: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Held to the contract: another module cannot stand for the one that was exported."""
    try:
        outputs = Reference(reference, contract).float32(inputs)
        check_outputs(contract, outputs, check_inputs(contract, inputs))
    except FerryError as error:
        problem = str(error).partition(";")[0]
        raise FerryError(ExitCode.BAD_INPUT, f"reference: {problem}; give the module that was exported with --run") from None
    return outputs


def _contract(contract: Contract, taps: Sequence[Tap], batch: tuple[Mapping[str, Array], Mapping[str, Array]] | None) -> Contract:
    """Return the contract with the taps as further outputs.

    For the inputs and outputs of one `batch` its sizes are fixed: what is inside a model may have shapes that no symbol names. None:
    each tap is [N, ...], of an engine that takes one sample after the other.
    """
    inside = [
        TensorSpec(
            name=PROBED.format(index),
            dtype=tap.dtype,  # type: ignore[arg-type]  # find_taps has held it to the contract's dtypes
            shape=tap.shape if batch is not None else (BATCH, *tap.shape[1:]),
            range=None,
            unit=None,
            allow_nonfinite=tap.is_float,  # a mask may be infinite
        )
        for index, tap in enumerate(taps)
    ]
    if batch is None:
        return contract.model_copy(update={"outputs": (*contract.outputs, *inside), "classes": None})
    inputs, outputs = batch
    fixed = [spec.model_copy(update={"shape": inputs[spec.name].shape}) for spec in contract.inputs]
    own = [spec.model_copy(update={"shape": outputs[spec.name].shape}) for spec in contract.outputs]
    return Contract(inputs=tuple(fixed), outputs=(*own, *inside), symbols={}, classes=None, samples="independent")


def _with_losses(bounds: Mapping[str, Bound], shown: Shown, case: CaseArrays) -> dict[str, Bound]:
    """Return the bounds of the taps with what the artifact loses by its own way to compute, as int8 does."""
    found = dict(bounds)
    for index, tap in enumerate(shown.taps):
        name = PROBED.format(index)
        if tap.name in shown.losses and name in found:
            loss, rounding = shown.losses[tap.name], found[name].value
            most = largest_bound([case], name, quantized=True)
            reason = f"{LOSS_FACTOR} x {loss:.3g}, the largest difference from float32 on samples of the export, and {rounding:.3g} for rounding"
            found[name] = Bound(min(LOSS_FACTOR * loss + rounding, most), reason)
    return found


def _own_bounds(row: Format, bundle: Bundle, case: CaseArrays, bounds: Mapping[str, Bound]) -> dict[str, Bound]:
    """Return the bounds with the bundle's own for the outputs of an engine that computes in another way."""
    found = dict(bounds)
    if row.own_bounds is not None:
        for spec in bundle.contract.outputs:
            held = bundle.manifest.tolerance(engine=row.engine, device="cpu", output=spec.name, numerics="")
            if held is not None and spec.is_float:
                most = largest_bound([case], spec.name, quantized=True)
                found[spec.name] = Bound(min(held.bound, most), f"the bundle's own: {held.reason}")
    return found


def write_bundle(
    folder: Path,
    bundle: Bundle,
    artifact: Artifact,
    files: Mapping[str, bytes],
    contract: Contract,
    cases: Sequence[CaseArrays],
    rows: Sequence[Tolerance],
) -> Bundle:
    """Write a bundle of one artifact, with golden cases [N, ...] of the reference module and the tolerances `rows`."""
    folder.mkdir()
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    entry = artifact.model_copy(update={"files": tuple(file_entry(folder, path) for path in files)})
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        name=bundle.manifest.name,
        contract=contract,
        artifacts=(entry,),
        golden=Golden(
            source=bundle.manifest.golden.source,
            description="values inside the model, from the reference module",
            numerics="",
            cases=tuple(write_case(folder, contract, case) for case in cases),
        ),
        tolerances=tuple(rows),
        training=None,
        metadata={},
    )
    write_manifest(folder, manifest)
    return open_own_bundle(folder)


def _layered(reference: torch.nn.Module, contract: Contract, taps: Sequence[Tap]) -> torch.nn.Module:
    """Return the reference as a module that gives the contract's outputs and then the taps."""
    return _Layered(reference, [tap.recorded for tap in taps], contract).eval()


class _Layered(torch.nn.Module):
    """A module that returns its outputs and then values inside it."""

    def __init__(self, module: torch.nn.Module, names: Sequence[str], contract: Contract) -> None:
        super().__init__()
        self.module = module
        self._names = tuple(names)
        self._contract = contract

    def forward(self, *inputs: torch.Tensor) -> tuple[object, ...]:
        """Compute the contract's outputs, then the probed values, from inputs in the contract's order and shapes."""
        with recording(self.module, everything=True) as found:
            named = name_outputs(self._contract, self.module(*inputs))
        values = {layer.name: layer.value for layer in found}
        missing = [name for name in self._names if name not in values]
        if missing:
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"reference: {missing[0]}: got no such call in float64, expected it as in float32: an input sits on a decision of the module's "
                "control flow; choose other inputs",
            )
        return (*(named[spec.name] for spec in self._contract.outputs), *(values[name] for name in self._names))
