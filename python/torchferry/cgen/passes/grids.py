"""Rounding to a grid, which modules that were trained for int8 write as scale, round, clamp and scale: one node for the four."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from torchferry.cgen.affine import IDENTITY, Affine
from torchferry.cgen.ir import Graph, Map, Node
from torchferry.cgen.lowering import number
from torchferry.cgen.ops.fake_quantize import FAKE_QUANTIZE, MOST_STEPS
from torchferry.cgen.passes.fold import affine_of, drop_dead
from torchferry.cgen.values import Constant, Value

LIMITS = np.array([-np.inf, np.inf])
RECIPROCAL = 2.0**-20  # how far the two scales may be from being each other's reciprocal


def find_grids(graph: Graph) -> Graph:
    """Return the graph with one node for each rounding to a grid."""
    uses, producer = graph.uses(), graph.producer()
    nodes = (_joined(node, uses, producer) if isinstance(node, Map) else node for node in graph.nodes)
    return drop_dead(replace(graph, nodes=tuple(nodes)))


def _joined(last: Map, uses: dict[Value, int], producer: dict[Value, Node]) -> Map:
    """Return the rounding to a grid that ends with a scale; the node itself where none does."""
    if not _is_affine(last):
        return last
    chain = _chain_before(last, uses, producer)
    other = [index for index, node in enumerate(chain) if not _is_affine(node)]
    if not any(node.function.rounds for node in chain):
        return last
    before, middle, after = chain[: other[0]], chain[other[0] : other[-1] + 1], chain[other[-1] + 1 :]
    constants = _grid(affine_of(before), middle, affine_of(after))
    return last if constants is None else Map(FAKE_QUANTIZE, (before[0].inputs[0], *constants), last.output, last.label)


def _is_affine(node: Map) -> bool:
    affine = node.continues(IDENTITY)
    return affine is not None and affine.scale.ndim == 0 and affine.shift.ndim == 0


def _chain_before(last: Map, uses: dict[Value, int], producer: dict[Value, Node]) -> list[Map]:
    """Return what leads to the node: a scale and shift, a rounding and clamps, a scale and shift; each result but the last read once.

    It begins where what is scaled before the rounding and after it is the same number again.
    """
    chain: list[Map] = [last]
    while True:
        node = producer.get(chain[0].inputs[0])
        one = isinstance(node, Map) and len(node.inputs) == 1 and node.inputs[0].size == last.output.size
        if not isinstance(node, Map) or not one or uses[node.output] != 1:
            return chain
        scaled = any(each.function.rounds for each in chain) and _is_affine(chain[0])
        if not _is_affine(node) and (scaled or not (node.function.rounds or (node.function.clamps and _numbers_only(node)))):
            return chain
        chain.insert(0, node)
        scale = affine_of([each for each in chain if _is_affine(each)])
        if _is_affine(node) and scale is not None and abs(float(scale.scale) - 1) < RECIPROCAL:
            return chain


def _numbers_only(node: Map) -> bool:
    return all(operand.array.ndim == 0 for operand in node.operands if isinstance(operand, Constant))


def _grid(before: Affine | None, middle: Sequence[Map], after: Affine | None) -> tuple[Constant, ...] | None:
    """Return what FAKE_QUANTIZE takes beside x: its whole numbers are those between the clamps, less what is added between."""
    if before is None or after is None or not before.scale > 0:
        return None
    scale = float(after.scale)
    shift = affine_of([node for node in middle if _is_affine(node)])
    if shift is None or shift.scale != 1 or abs(scale * float(before.scale) - 1) > RECIPROCAL:
        return None
    zero = float(before.shift) + float(shift.shift)
    values = {middle[0].inputs[0]: LIMITS.astype(np.float32)}
    with np.errstate(all="ignore"):
        for node in middle:
            values[node.output] = node.apply(values).astype(np.float32)
    low, high = (float(end) - zero for end in values[middle[-1].output])
    whole = (
        all(float(value).is_integer() for value in (zero, low, high))
        and abs(float(after.shift) / scale + zero) < RECIPROCAL * 256
    )
    if not whole or not low <= 0 <= high or high - low >= MOST_STEPS:
        return None
    return number(float(before.scale)), number(low), number(high), number(scale)
