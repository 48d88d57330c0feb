"""A probe as a bundle: the values inside a model, as a reference module gives them and as a bundle's artifact does.

Because it is a bundle, every engine of every language replays it, and the verdict of a layer is the verdict of an output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from torchferry.bounds.estimate import layer_bounds
from torchferry.bundle.contract import Array, Contract, TensorSpec, check_inputs, check_outputs
from torchferry.bundle.dtype import DTYPES
from torchferry.bundle.golden import CaseArrays, write_case
from torchferry.bundle.manifest import FORMAT_VERSION, Artifact, Golden, Manifest
from torchferry.bundle.reader import Bundle, open_own_bundle
from torchferry.bundle.writer import file_entry, write_manifest
from torchferry.compare.tolerance import tolerances
from torchferry.engines.base import name_outputs
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry
from torchferry.formats.taps import FRAMES, PROBED, Tap, Writer
from torchferry.intake.reference import Reference
from torchferry.proof.trace import LayerOutput, recording

_INTO = "into "


@dataclass(frozen=True)
class Probe:
    """A bundle that gives values inside a model; `outputs` has the output's name for each tap that the artifact shows."""

    bundle: Bundle
    taps: tuple[Tap, ...]
    outputs: Mapping[str, str]


def build_probe(
    bundle: Bundle,
    engine: str,
    reference: torch.nn.Module,
    inputs: Mapping[str, Array],
    folder: Path,
    *,
    allow_ops: Collection[str] = (),
) -> Probe:
    """Write the probe of the engine's artifact into the empty `folder`, for one batch of inputs [N, ...].

    Raises FerryError: UNAVAILABLE for an engine whose artifact cannot be opened up, FORMAT for one that this reader does not know,
    BAD_INPUT for a reference that does not take these inputs.
    """
    artifact = bundle.artifact(engine)
    row = registry.of_engine(engine)
    if row is None or row.probe is None:
        shown = sorted(entry.engine for entry in registry.formats().values() if entry.probe is not None)
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"engine {engine}: got {artifact.files[0].path}, whose layers cannot be shown, expected an engine whose layers can: {', '.join(shown)}; "
            "compare its outputs with --engines",
        )
    own = _own_outputs(reference, bundle.contract, inputs)
    taps = find_taps(reference, bundle.contract, inputs)
    write_probe: Writer = registry.load(row.probe)
    data, seen = write_probe(artifact, bundle.read(artifact.files[0]), taps, bundle.contract, allow_ops)
    (folder / artifact.files[0].path).write_bytes(data)
    entry = artifact.model_copy(update={"files": (file_entry(folder, artifact.files[0].path),)})
    contract = _contract(bundle.contract, inputs, seen, own)
    module = _Layered(reference, [tap.recorded for tap in seen], bundle.contract).eval()
    case = Reference(module, contract).case("batch", inputs)
    write_manifest(folder, _manifest(bundle, entry, contract, module, case, folder))
    outputs = {tap.name: PROBED.format(index) for index, tap in enumerate(seen)}
    return Probe(open_own_bundle(folder), tuple(taps), outputs)


def find_taps(reference: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array]) -> list[Tap]:
    """Find what the reference's modules return, and take where that is new, in the order in which they run.

    `inputs` are in the contract's shapes.
    """
    tensors = [torch.from_numpy(np.array(inputs[spec.name])) for spec in contract.inputs]
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


def _contract(contract: Contract, inputs: Mapping[str, Array], taps: Sequence[Tap], outputs: Mapping[str, Array]) -> Contract:
    """One batch of fixed size: what is inside a model may have shapes that no symbol names."""
    fixed = [spec.model_copy(update={"shape": inputs[spec.name].shape}) for spec in contract.inputs]
    own = [spec.model_copy(update={"shape": outputs[spec.name].shape}) for spec in contract.outputs]
    inside = [
        TensorSpec(
            name=PROBED.format(index),
            dtype=tap.dtype,  # type: ignore[arg-type]  # find_taps has held it to the contract's dtypes
            shape=tap.shape,
            range=None,
            unit=None,
            allow_nonfinite=tap.is_float,  # a mask may be infinite
        )
        for index, tap in enumerate(taps)
    ]
    return Contract(inputs=tuple(fixed), outputs=(*own, *inside), symbols={}, classes=None, samples="independent")


def _manifest(
    bundle: Bundle, artifact: Artifact, contract: Contract, module: torch.nn.Module, case: CaseArrays, folder: Path
) -> Manifest:
    bounds = layer_bounds(module, contract, case)
    return Manifest(
        format_version=FORMAT_VERSION,
        name=bundle.manifest.name,
        contract=contract,
        artifacts=(artifact,),
        golden=Golden(
            source=bundle.manifest.golden.source,
            description="values inside the model, from the reference module",
            numerics="",
            cases=(write_case(folder, contract, case),),
        ),
        # No rows of kind bits: a probe computes what the artifact does, but an engine may fuse less of it.
        tolerances=tuple(row for row in tolerances(contract, [case], [artifact.engine], bounds) if row.numerics == "any"),
        training=None,
        metadata={},
    )


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
