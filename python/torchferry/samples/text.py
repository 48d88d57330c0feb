"""Outputs as text: a float is the shortest decimal that reads back to the same value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from typing_extensions import assert_never

from torchferry.bundle.contract import Array, Classes, Contract
from torchferry.bundle.dtype import dtype_of, family
from torchferry.bundle.printable import json_text, printable
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.arrow_rows import arrow_lines

_LEAST_POWER, _MOST_POWER = -4, 15  # of ten, for a number without an exponent
_LEAST_PLAIN, _MOST_PLAIN = 1e-2, 1e5  # between them no release of NumPy writes one
Texts = np.ndarray[Any, np.dtype[Any]]


def json_rows(contract: Contract, samples: Mapping[str, Array]) -> Iterator[str]:
    """Yield one JSON object for each sample of [count, ...]: the outputs in order, then `class` where the contract names classes."""
    texts = {name: _texts(array) for name, array in samples.items()}
    if contract.classes is not None and contract.classes.output in samples:
        names = _class_names(contract.classes, samples[contract.classes.output])
        texts["class"] = _each(names, json_text)
    for index in range(_count(samples)):
        yield "{" + ", ".join(f'"{name}": {_nested(text[index])}' for name, text in texts.items()) + "}"


def csv_header(contract: Contract, samples: Mapping[str, Array]) -> str:
    """Return column names: `label` for one element a sample [count], `logits[0]`, `map[1][2]` for more, then `class`."""
    shapes = {name: array.shape[1:] for name, array in samples.items()}
    if contract.classes is not None and contract.classes.output in samples:
        shapes["class"] = shapes[contract.classes.output]
    return ",".join(column for name, shape in shapes.items() for column in _columns(name, shape))


def csv_rows(contract: Contract, samples: Mapping[str, Array], *, use_arrow: bool = False) -> Iterator[str]:
    """Yield one line for each sample of [count, ...], in the header's order.

    `use_arrow`: by pyarrow, which takes a while to import, where that is here; the text is the same.
    """
    count = _count(samples)
    if not count:
        return
    parts = [_joined(array.reshape(count, -1), use_arrow=use_arrow) for array in samples.values()]
    if contract.classes is not None and contract.classes.output in samples:
        names = _each(_class_names(contract.classes, samples[contract.classes.output]), csv_text)
        parts.append(map(",".join, names.reshape(count, -1).tolist()))
    yield from parts[0] if len(parts) == 1 else map(",".join, zip(*parts, strict=True))


def _joined(array: Array, *, use_arrow: bool) -> Iterable[str]:
    """Return the elements [count, cells] of each sample, joined by commas."""
    lines = arrow_lines(array, _decimals) if use_arrow and family(dtype_of(array)) == "float" else None
    return map(",".join, _texts(array, quote="").tolist()) if lines is None else lines


def json_ranked(names: Sequence[str], scores: Array) -> str:
    """Return the best classes of one sample and their scores [count] as a JSON list."""
    pairs = zip(names, _texts(scores).tolist(), strict=True)
    return "[" + ", ".join(f'{{"class": {json_text(name)}, "score": {score}}}' for name, score in pairs) + "]"


def csv_ranked(names: Sequence[str], scores: Array) -> str:
    """Return the best classes of one sample and their scores [count] as cells."""
    return ",".join(f"{csv_text(name)},{score}" for name, score in zip(names, _texts(scores, quote="").tolist(), strict=True))


def _columns(name: str, shape: tuple[int, ...]) -> list[str]:
    if math.prod(shape) == 1:
        return [name]
    return [name + "".join(f"[{i}]" for i in index) for index in np.ndindex(*shape)]


def _count(samples: Mapping[str, Array]) -> int:
    return len(next(iter(samples.values())))


def _texts(array: Array, *, quote: str = '"') -> Texts:
    """Return each element as text; `quote` goes around what is not finite."""
    found = family(dtype_of(array))
    match found:
        case "bool":
            return np.where(array, "true", "false")
        case "integer":
            return array.astype("U32")
        case "float":
            texts = _decimals(array)
            if not quote or np.isfinite(array).all():  # without np.char, whose import takes as long as thousands of these texts
                return texts
            return np.where(np.isfinite(array), texts, np.char.add(np.char.add(quote, texts), quote))
    assert_never(found)


def _decimals(array: Array) -> Texts:
    """Return the shortest decimals, all as Python writes a float: releases of NumPy differ in when a float32 has an exponent."""
    if dtype_of(array) in ("float16", "bfloat16"):
        array = array.astype(np.float32)  # which has its value
    texts = array.astype("U32")
    sizes = np.abs(array)
    for place in np.flatnonzero((sizes < _LEAST_PLAIN) | (sizes >= _MOST_PLAIN)):
        mantissa, _, power = texts.flat[place].partition("e")
        if power and _LEAST_POWER <= int(power) <= _MOST_POWER:
            texts.flat[place] = _fixed(mantissa, int(power))
    return texts


def _fixed(mantissa: str, power: int) -> str:
    """Return `[-]d.ddd` times ten to `power` without an exponent."""
    sign = "-" if mantissa.startswith("-") else ""
    digits = mantissa.removeprefix("-").replace(".", "")
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    digits = digits.ljust(power + 2, "0")
    return f"{sign}{digits[: power + 1]}.{digits[power + 1 :]}"


def _nested(texts: Any) -> str:
    if isinstance(texts, str):
        return texts
    return "[" + ", ".join(_nested(text) for text in texts) + "]"


def _class_names(classes: Classes, values: Array) -> Texts:
    """Return the name of each value. Raises FerryError(MISMATCH) for a value without one: the contract promises that there is none."""
    labels = values.astype(np.int64)
    problem = classes.problem(labels)
    if problem is not None:
        raise FerryError(ExitCode.MISMATCH, f"{classes.output}: {problem}; the artifact breaks the contract, export again")
    return np.asarray(np.array(classes.names, dtype=object)[labels])


def _each(texts: Texts, change: Any) -> Texts:
    return np.array([change(text) for text in texts.ravel()], dtype=object).reshape(texts.shape)


def csv_text(name: str) -> str:
    """Return a cell, quoted where RFC 4180 asks for it."""
    text = printable(name)
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n\r') else text
