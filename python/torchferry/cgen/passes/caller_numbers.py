"""The caller's bytes and int16 behind a float32 value, where a scale and a shift alone have made it of them: products read those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeGuard

from torchferry.cgen.affine import IDENTITY, Affine, per_column
from torchferry.cgen.ir import Map, Node
from torchferry.cgen.passes.fold import affine_of
from torchferry.cgen.scales import INT16_LEAST, INT16_MOST, Bytes
from torchferry.cgen.values import Doubles, Value

PIXELS = Bytes(1.0, 0)
SOUND = Bytes(1.0, 0, INT16_MOST, INT16_LEAST)


def of_itself(value: Value) -> Bytes:
    """Return what bytes or int16 mean that are the numbers themselves."""
    return PIXELS if value.dtype == "uint8" else SOUND


@dataclass(frozen=True)
class CallerNumbers:
    """Looks behind values; `producer` has the node that gives each."""

    producer: Mapping[Value, Node]

    def shifted(self, x: Value, rows: int, columns: int) -> tuple[Value, Doubles] | None:
        """Return the bytes or int16 u and c [columns] where x is (float) u - c: exact sums may take c out of the product."""
        found = self._behind(x)
        if found is None or not (found[1].scale == 1).all():
            return None
        shift = per_column(-found[1].shift, rows, columns)
        return None if shift is None else (found[0], shift)

    def scaled(self, x: Value) -> tuple[Value, Bytes] | None:
        """Return the bytes or int16 u and what they mean where x is (u - zero) * scale with such a `zero`."""
        found = self._behind(x)
        kind = _meaning(*found) if found is not None else None
        return (found[0], kind) if found is not None and kind is not None else None

    def moved(self, x: Value) -> Bytes | None:
        """Return what int16 mean of which x has copies at other places, all with one scale and shift; None where it has others."""
        chain: list[Map] = []
        node = self.producer.get(x)
        while node is not None and not _widens(node):
            if isinstance(node, Map) and node.continues(IDENTITY) is not None:
                chain.insert(0, node)
            elif isinstance(node, Map) or node.int8_form != "same" or len(node.inputs) != 1:
                return None
            node = self.producer.get(node.inputs[0])
        affine = affine_of(chain)
        return None if node is None or affine is None else _meaning(node.inputs[0], affine)

    def _behind(self, x: Value) -> tuple[Value, Affine] | None:
        """Return the bytes or int16 that x is made of element by element, and the scale and shift that make it of them."""
        chain: list[Map] = []
        node = self.producer.get(x)
        while isinstance(node, Map) and not node.function.widens and node.continues(IDENTITY) is not None:
            chain.insert(0, node)
            node = self.producer.get(node.inputs[0])
        if not _widens(node) or node.output.size != x.size or (node.inputs[0].dtype == "uint8" and not chain):
            return None
        affine = affine_of(chain)
        return None if affine is None else (node.inputs[0], affine)


def _widens(node: Node | None) -> TypeGuard[Map]:
    """Tell whether a node gives bytes or int16 in float32."""
    return isinstance(node, Map) and node.function.widens and node.inputs[0].dtype in ("uint8", "int16")


def _meaning(value: Value, affine: Affine) -> Bytes | None:
    """Return what bytes or int16 mean that become floats by a scale and a shift; None where 0 is none of them."""
    if affine.scale.ndim or affine.shift.ndim or not affine.scale > 0:
        return None
    zero, kind = -float(affine.shift) / float(affine.scale), of_itself(value)
    return replace(kind, scale=float(affine.scale), zero=int(zero)) if zero in range(kind.least, kind.most + 1) else None
