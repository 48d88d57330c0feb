"""C text of the int8 layers: products of bytes, and the way from sums to bytes or floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.cgen.ir import IntegerLinear, Quantize, ToBytes
from torchferry.cgen.kernels import pack_integers
from torchferry.cgen.naming import OWN
from torchferry.cgen.snippets import hex_float

COMMENTS = {
    "wide": "[panel][four inputs][column][4]: the columns that fill cache lines, in panels of at most 128",
    "narrow": "[four inputs][column][4]: the other columns, padded to fours",
    "bias": "one per output, in steps of the sum, with what the zero of the inputs adds",
    "multiplier": "one per output, fixed point: what one step of the sum is in steps of the result",
    "bytes": "the byte of the activation function for each index",
    "scale": "one per output: what one step of the sum means",
}
Table = Callable[[str, str, NDArray[Any]], str]  # ctype, kind, array -> the name of the table


def integer_product(node: IntegerLinear, x: str, y: str, table: Table) -> tuple[list[str], list[str]]:
    """The lines for one row, from pointer `x` to pointer `y` through `sums`, and the snippets that they call."""
    packed = pack_integers(node)
    wide = table("int8_t", "wide", packed.wide) if packed.wide.size else ""
    narrow = table("int8_t", "narrow", packed.narrow) if packed.narrow.size else ""
    bias = table("int32_t", "bias", packed.bias)
    call = f"{OWN}integer_columns({node.inputs}, {node.outputs}, {x}, {wide or narrow}, {narrow or wide}, {bias}, sums)"
    result, needs = _finish(node, table)
    lines = [f"  {call};", f"  for (size_t j = 0; j < {node.outputs}; ++j) {{", f"    {_element(y)} = {result};", "  }"]
    return lines, ["integer_columns", *needs]


def _element(pointer: str) -> str:
    return f"{pointer}[j]" if pointer.isidentifier() else f"({pointer})[j]"


def _finish(node: IntegerLinear, table: Table) -> tuple[str, list[str]]:
    """The result of sums[j] as an expression."""
    finish = node.finish
    if not isinstance(finish, ToBytes):
        return f"(float)sums[j] * {table('float', 'scale', finish.scale.astype(np.float32))}[j]", []
    multiplier = table("int32_t", "multiplier", finish.multiplier.astype(np.int32))
    index = f"{OWN}index(sums[j], {multiplier}[j], INT64_C({finish.offset}), {finish.shift}, {finish.last})"
    if not len(finish.table):
        return f"(uint8_t){index}", ["index"]
    return f"{table('uint8_t', 'bytes', finish.table.astype(np.uint8))}[{index}]", ["index"]


def quantized(node: Quantize, x: str, y: str) -> list[str]:
    """Bytes from floats."""
    call = f"{OWN}quantize({x}[j], {hex_float(float(np.float32(node.inverse)))}, {node.zero})"
    return [f"  for (size_t j = 0; j < {node.x.size}; ++j) {{", f"    {y}[j] = {call};", "  }"]
