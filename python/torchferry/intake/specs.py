"""Input specs as users write them: `uint8[N,3,32,32]:0..255`, an example array or tensor, or a TensorSpec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from typing_extensions import assert_never

from torchferry.bundle.contract import BATCH, SymbolRange, TensorSpec
from torchferry.bundle.dtype import DTYPES, DTypeName, family, find_dtype, first_infinite
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.binding import contract_name

InputSpec = TensorSpec | str | np.ndarray[Any, Any] | torch.Tensor
SymbolLimits = SymbolRange | tuple[int, int | None]

GRAMMAR = "DTYPE[DIM,...] or DTYPE[DIM,...]:MIN..MAX, e.g. uint8[N,3,32,32]:0..255, and behind it :BGR for pictures in that order, :16000Hz for sound"
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_SPEC = re.compile(
    rf"(?P<dtype>\w+)\[(?P<dims>[^\[\]]*)\](?::(?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER}))?(?::(?P<channels>[A-Z]+))?"
    r"(?::(?P<rate>\d{1,10})Hz)?"
)
_SYMBOL_LIMITS = re.compile(r"(?P<low>\d+)\.\.(?P<high>\d*)")


def parse_inputs(inputs: Mapping[str, InputSpec]) -> tuple[TensorSpec, ...]:
    """Parse the contract's inputs, in order; a path `batch.image` is named `batch_image`. Raises FerryError(USAGE)."""
    if not inputs:
        raise FerryError(ExitCode.USAGE, "inputs: got none, expected at least one; name each input and give its dtype and shape")
    return tuple(parse_input(contract_name(name), value) for name, value in inputs.items())


def parse_input(name: str, value: InputSpec, *, kind: str = "input") -> TensorSpec:
    """Parse one input (or, for messages, another `kind`); an example's first dim becomes the batch `N`. Raises FerryError(USAGE)."""
    if isinstance(value, TensorSpec):
        return value.model_copy(update={"name": name})
    if isinstance(value, str):
        return _parse_text(f"{kind} {name}", name, value)
    shape: tuple[int | str, ...] = (BATCH, *map(int, value.shape[1:])) if value.ndim else ()
    return _spec(f"{kind} {name}", name, str(value.dtype).removeprefix("torch."), shape, None)


def parse_symbols(limits: Mapping[str, SymbolLimits | str], specs: tuple[TensorSpec, ...]) -> dict[str, SymbolRange]:
    """Return the range of each symbol of the specs: those given (`1..512`, `2..`), else 0 or more for N and 1 or more for others.

    Raises FerryError(USAGE) for a symbol that no input has, or limits that are none.
    """
    used = sorted(set().union(*(spec.symbols for spec in specs)))
    for symbol in limits:
        if symbol not in used:
            raise FerryError(ExitCode.USAGE, f"symbols: got {symbol!r}, expected one of those in the inputs' shapes: {used}")
    return {symbol: _limits(symbol, limits.get(symbol, (0 if symbol == BATCH else 1, None))) for symbol in used}


def _limits(symbol: str, value: SymbolLimits | str) -> SymbolRange:
    if isinstance(value, SymbolRange):
        return value
    if isinstance(value, str):
        found = _SYMBOL_LIMITS.fullmatch(value)
        if found is None:
            raise FerryError(ExitCode.USAGE, f"symbols: {symbol}: got {value!r}, expected MIN..MAX or MIN.., e.g. 1..512")
        value = (int(found["low"]), int(found["high"]) if found["high"] else None)
    try:
        return SymbolRange(min=value[0], max=value[1])
    except ValidationError as error:
        raise FerryError(ExitCode.USAGE, f"symbols: {symbol}: {_problem(error)}; correct the limits") from None


def _parse_text(where: str, name: str, text: str) -> TensorSpec:
    found = _SPEC.fullmatch(text.strip())
    if found is None:
        raise FerryError(ExitCode.USAGE, f"{where}: got {text!r}, expected {GRAMMAR}")
    dims = [dim.strip() for dim in found["dims"].split(",")] if found["dims"].strip() else []
    limits = None if found["low"] is None else (float(found["low"]), float(found["high"]))
    shape = tuple(int(dim) if dim.isdigit() else dim for dim in dims)
    rate = None if found["rate"] is None else int(found["rate"])
    return _spec(where, name, found["dtype"], shape, limits, channels=found["channels"], rate=rate)


def _spec(
    where: str,
    name: str,
    given: str,
    shape: tuple[int | str, ...],
    limits: tuple[float, float] | None,
    **others: str | int | None,
) -> TensorSpec:
    dtype = find_dtype(given)
    if dtype is None:
        raise FerryError(ExitCode.USAGE, f"{where}: dtype: got {given}, expected one of {', '.join(DTYPES)}")
    if limits is not None and not _fits(limits, dtype):
        raise FerryError(
            ExitCode.USAGE,
            f"{where}: range: got {limits[0]:g}..{limits[1]:g}, expected numbers that {dtype} has; correct the range or the dtype",
        )
    return new_spec(where, {"name": name, "dtype": dtype, "shape": shape, "range": limits, **others})


def new_spec(where: str, fields: Mapping[str, Any]) -> TensorSpec:
    """Make a tensor spec without unit. Raises FerryError(USAGE) that begins with `where`."""
    try:
        return TensorSpec.model_validate({"range": None, "unit": None, "allow_nonfinite": False, **fields})
    except ValidationError as error:
        at_name = error.errors(include_url=False)[0]["loc"][:1] == ("name",)
        expected = "a name of letters, digits and _, at most 64, not beginning with a digit" if at_name else GRAMMAR
        raise FerryError(ExitCode.USAGE, f"{where}: {_problem(error)}; expected {expected}") from None


def _fits(limits: tuple[float, float], dtype: DTypeName) -> bool:
    found = family(dtype)
    match found:
        case "bool":
            return limits[0] >= 0 and limits[1] <= 1
        case "float":
            return max(abs(limits[0]), abs(limits[1])) < first_infinite(dtype)
        case "integer":
            numbers = np.iinfo(dtype)
            return limits[0] >= numbers.min and limits[1] <= numbers.max
    assert_never(found)


def _problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    if first["loc"][:1] == ("shape",) and isinstance(first["input"], str):
        return (
            f"shape: got the size {first['input']!r}, expected a number or a symbol, which begins with a capital letter, e.g. N"
        )
    return (
        f"{'.'.join(str(part) for part in first['loc'][:2])}: got {first['input']!r}, {first['msg'][0].lower()}{first['msg'][1:]}"
    )
