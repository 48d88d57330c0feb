"""Elementwise functions as one C loop."""

from __future__ import annotations

import numpy as np

from torchferry.cgen.emit.layers import Layer
from torchferry.cgen.emit.model import Model
from torchferry.cgen.emit.tables import print_table
from torchferry.cgen.ir import Map
from torchferry.cgen.pattern import pattern_of
from torchferry.cgen.target import local_type
from torchferry.cgen.text import OWN, literal, own
from torchferry.cgen.values import Array, Constant, Operand, Value


class LoopPrinter:
    """Prints the loop of one layer; `tables`, of so many `table_bytes`, and `uses` are what the loop needs."""

    def __init__(self, model: Model, layer: Layer, name: str) -> None:
        self.tables: dict[str, str] = {}
        self.table_bytes: dict[str, int] = {}
        self.uses: list[str] = []
        self._model = model
        self._layer = layer
        self._name = name
        self._known: dict[Value, str] = {}

    def print(self) -> list[str]:
        """Return the lines of the loop; results are stored after everything of that element has been read."""
        if not self._layer.maps:
            return []
        lines = [self._statement(node) for node in self._layer.maps]
        stores = [
            f"    {self._element(node.output)} = {self._stored(node.output)};"
            for node in self._layer.maps
            if self._model.plan.owner(node.output) in self._model.plan.places
        ]
        part = self._model.part_of(self._layer)
        reach = f"j = 0; j < {self._layer.size}" if part is None else f"j = row * {part}; j < (row + 1) * {part}"
        return [f"  for (size_t {reach}; ++j) {{", *lines, *stores, "  }"]

    def _element(self, value: Value) -> str:
        index = "0" if value.size == 1 and self._layer.size != 1 else "j"
        if value in self._model.plan.parts:
            index = f"j - row * {self._model.plan.parts[value]}"
        return f"{self._model.local(value)}[{index}]"

    def _stored(self, value: Value) -> str:
        return f"(uint8_t){self._known[value]}" if self._model.ctype(value) == "uint8_t" else self._known[value]

    def _statement(self, node: Map) -> str:
        self.uses += node.function.uses
        operands = [self._operand(node, operand) for operand in node.operands]
        local = f"{self._model.names[node.output]}_j"
        self._known[node.output] = local
        return f"    const {local_type(node.output.dtype)} {local} = {own(node.function.c).format(*operands)};"

    def _operand(self, node: Map, operand: Operand) -> str:
        if isinstance(operand, Value):
            return self._known.get(operand) or self._element(operand)
        if self._model.weights is not None and self._is_weight(node, operand):
            table = np.broadcast_to(node.stored(operand).ravel(), operand.array.size)
            return f"{self._constants(table)}[{'j' if operand.array.ndim else '0'}]"
        if operand.array.ndim == 0:
            self.uses += () if np.isfinite(operand.array) else ("from_bits",)
            return literal(float(operand.array), node.operand_dtype)
        stored = pattern_of(node.stored(operand))
        return f"{self._constants(stored.array)}[{stored.index('j')}]"

    def _constants(self, array: Array) -> str:
        """Return the name of the table of these numbers; equal ones are printed once."""
        ctype = "float" if array.dtype == np.float32 else "int64_t"
        if self._model.weights is None:
            for name, text in self.tables.items():
                if text == print_table(ctype, name, array, "one per element"):
                    return name
        name = f"{OWN}{self._name}_constant{len(self.tables) + 1}"
        self.tables[name] = self._model.table(ctype, name, array, "one per element")
        self.table_bytes[name] = array.nbytes
        return name

    def _is_weight(self, node: Map, constant: Constant) -> bool:
        """Tell whether a constant is kept outside of the code. Infinity is what masks, and no weight."""
        return node.operand_dtype == "float32" and bool(np.isfinite(constant.array).all())
