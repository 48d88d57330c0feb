"""Output specs found by running the module: at the sizes of its goldens, and once more for each symbol with that one changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from torchferry.bundle.contract import BATCH, Array, SymbolRange, TensorSpec
from torchferry.bundle.dtype import DTYPES, family
from torchferry.engines.torch_device import to_tensor
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.framing import Leaf, leaves
from torchferry.intake.origin import origin_of
from torchferry.intake.source import first_line
from torchferry.intake.specs import new_spec

Shapes = list[tuple[int, ...]]


def run_module(module: nn.Module, inputs: Mapping[str, Array], *, what: str) -> list[Leaf]:
    """Run a module on inputs in the contract's shapes, and return the values of its result.

    Raises FerryError(BAD_INPUT) with the source line where the module fails or gives no tensors.
    """
    tensors = [to_tensor(array) for array in inputs.values()]
    try:
        with torch.inference_mode():
            found = leaves(module(*tensors))
    except FerryError:
        raise
    except Exception as error:  # whatever the user's code raises
        where = origin_of(error)
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"module: {type(module).__name__}: {what}: got {type(error).__name__}: {first_line(error)}{f' at {where}' if where else ''}; "
            "expected it to take inputs of the contract",
        ) from None
    for index, leaf in enumerate(found):
        if not isinstance(leaf.value, torch.Tensor):
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"module: {type(module).__name__}: output {leaf.name or index}: got {type(leaf.value).__name__}, expected a tensor; return tensors only",
            )
        if leaf.value.layout is not torch.strided:
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"module: {type(module).__name__}: output {leaf.name or index}: got a tensor of {str(leaf.value.layout).removeprefix('torch.')} "
                "layout, expected one whose numbers all lie in memory; return it with .to_dense()",
            )
    return found


def name_leaves(module: nn.Module, found: Sequence[Leaf], wanted: Sequence[str] | None) -> list[str]:
    """Return a name for each output: `wanted`, else the module's own, else `output` or `output_0`, `output_1` ...

    Raises FerryError(USAGE) where `wanted` does not fit.
    """
    own = [leaf.name for leaf in found]
    names = (
        list(wanted) if wanted else [name or (f"output_{index}" if len(own) > 1 else "output") for index, name in enumerate(own)]
    )
    for name in names:
        if names.count(name) > 1:
            raise FerryError(
                ExitCode.USAGE, f"outputs: got {name!r} twice, expected each name once; give each output its own name"
            )
    if len(names) != len(own):
        raise FerryError(
            ExitCode.USAGE,
            f"outputs: got {len(names)} names {names}, expected {len(own)}: {type(module).__name__} returns {own if all(own) else len(own)}",
        )
    if all(own) and wanted and set(names) != set(own) and isinstance(found[0].path[-1], str):
        raise FerryError(ExitCode.USAGE, f"outputs: got {names}, expected the keys that {type(module).__name__} returns: {own}")
    return names


def infer_outputs(
    module: nn.Module,
    names: Sequence[str],
    inputs: Mapping[str, Array],
    specs: Sequence[TensorSpec],
    symbols: Mapping[str, SymbolRange],
) -> tuple[TensorSpec, ...]:
    """Infer dtypes and symbolic shapes. Raises FerryError(BAD_INPUT) for a dim that is neither constant nor one symbol."""
    sizes = symbol_sizes(specs, inputs)
    base = run_module(module, inputs, what=_sizes_text(sizes))
    changed = {}
    for symbol, limits in symbols.items():
        least = least_size(specs, inputs, symbol, sizes[symbol])
        others = _other_sizes(symbol, sizes[symbol], limits, least)
        if others:
            changed[symbol] = _run_changed(module, inputs, specs, sizes, symbol, others)
    double = any(spec.dtype == "float64" for spec in specs)
    return tuple(
        _output_spec(name, leaf.value, index, sizes, changed, double=double)
        for index, (name, leaf) in enumerate(zip(names, base, strict=True))
    )


def as_promised(found: Sequence[TensorSpec], promised: Sequence[str | TensorSpec]) -> tuple[TensorSpec, ...]:
    """Return the outputs that were found, in what is promised of them beside dtype and shape: range, unit, channels, rate, non-finite values.

    Raises FerryError(BAD_INPUT) for another dtype or shape than promised.
    """
    specs = {item.name: item for item in promised if isinstance(item, TensorSpec)}
    for item in found:
        wanted = specs.setdefault(item.name, item)
        if (wanted.dtype, wanted.shape) != (item.dtype, item.shape):
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"output {item.name}: got {item.describe()} from the module, expected {wanted.describe()}; correct one of them",
            )
    return tuple(specs[item.name] for item in found)


def symbol_sizes(specs: Sequence[TensorSpec], inputs: Mapping[str, Array]) -> dict[str, int]:
    """Return the size of each symbol in these inputs, which have the shapes of the specs."""
    return {dim: inputs[spec.name].shape[axis] for spec in specs for axis, dim in enumerate(spec.shape) if isinstance(dim, str)}


def resize(inputs: Mapping[str, Array], specs: Sequence[TensorSpec], sizes: Mapping[str, int]) -> dict[str, Array]:
    """Cut the inputs, or repeat them from their start, so that the symbols of their shapes get other sizes."""
    resized = {}
    for spec in specs:
        array = inputs[spec.name]
        for axis, dim in enumerate(spec.shape):
            if isinstance(dim, str) and array.shape[axis] != sizes[dim]:
                array = np.take(array, np.arange(sizes[dim]) % max(array.shape[axis], 1), axis=axis)
        resized[spec.name] = array
    return resized


def least_size(specs: Sequence[TensorSpec], inputs: Mapping[str, Array], symbol: str, size: int) -> int:
    """Return the size below which a symbol must not be cut: integers of another input [...] may be indices into that dim.

    Integers that reach `size` or beyond are no indices into it. A batch is indexed only by an input that has none itself.
    """
    largest = 0
    for spec in specs:
        array = inputs[spec.name]
        if family(spec.dtype) != "integer" or not array.size or (symbol == BATCH and BATCH in spec.shape):
            continue
        top = int(array.max())
        largest = max(largest, top if top < size else 0)
    return largest + 1


def _run_changed(
    module: nn.Module,
    inputs: Mapping[str, Array],
    specs: Sequence[TensorSpec],
    sizes: Mapping[str, int],
    symbol: str,
    others: Sequence[int],
) -> tuple[int, Shapes]:
    """Return the first other size of a symbol that the module takes, and the shapes that it then gives."""
    problems = []
    for other in others:
        try:
            found = run_module(module, resize(inputs, specs, {**sizes, symbol: other}), what=f"{symbol} = {other}")
        except FerryError as error:  # values that repeat may break a rule of the module: offsets that rise, say
            problems.append(error)
        else:
            return other, _shapes(found)
    remedy = "use -1 or x.shape[0] for the batch" if symbol == BATCH else f"use the input's shape, or give {symbol} its limits"
    raise FerryError(
        problems[0].code,
        f"{problems[0]}; {symbol} = {sizes[symbol]} works, so that size is frozen in the module: {remedy}, or write it as a number",
    )


def _output_spec(
    name: str,
    value: torch.Tensor,
    index: int,
    sizes: Mapping[str, int],
    changed: Mapping[str, tuple[int, Shapes]],
    *,
    double: bool,
) -> TensorSpec:
    dtype = str(value.dtype).removeprefix("torch.")
    if dtype not in DTYPES:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"module: output {name}: dtype: got {dtype}, expected one of {', '.join(DTYPES)}; convert it in forward",
        )
    if dtype == "float64" and not double:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"module: output {name}: got float64 from inputs without it, expected float32: a float64 constant in forward? give it "
            "dtype=torch.float32, or make it a buffer and call module.float()",
        )
    for symbol, (_, shapes) in changed.items():
        if len(shapes[index]) != value.ndim:
            raise FerryError(
                ExitCode.BAD_INPUT, f"module: output {name}: rank: got another one with another {symbol}, expected a fixed rank"
            )
    shape = tuple(_dim(name, axis, value.shape[axis], index, sizes, changed) for axis in range(value.ndim))
    return new_spec(f"output {name}", {"name": name, "dtype": dtype, "shape": shape})


def _dim(
    name: str, axis: int, size: int, index: int, sizes: Mapping[str, int], changed: Mapping[str, tuple[int, Shapes]]
) -> int | str:
    moving = {symbol: (other, shapes[index][axis]) for symbol, (other, shapes) in changed.items() if shapes[index][axis] != size}
    if not moving:
        return size
    symbol, (other, found) = next(iter(moving.items()))
    if len(moving) == 1 and (size, found) == (sizes[symbol], other) and (symbol != BATCH or axis == 0):
        return symbol
    seen = ", ".join(f"{found} with {symbol} = {other}" for symbol, (other, found) in moving.items())
    if len(moving) == 1 and size - sizes[symbol] == found - other > 0:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"module: output {name}: dim {axis}: got {symbol} + {found - other}, expected a constant or one symbol: a cache that grows has another "
            f"size in each call; keep its size (drop its oldest entry: torch.cat([cache[:, 1:], new], 1)), or fix {symbol} as a number",
        )
    raise FerryError(
        ExitCode.BAD_INPUT,
        f"module: output {name}: dim {axis}: got {size} with {_sizes_text(sizes)} and {seen}, expected a constant or one symbol (N first only); "
        "pad, pool or reshape it in forward, or fix that input dim as a number",
    )


def _shapes(found: Sequence[Leaf]) -> Shapes:
    return [tuple(leaf.value.shape) for leaf in found]


def _other_sizes(symbol: str, size: int, limits: SymbolRange, least: int) -> list[int]:
    """Return sizes to try: one more sample, for other symbols about twice as much, so that half of one is seen to grow; then less."""
    more = size + 1 if symbol == BATCH else 2 * size + 1
    tried = [more if limits.max is None else min(more, limits.max), max(limits.min, least)]
    return [other for other in dict.fromkeys((*tried, max(tried[1], size - 1))) if other != size]


def _sizes_text(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{symbol} = {size}" for symbol, size in sizes.items()) or "its inputs"
