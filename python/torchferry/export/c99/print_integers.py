"""C text of the int8 nodes: products of bytes, and the way from sums to bytes or floats."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from torchferry.export.c99.ir import Dequantize, IntegerLinear, Lookup, Quantize, Value
from torchferry.export.c99.kernels import pack_integers
from torchferry.export.c99.naming import OWN
from torchferry.export.c99.snippets import hex_float
from torchferry.export.c99.tables import Tables

COMMENTS = {
    "wide": "[panel][four inputs][column][4]: the columns that fill cache lines, in panels of at most 128",
    "narrow": "[four inputs][column][4]: the other columns, padded to fours",
    "bias": "one per output, with what the zero of the inputs adds",
    "multiplier": "fixed point, one per output: sum * multiplier >> shift is an index into the table",
    "table": "the byte for each index",
    "scale": "one per output: what one step of a sum means",
}
Local = Callable[[Value], str]


def integer_linear(node: IntegerLinear, local: Local, tables: Tables) -> list[str]:
    """sums = bias + table x."""
    packed = pack_integers(node)
    wide = tables.add("int8_t", "wide", packed.wide, COMMENTS["wide"]) if packed.wide.size else ""
    narrow = tables.add("int8_t", "narrow", packed.narrow, COMMENTS["narrow"]) if packed.narrow.size else ""
    bias = tables.add("int32_t", "bias", packed.bias, COMMENTS["bias"])
    x, y = _row(node.x, node.rows, node.inputs, local), _row(node.output, node.rows, node.outputs, local)
    shape = f"{node.inputs}, {node.outputs}"
    return over_rows(node.rows, [f"  {OWN}integer_columns({shape}, {x}, {wide or narrow}, {narrow or wide}, {bias}, {y});"])


def lookup(node: Lookup, local: Local, tables: Tables) -> list[str]:
    """Bytes from sums, in integers."""
    columns = len(node.multiplier)
    rows = node.x.size // columns
    multiplier = tables.add("int32_t", "multiplier", node.multiplier.astype(np.int32), COMMENTS["multiplier"])
    table = tables.add("uint8_t", "table", node.table.astype(np.uint8), COMMENTS["table"])
    x, y = _element(node.x, rows, columns, local), _element(node.output, rows, columns, local)
    last = len(node.table) - 1
    body = [
        f"  for (size_t j = 0; j < {columns}; ++j) {{",
        f"    {y} = {table}[{OWN}index({x}, {multiplier}[j], {node.offset}, {node.shift}, {last})];",
        "  }",
    ]
    return over_rows(rows, body)


def dequantize(node: Dequantize, local: Local, tables: Tables) -> list[str]:
    """Floats from sums."""
    columns = len(node.scale)
    rows = node.x.size // columns
    scale = tables.add("float", "scale", node.scale.astype(np.float32), COMMENTS["scale"])
    x, y = _element(node.x, rows, columns, local), _element(node.output, rows, columns, local)
    return over_rows(rows, [f"  for (size_t j = 0; j < {columns}; ++j) {{", f"    {y} = (float){x} * {scale}[j];", "  }"])


def quantize(node: Quantize, local: Local) -> list[str]:
    """Bytes from floats."""
    call = f"{OWN}quantize({local(node.x)}[j], {hex_float(float(np.float32(node.inverse)))}, {node.zero})"
    return [f"  for (size_t j = 0; j < {node.x.size}; ++j) {{", f"    {local(node.output)}[j] = {call};", "  }"]


def over_rows(rows: int, body: list[str]) -> list[str]:
    """The body once, or for every row of a sample's matrix."""
    if rows == 1:
        return body
    return [f"  for (size_t row = 0; row < {rows}; ++row) {{", *(f"  {line}" for line in body), "  }"]


def _row(value: Value, rows: int, width: int, local: Local) -> str:
    return local(value) if rows == 1 else f"{local(value)} + row * {width}"


def _element(value: Value, rows: int, columns: int, local: Local) -> str:
    return f"{local(value)}[j]" if rows == 1 else f"{local(value)}[row * {columns} + j]"
