"""How each matrix product is computed: the order of its sums, which is the definition of its bits, and the layout of its table.

`columns`: inputs outer, outputs inner. Each output has `sums` partial sums, input i goes to number i mod sums, in rising order
of i; at the end they are added pairwise (0+2, 1+3, then both) and the bias last. `dot`: the same with 16 partial sums, for
products with few outputs. Every product and every sum is rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from torchferry.cgen.elementwise import MAKES_ZEROS
from torchferry.cgen.ir import Graph, IntegerLinear, Linear, Map

Floats = NDArray[np.float32]

LINE = 16  # floats in a cache line and in the widest vector
PANEL = 128  # columns of a table that lie together
QUAD = 4  # columns that do not fill a line are padded to this
DOT_LANES = 16
FEW_OUTPUTS, FEW_INPUTS = 3, 32
GATHER_OUTPUTS = 48  # with fewer outputs, looking for zeros costs more than it saves


@dataclass(frozen=True)
class Kernel:
    """`gather`: skip the inputs that are zero. Exact, since every sum starts at +0 and so never is -0."""

    kind: str
    sums: int
    gather: bool


def choose(linear: Linear, graph: Graph) -> Kernel:
    """The kernel for one product."""
    if linear.outputs <= FEW_OUTPUTS and linear.inputs >= FEW_INPUTS:
        return Kernel("dot", DOT_LANES, gather=False)
    sums = _partial_sums(linear)
    return Kernel("columns", sums, gather=sums == 1 and linear.outputs >= GATHER_OUTPUTS and _may_be_sparse(linear, graph))


def _partial_sums(linear: Linear) -> int:
    """So many that some eight additions are under way at once in the widest vectors."""
    if linear.inputs < FEW_INPUTS:
        return 1
    if linear.outputs <= LINE:
        return 4
    return 2 if linear.outputs <= 3 * LINE else 1


def _may_be_sparse(linear: Linear, graph: Graph) -> bool:
    node = graph.producer().get(linear.x)
    if node is None:
        return True
    return isinstance(node, Map) and (
        node.operator in MAKES_ZEROS or (node.operator == "float" and node.values[0] in graph.inputs)
    )


@dataclass(frozen=True)
class Table:
    """The weights of a `columns` product [inputs, outputs].

    `wide`: the columns that fill cache lines, in panels of at most 128 columns, each [inputs, columns]; `narrow`: the others,
    padded with zeros, [inputs, 4 quads]. Kept apart so that no row straddles a line. `bias` is padded like both.
    """

    wide: Floats
    narrow: Floats
    bias: Floats


def pack(linear: Linear) -> Table:
    """The table in float32."""
    weight = linear.weight.T.astype(np.float32)
    split = linear.outputs // LINE * LINE
    panels = [weight[:, start : min(start + PANEL, split)].ravel() for start in range(0, split, PANEL)]
    rest = linear.outputs - split
    padded = -(-rest // QUAD) * QUAD
    narrow = np.zeros((linear.inputs, padded), np.float32)
    narrow[:, :rest] = weight[:, split:]
    bias = np.zeros(split + padded, np.float32)
    bias[: linear.outputs] = linear.bias.astype(np.float32)
    wide = np.concatenate(panels) if panels else np.zeros(0, np.float32)
    return Table(wide, narrow.ravel(), bias)


GROUP = 4  # inputs whose weights for one output lie together: what one VNNI instruction adds to a sum


@dataclass(frozen=True)
class IntegerTable:
    """The weights of an integer product: as in `Table`, with [groups of four inputs, columns, 4] for [inputs, columns].

    Inputs that do not fill a group and columns that do not fill a quad are padded with zeros.
    """

    wide: NDArray[np.int8]
    narrow: NDArray[np.int8]
    bias: NDArray[np.int32]


def pack_integers(linear: IntegerLinear) -> IntegerTable:
    """The table in bytes."""
    groups, outputs = -(-linear.inputs // GROUP), linear.outputs
    split, padded = outputs // LINE * LINE, -(-outputs // QUAD) * QUAD
    whole = np.zeros((padded, groups * GROUP), np.int8)
    whole[:outputs, : linear.inputs] = linear.weight
    grouped = whole.reshape(padded, groups, GROUP).transpose(1, 0, 2)  # (groups, columns, 4)
    panels = [grouped[:, start : min(start + PANEL, split)].ravel() for start in range(0, split, PANEL)]
    bias = np.zeros(padded, np.int32)
    bias[:outputs] = linear.bias
    wide = np.concatenate(panels) if panels else np.zeros(0, np.int8)
    return IntegerTable(wide, grouped[:, split:].ravel(), bias)
