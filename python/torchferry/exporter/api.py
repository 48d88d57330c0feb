"""`torchferry.export(module, ...)`: any module to a bundle, with what it takes and gives found out by running it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import nn

from torchferry.bundle.call_checks import check_inputs
from torchferry.bundle.contract import Array, Classes, Contract, SymbolRange, TensorSpec
from torchferry.bundle.manifest_json import checked_metadata
from torchferry.bundle.reader import Bundle
from torchferry.bundle.writer import check_target
from torchferry.engines.torch_device import to_array
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.arguments import (
    require_eval_preprocess,
    require_inputs,
    require_list,
    require_path,
    require_seed,
    require_text,
)
from torchferry.exporter.exporter import BundleRequest, GoldenInputs, export_bundle, print_note
from torchferry.exporter.keywords import refusing_in_keywords
from torchferry.exporter.request import bundle_name
from torchferry.formats import registry
from torchferry.formats.registry import Asked
from torchferry.intake.binding import contract_name
from torchferry.intake.devices import check_devices
from torchferry.intake.fake_quantised import in_plain_operators
from torchferry.intake.framing import framed
from torchferry.intake.golden_cases import require_samples
from torchferry.intake.half_frame import find_narrow, with_picked_values
from torchferry.intake.halves import HALVES, name_of
from torchferry.intake.outputs import as_promised, infer_outputs, name_leaves, run_module, symbol_sizes
from torchferry.intake.pictures import GivenPreprocess, as_modules
from torchferry.intake.refusals import (
    require_eval,
    require_no_quantized_part,
    require_plain_state,
    require_sound_behaviour,
    require_telling_goldens,
)
from torchferry.intake.source import Quantization
from torchferry.intake.specs import InputSpec, SymbolLimits, parse_inputs, parse_symbols
from torchferry.intake.state import with_state
from torchferry.intake.synthetic import BATCH_SIZE, MOST_NUMBERS, default_sizes, few_samples, synthetic_inputs
from torchferry.intake.wrappers import unwrapped

OneGolden = Mapping[str, Any] | np.ndarray[Any, Any] | torch.Tensor
Golden = OneGolden | Sequence[OneGolden]
ClassNames = Sequence[str] | tuple[str, Sequence[str]]


@dataclass(frozen=True)
class _Interface:
    """What the module takes and gives, as the user said it."""

    inputs: Mapping[str, InputSpec]
    outputs: Sequence[str | TensorSpec] | None
    symbols: Mapping[str, SymbolLimits | str]
    classes: ClassNames | None
    preprocess: GivenPreprocess | None
    state: Mapping[str, str]


@dataclass(frozen=True)
class _Samples:
    """The goldens that the user gave, or the seed of random ones."""

    golden: Golden | None
    calibration: OneGolden | None
    description: str | None
    seed: int


@dataclass(frozen=True)
class _Plan:
    """What is to be exported: the module as engines will see it, its contract and its goldens."""

    module: nn.Module
    contract: Contract
    golden: GoldenInputs
    quantization: Quantization | None  # None: half of real goldens


@refusing_in_keywords
def export(
    module: nn.Module,
    *,
    inputs: Mapping[str, InputSpec],
    out: str | Path,
    outputs: Sequence[str | TensorSpec] | None = None,
    to: Sequence[str] = registry.default_formats(),
    quantize: str | None = None,
    io: str = "float",
    golden: Golden | None = None,
    calibration: OneGolden | None = None,
    description: str | None = None,
    preprocess: GivenPreprocess | None = None,
    classes: ClassNames | None = None,
    symbols: Mapping[str, SymbolLimits | str] | None = None,
    state: Mapping[str, str] | None = None,
    name: str | None = None,
    force: bool = False,
    seed: int = 0,
    max_bytes: int | None = None,
    max_ram: int | None = None,
    separate_weights: bool = False,
    allow_ops: Collection[str] = (),
    metadata: Mapping[str, str] = MappingProxyType({}),
    stress: bool = True,
    note: Callable[[str], None] = print_note,
) -> Bundle:
    """Export a module in eval mode, of float32, float16 or bfloat16, to the bundle `out`, and prove every artifact against eager.

    inputs: by name (forward's in any order, others in its order; `batch.image`: an entry of `batch`), each "uint8[N,3,8,8]:0..255", a TensorSpec or an example.
    outputs: names in forward's order, or its dictionary's keys; default: its own. A TensorSpec is kept, and held to what the module gives.
    golden: real inputs by name (or an array), two samples or more; a list: cases of other sizes. Default: random, from `seed`: 64, or fewer large ones.
    to: formats, or ["all"]: every one that takes the module. quantize: "int8" or "from-module", for format c; calibration: training inputs, or half of goldens.
    preprocess: a module or an ImagePreprocess before it, exported with it (or by input name). classes: (output, names) or names. symbols: {"T": (1, 512)}.
    Of c: max_bytes of tables, max_ram of scratch memory, separate_weights: in a file, io: "bytes" or "int8" structs. force: replace `out`. stress: what hurts.
    allow_ops: of TorchScript. metadata: {"licence": "MIT"}. state: {"h": "h_out"} of a Stream. Raises FerryError: USAGE, BAD_INPUT, FORMAT, MISMATCH, IO.
    """
    of_c, samples = (max_bytes, max_ram, separate_weights), _Samples(golden, calibration, description, seed)
    writing = _Writing(Path(out), name, _formats(to, quantize), force, *of_c, allow_ops, metadata, stress, note, io, quantize)
    return _export(module, _Interface(inputs, outputs, symbols or {}, classes, preprocess, state or {}), samples, writing)


@dataclass(frozen=True)
class _Writing:
    """Where and how the bundle is written."""

    out: Path
    name: str | None
    to: Asked
    force: bool
    max_bytes: int | None
    max_ram: int | None
    separate_weights: bool
    allow_ops: Collection[str]
    metadata: Mapping[str, str]
    stress: bool
    note: Callable[[str], None]
    io: str
    quantize: str | None


def _export(module: nn.Module, interface: _Interface, samples: _Samples, writing: _Writing) -> Bundle:
    if not isinstance(module, nn.Module):
        raise FerryError(
            ExitCode.USAGE, f"module: got {type(module).__name__}, expected a torch.nn.Module; put the function into forward"
        )
    _require_kinds(interface, samples, writing)
    checked_metadata(writing.metadata)
    check_target(writing.out, force=writing.force)
    if samples.calibration is not None and not any(row.quantizes for row in registry.chosen(writing.to.names)):
        raise FerryError(ExitCode.USAGE, 'calibration: got inputs and no format in int8, expected quantize="int8" with format c')
    io = registry.checked_io(writing.io, writing.to.names, option="io")
    plan = _plan(in_plain_operators(unwrapped(module, writing.note), writing.note), interface, samples, writing.note)
    return export_bundle(
        BundleRequest(
            plan.module,
            name=_name_of(writing),
            contract=plan.contract,
            golden=plan.golden,
            formats=writing.to.names,
            out=writing.out,
            force=writing.force,
            max_bytes=writing.max_bytes,
            max_ram=writing.max_ram,
            separate_weights=writing.separate_weights,
            quantization=plan.quantization,
            allow_ops=writing.allow_ops,
            metadata=writing.metadata,
            stress=writing.stress,
            may_skip=writing.to.may_skip,
            note=writing.note,
            io=io,
            from_module=writing.quantize == registry.FROM_MODULE,
        )
    )


def _require_kinds(interface: _Interface, samples: _Samples, writing: _Writing) -> None:
    require_path(writing.out)
    require_inputs(interface.inputs)
    require_list("outputs", interface.outputs)
    require_list("allow_ops", writing.allow_ops)
    require_seed(samples.seed)
    require_text("description", samples.description)
    for key, value in writing.metadata.items():
        require_text(f"metadata {key!a}", value)
    require_eval_preprocess(interface.preprocess)


def _plan(module: nn.Module, asked: _Interface, samples: _Samples, note: Callable[[str], None]) -> _Plan:
    """Find the contract, and refuse what would do harm later."""
    specs = parse_inputs(asked.inputs)
    for path, spec in zip(asked.inputs, specs, strict=True):
        if path != spec.name:
            note(f"input {path} is called {spec.name}, in the contract, files and sessions")
    limits = parse_symbols(asked.symbols, specs)
    before = as_modules(asked.preprocess, dict(zip(asked.inputs, specs, strict=True)), limits)
    keys = list(asked.inputs)
    whole = framed(module, keys, before, None)
    require_no_quantized_part(whole)
    require_eval(whole)
    require_plain_state(whole)
    given = [_golden_arrays(specs, limits, golden, samples.seed) for golden in _each(samples.golden)]
    arrays = given[0]
    require_samples(symbol_sizes(specs, arrays))
    if (narrow := find_narrow(module, keys, before, arrays)) is not None:
        whole = framed(module, keys, before, None, narrow=narrow)
        note(
            f"the module takes {name_of(narrow.dtype)}: the contract has float32, which is rounded to it where the module begins"
        )
    if text := check_devices(whole, arrays):
        note(text)
    found = run_module(whole, arrays, what="the golden inputs")
    wanted = None if asked.outputs is None else [item if isinstance(item, str) else item.name for item in asked.outputs]
    names = name_leaves(whole, found, wanted)
    whole = with_picked_values(module, keys, before, narrow, found, specs)
    require_telling_goldens(specs, arrays)
    require_sound_behaviour(whole, arrays, names)
    outputs = as_promised(infer_outputs(whole, names, arrays, specs, limits), asked.outputs or ())
    contract = with_state(_contract(specs, outputs, limits, asked.classes), asked.state)
    calibration = None if samples.calibration is None else _given_arrays(specs, limits, samples.calibration, what="calibration")
    golden = _golden_inputs(given, samples, few_samples(specs, limits))
    return _Plan(whole, contract, golden, None if calibration is None else _quantization(calibration, golden))


def _quantization(calibration: Mapping[str, Array], golden: GoldenInputs) -> Quantization:
    """Return what int8 is calibrated on, judged on the real goldens."""
    return Quantization(calibration, golden.arrays if golden.source == "real" else None)


def _formats(to: Sequence[str], quantize: str | None) -> Asked:
    """Return the formats to write. Raises FerryError(USAGE), also for a text in place of a list."""
    if isinstance(to, str):
        raise FerryError(ExitCode.USAGE, f"to: got the text {to!r}, expected a list, e.g. {to.split(',')}")
    return registry.asked(to, quantize, option="quantize", to="to")


def _each(golden: Golden | None) -> Sequence[OneGolden | None]:
    """Return the goldens of each case, at least one. Raises FerryError(USAGE)."""
    if not isinstance(golden, list | tuple):
        return [golden]  # type: ignore[list-item]  # any other sequence is told what an array is
    if not golden:
        raise FerryError(
            ExitCode.USAGE, "golden: got an empty list, expected at least one case; give inputs by name, or leave it out"
        )
    return golden


def _golden_arrays(
    specs: tuple[TensorSpec, ...], limits: Mapping[str, SymbolRange], golden: OneGolden | None, seed: int
) -> dict[str, Array]:
    """Return the goldens [N, ...] in the order of the specs, checked against them. Raises FerryError(USAGE or BAD_INPUT)."""
    if golden is None:
        return synthetic_inputs(specs, default_sizes(limits, batch=few_samples(specs, limits)), seed=seed)
    return _given_arrays(specs, limits, golden, what="golden")


def _given_arrays(
    specs: tuple[TensorSpec, ...], limits: Mapping[str, SymbolRange], given: OneGolden, *, what: str
) -> dict[str, Array]:
    """Return inputs [N, ...] in the order of the specs, checked against them. `what` begins a refusal. Raises FerryError(USAGE or BAD_INPUT)."""
    if not isinstance(given, Mapping):
        if len(specs) > 1:
            raise FerryError(
                ExitCode.USAGE, f"{what}: got one array, expected one for each of {[spec.name for spec in specs]} by name"
            )
        given = {specs[0].name: given}
    dtypes = {spec.name: spec.dtype for spec in specs}
    arrays = {(key := contract_name(str(name))): _array(value, dtypes.get(key)) for name, value in given.items()}
    inputs_only = Contract.model_construct(inputs=specs, outputs=(), symbols=dict(limits), classes=None)
    try:
        check_inputs(inputs_only, arrays)
    except FerryError as error:
        raise FerryError(error.code, f"{what}: {error}") from None
    return {spec.name: arrays[spec.name] for spec in specs}


def _array(value: Any, dtype: str | None) -> Array:
    """Return a value as an array; numbers in half precision as float32, which holds them, where the contract has that."""
    array = to_array(value) if isinstance(value, torch.Tensor) else np.asarray(value)
    is_wider = dtype == "float32" and array.dtype.name in map(name_of, HALVES)
    return np.ascontiguousarray(array.astype(np.float32) if is_wider else array)


def _golden_inputs(given: Sequence[Mapping[str, Array]], samples: _Samples, drawn: int) -> GoldenInputs:
    arrays, *more = given
    if samples.golden is None:
        few = (
            f"; {drawn} samples and not {BATCH_SIZE}, which would be more than {MOST_NUMBERS} numbers"
            if drawn < BATCH_SIZE
            else ""
        )
        return GoldenInputs(arrays, "synthetic", samples.description or f"random inside the contract, seed {samples.seed}{few}")
    return GoldenInputs(arrays, "real", samples.description or "given to the export", tuple(more))


def _contract(
    specs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], limits: Mapping[str, SymbolRange], classes: ClassNames | None
) -> Contract:
    try:
        return Contract(
            inputs=specs, outputs=outputs, symbols=dict(limits), classes=_classes(outputs, classes), samples="independent"
        )
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


def _name_of(writing: _Writing) -> str:
    name = bundle_name(writing.name or writing.out.name)
    if writing.name not in (None, name):
        writing.note(f"name: got {writing.name!r}; the bundle is called {name}: names have small letters, digits, dots, _ and -")
    return name
