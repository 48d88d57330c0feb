"""`torchferry.export(module, ...)`: any float32 module to a bundle, with what it takes and gives found out by running it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import nn

from torchferry.bundle.contract import Array, Classes, Contract, SymbolRange, TensorSpec, check_inputs
from torchferry.bundle.manifest import checked_metadata
from torchferry.bundle.reader import Bundle
from torchferry.bundle.writer import check_target
from torchferry.errors import ExitCode, FerryError
from torchferry.export.exporter import GoldenInputs, export_bundle, print_note
from torchferry.formats import registry
from torchferry.intake.devices import check_devices
from torchferry.intake.framing import Preprocess, framed
from torchferry.intake.golden_cases import require_samples
from torchferry.intake.outputs import infer_outputs, name_leaves, run_module
from torchferry.intake.refusals import (
    require_eval,
    require_plain_state,
    require_sound_behaviour,
    require_telling_goldens,
)
from torchferry.intake.specs import InputSpec, SymbolLimits, parse_inputs, parse_symbols
from torchferry.intake.synthetic import default_sizes, synthetic_inputs

Golden = Mapping[str, Any] | np.ndarray[Any, Any] | torch.Tensor
ClassNames = Sequence[str] | tuple[str, Sequence[str]]


@dataclass(frozen=True)
class _Plan:
    """What is to be exported: the module as engines will see it, its contract and its goldens."""

    module: nn.Module
    contract: Contract
    golden: GoldenInputs


def export(
    module: nn.Module,
    *,
    inputs: Mapping[str, InputSpec],
    out: str | Path,
    outputs: Sequence[str | TensorSpec] | None = None,
    to: Sequence[str] = registry.default_formats(),
    golden: Golden | None = None,
    description: str | None = None,
    preprocess: Preprocess | None = None,
    classes: ClassNames | None = None,
    symbols: Mapping[str, SymbolLimits | str] | None = None,
    name: str | None = None,
    force: bool = False,
    seed: int = 0,
    max_bytes: int | None = None,
    allow_ops: Collection[str] = (),
    metadata: Mapping[str, str] = MappingProxyType({}),
    note: Callable[[str], None] = print_note,
) -> Bundle:
    """Export a module in eval mode, with float32 weights, to the bundle `out`, and prove every artifact against eager.

    inputs: by name, in the order of `forward`: `"uint8[N,3,32,32]:0..255"` (`N` is the batch, other capital names are dims that may
        change, a range is optional), a TensorSpec, or an example whose first dim becomes `N`.
    outputs: names in the order in which `forward` returns them, or the keys of its dictionary; default: its own. A TensorSpec is
        held to what the module gives.
    golden: real inputs, by name (or one array): at least two samples; default: `seed`ed random ones inside the contract, and the
        manifest says `synthetic`.
    preprocess: a module put before `module`, exported with it; a dictionary by input name where there are several inputs.
    classes: names that the output `label` indexes, or (output, names).
    symbols: limits of dims that may change, `{"T": (1, 512)}`; default: N from 0, others from 1, without end.
    max_bytes: largest size of the tables of format `c`; default: 64 MiB.
    allow_ops: operators, as `aten::as_strided`, that TorchScript may use besides those that only compute; the manifest records
        them, and whoever runs the bundle must allow them too.
    metadata: texts that the manifest carries and `inspect` shows, e.g. `{"licence": "MIT", "commit": "4f2a91c"}`.

    Raises FerryError: USAGE for arguments that make no sense, BAD_INPUT for a module or goldens that are refused (train mode,
    randomness, float64, a device in the code, outputs that alias inputs, sizes that are frozen, constant goldens), FORMAT where a
    format cannot express the module, MISMATCH where an artifact disagrees with eager, IO.
    """
    if not isinstance(module, nn.Module):
        raise FerryError(
            ExitCode.USAGE, f"module: got {type(module).__name__}, expected a torch.nn.Module; put the function into forward"
        )
    checked_metadata(metadata)
    target = Path(out)
    check_target(target, force=force)
    plan = _plan(module, inputs, outputs, golden, description, preprocess, classes, symbols or {}, to, seed, note)
    return export_bundle(
        plan.module,
        name=bundle_name(name or target.name),
        contract=plan.contract,
        golden=plan.golden,
        formats=list(to),
        out=target,
        force=force,
        max_bytes=max_bytes,
        allow_ops=allow_ops,
        metadata=metadata,
        note=note,
    )


def _plan(
    module: nn.Module,
    inputs: Mapping[str, InputSpec],
    outputs: Sequence[str | TensorSpec] | None,
    golden: Golden | None,
    description: str | None,
    preprocess: Preprocess | None,
    classes: ClassNames | None,
    symbols: Mapping[str, SymbolLimits | str],
    to: Sequence[str],
    seed: int,
    note: Callable[[str], None],
) -> _Plan:
    """Find the contract, and refuse what would do harm later."""
    _check_formats(to)
    specs = parse_inputs(inputs)
    limits = parse_symbols(symbols, specs)
    whole = framed(module, list(inputs), preprocess, None)
    require_eval(whole)
    require_plain_state(whole)
    arrays = _golden_arrays(specs, limits, golden, seed)
    if text := check_devices(whole, arrays):
        note(text)
    found = run_module(whole, arrays, what="the golden inputs")
    wanted = None if outputs is None else [item if isinstance(item, str) else item.name for item in outputs]
    names = name_leaves(whole, found, wanted)
    if any(len(leaf.path) > 1 for leaf in found):
        whole = framed(module, list(inputs), preprocess, [leaf.path for leaf in found])
    require_telling_goldens(specs, arrays)
    require_sound_behaviour(whole, arrays, names)
    given = _contract(specs, infer_outputs(whole, names, arrays, specs, limits), limits, classes)
    for item in outputs or ():
        _require_promised(item, given)
    return _Plan(whole, given, _golden_inputs(arrays, golden, description, seed))


def _check_formats(to: Sequence[str]) -> None:
    if isinstance(to, str):
        raise FerryError(ExitCode.USAGE, f"to: got the text {to!r}, expected a list, e.g. {to.split(',')}")
    known = registry.formats()
    for item in to:
        if item not in known:
            raise FerryError(ExitCode.USAGE, f"to: got {item!r}, expected one or more of {', '.join(sorted(known))}")


def _golden_arrays(
    specs: tuple[TensorSpec, ...], limits: Mapping[str, SymbolRange], golden: Golden | None, seed: int
) -> dict[str, Array]:
    """The goldens in the order of the specs, held to them. Raises FerryError(BAD_INPUT)."""
    if golden is None:
        return synthetic_inputs(specs, default_sizes(limits), seed=seed)
    if not isinstance(golden, Mapping):
        if len(specs) > 1:
            raise FerryError(
                ExitCode.USAGE, f"golden: got one array, expected one for each of {[spec.name for spec in specs]} by name"
            )
        golden = {specs[0].name: golden}
    arrays = {str(key): _array(value) for key, value in golden.items()}
    inputs_only = Contract.model_construct(inputs=specs, outputs=(), symbols=dict(limits), classes=None)
    try:
        sizes = check_inputs(inputs_only, arrays)
    except FerryError as error:
        raise FerryError(error.code, f"golden: {error}") from None
    require_samples(sizes)
    return {spec.name: arrays[spec.name] for spec in specs}


def _array(value: Any) -> Array:
    return np.ascontiguousarray(value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value))


def _golden_inputs(arrays: Mapping[str, Array], golden: Golden | None, description: str | None, seed: int) -> GoldenInputs:
    if golden is None:
        return GoldenInputs(arrays, "synthetic", description or f"random inside the contract, seed {seed}")
    return GoldenInputs(arrays, "real", description or "given to the export")


def _contract(
    specs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], limits: Mapping[str, SymbolRange], classes: ClassNames | None
) -> Contract:
    try:
        return Contract(inputs=specs, outputs=outputs, symbols=dict(limits), classes=_classes(outputs, classes))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        text = problem["ctx"]["error"] if problem["type"] == "value_error" else f"{problem['loc'][-1]}: {problem['msg']}"
        raise FerryError(ExitCode.USAGE, f"contract: {text}; correct the names, shapes or classes") from None


def _classes(outputs: tuple[TensorSpec, ...], classes: ClassNames | None) -> Classes | None:
    if classes is None:
        return None
    if isinstance(classes, tuple) and len(classes) == 2 and not isinstance(classes[1], str):
        return Classes(output=str(classes[0]), names=tuple(classes[1]))
    integers = [spec.name for spec in outputs if spec.dtype == "int64"]
    chosen = "label" if "label" in integers or not integers else integers[0]
    return Classes(output=chosen, names=tuple(str(item) for item in classes))


def _require_promised(item: str | TensorSpec, contract: Contract) -> None:
    if isinstance(item, str):
        return
    found = contract.output(item.name)
    if (item.dtype, item.shape) != (found.dtype, found.shape):
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"output {item.name}: got {found.describe()} from the module, expected {item.describe()}; correct one of them",
        )


def bundle_name(text: str) -> str:
    """A name that a manifest allows. Raises FerryError(USAGE) where nothing is left of it."""
    found = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).lstrip("._-")[:64]
    if not found:
        raise FerryError(ExitCode.USAGE, f"name: got {text!r}, expected letters or digits; give --name")
    return found
