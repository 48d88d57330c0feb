"""Which outputs hang on decisions by rounded numbers: a comparison, a rounding to integers or an order may turn out otherwise in float32."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node

from torchferry.bounds.certified import CONVERSIONS, DECISIONS, IDENTITIES, MOVES, SHAPES
from torchferry.bundle.contract import Contract

JUMPS = DECISIONS | frozenset(
    {
        "_local_scalar_dense",
        "equal",
        "is_nonzero",
        "remainder",
        "fmod",
        "floor_divide",
        "nonzero",
        "masked_select",
        "bucketize",
        "searchsorted",
        "unique_consecutive",
        "frac",
    }
)
PLACES = frozenset(
    {"max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool3d", "_embedding_bag"}
)
"""What they say of places is not looked at by layers."""
_EXACT = (
    MOVES
    | IDENTITIES
    | CONVERSIONS
    | SHAPES
    | frozenset({"embedding", "index", "gather", "index_select", "where", "masked_fill", "relu", "abs", "neg"})
)


def decided_outputs(program: ExportedProgram, contract: Contract) -> dict[str, str]:
    """Return the float outputs that a decision by rounded numbers leads to, each with the words for it."""
    rounded: set[Node] = set()
    decided: dict[Node, str] = {}
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        name = getattr(getattr(node.target, "overloadpacket", node.target), "__name__", str(node.target))
        before = [arg for arg in node.all_input_nodes if arg in decided]
        by_rounded = any(arg in rounded for arg in node.all_input_nodes)
        if before:
            decided[node] = decided[before[0]]
        elif by_rounded and (name in JUMPS or _is_integer(node)):
            decided[node] = f"operator {name} decides by rounded numbers"
        elif by_rounded or (name not in _EXACT | JUMPS and node.target is not operator.getitem):
            rounded.add(node)
    (results,) = (node.args[0] for node in program.graph.nodes if node.op == "output")
    found: Mapping[str, Any] = dict(zip((spec.name for spec in contract.outputs), results[-len(contract.outputs) :], strict=True))
    return {spec.name: decided[found[spec.name]] for spec in contract.outputs if spec.is_float and found[spec.name] in decided}


def _is_integer(node: Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and not (value.dtype.is_floating_point or value.dtype.is_complex)
