"""JSON lines: one object a sample, or a bare value of the only input. The C++ twin is cpp/cli/json_input.cpp (FORMAT.md section 10)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
from typing_extensions import assert_never

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.bundle.dtype import family, first_infinite, rounded
from torchferry.bundle.strict_json import JsonError, parse_strictly
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.cells import integer_limits, shown
from torchferry.samples.columns import fills_rows, sample_shape
from torchferry.samples.lines import Line, Lines

_NONFINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # as answers write them
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1

Element = Callable[[object], float | int]


class _MisfitError(ValueError):
    """A value that is not what the contract wants at this place; the indices are added on the way out."""

    def __init__(self, value: object, expected: str) -> None:
        super().__init__(f"got {_kind(value)}, expected {expected}")
        self.index: list[int] = []


def starts_json(head: bytes) -> bool:
    """Say whether a text that starts so is JSON lines: no table begins with a bracket."""
    return head[:1] in (b"{", b"[")


def read_json_lines(lines: Lines, specs: Sequence[TensorSpec], batch: int | None) -> Iterator[dict[str, Array]]:
    """Return batches [n, ...] of at most `batch` samples (None: of all) by the names of the inputs. Raises FerryError(BAD_INPUT) with the line."""
    for spec in specs:
        if not fills_rows(spec):
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"{lines.where}: got JSON lines, expected .npy: a line is a sample of the batch N, and {spec.name} is {spec.describe()}",
            )
    return _batches(lines, specs, batch)


def _batches(lines: Lines, specs: Sequence[TensorSpec], batch: int | None) -> Iterator[dict[str, Array]]:
    elements = [_element(spec) for spec in specs]
    reader = iter(lines)
    while rows := [_sample(lines, line, specs, elements) for line in islice(reader, batch)]:
        yield {spec.name: _array(spec, [row[i] for row in rows]) for i, spec in enumerate(specs)}


def _sample(lines: Lines, line: Line, specs: Sequence[TensorSpec], elements: Sequence[Element]) -> list[list[float | int]]:
    """Return the elements of each input."""
    try:
        found = parse_strictly(line.text.encode())
    except JsonError as problem:
        lines.refuse(line.number, f"{problem}; correct the file")
    if isinstance(found, dict):
        _require_keys(lines, line, found, [spec.name for spec in specs])
        values = [found[spec.name] for spec in specs]
    elif len(specs) == 1:
        values = [found]
    else:
        names = ", ".join(spec.name for spec in specs)
        lines.refuse(line.number, f"got {_kind(found)}, expected an object of {names}; correct the file")
    row: list[list[float | int]] = []
    for spec, value, element in zip(specs, values, elements, strict=True):
        row.append([])
        try:
            _fill(row[-1], value, sample_shape(spec), element)
        except _MisfitError as misfit:
            place = spec.name + "".join(f"[{i}]" for i in misfit.index)
            lines.refuse(line.number, f"{place}: {misfit}; correct the file")
    return row


def _require_keys(lines: Lines, line: Line, found: dict[str, object], names: Sequence[str]) -> None:
    unknown = sorted(set(found) - set(names))
    if unknown:
        lines.refuse(line.number, f"got the key {shown(unknown[0])}, expected {', '.join(names)}; take it out")
    for name in names:
        if name not in found:
            lines.refuse(line.number, f"got no key {name}, expected {', '.join(names)}; add it")


def _fill(row: list[float | int], value: object, shape: tuple[int, ...], element: Element) -> None:
    """Append the elements of nested lists of that shape. Raises _MisfitError."""
    if not shape:
        row.append(element(value))
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise _MisfitError(value, f"a list of {shape[0]}")
    for index, item in enumerate(value):
        try:
            _fill(row, item, shape[1:], element)
        except _MisfitError as misfit:
            misfit.index.insert(0, index)
            raise


def _element(spec: TensorSpec) -> Element:
    """Return what checks one element of this input. It raises _MisfitError."""
    found = family(spec.dtype)
    match found:
        case "float":
            return _float_of(spec)
        case "bool":
            return _bool
        case "integer":
            return _integer_of(spec)
    assert_never(found)


def _bool(value: object) -> int:
    if value is True or value is False or (isinstance(value, int) and value in (0, 1)):
        return int(value)
    raise _MisfitError(value, "0, 1, false or true")


def _integer_of(spec: TensorSpec) -> Element:
    low, high = integer_limits(spec)

    def element(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise _MisfitError(value, f"an integer from {low} to {high}")

    return element


def _float_of(spec: TensorSpec) -> Element:
    infinite = first_infinite(spec.dtype)

    def element(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            if not isinstance(value, str) or value not in _NONFINITE:
                raise _MisfitError(value, "a number")
            number = _NONFINITE[value]
        else:
            number = float(value)
        if not spec.allow_nonfinite and not abs(number) < infinite:
            raise _MisfitError(value, f"a finite {spec.dtype}")
        return number

    return element


def _kind(value: object) -> str:
    """Return what a value is, for a message in which two parsers agree."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and _LOWEST <= value <= _HIGHEST:
        return str(value)
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return f"a list of {len(value)}" if isinstance(value, list) else "an object"


def _array(spec: TensorSpec, rows: list[list[float | int]]) -> Array:
    with np.errstate(over="ignore"):  # a number beyond the dtype is infinite, which this contract allows
        found = rounded(np.array(rows, np.float64), spec.dtype) if spec.is_float else np.array(rows, spec.dtype)
        return found.reshape(len(rows), *sample_shape(spec))
