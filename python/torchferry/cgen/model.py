"""Everything that the printers need to know about one model, made once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.cgen.ir import Graph, Linear, Value
from torchferry.cgen.kernels import Kernel, choose
from torchferry.cgen.layers import Layer, group
from torchferry.cgen.naming import Names, check_members, prefix
from torchferry.cgen.plan import AREAS, ELEMENT_BYTES, Plan, plan

C_TYPES = {"float32": "float", "uint8": "uint8_t", "int64": "int64_t", "bool": "uint8_t"}
FOUR_OUTPUTS = 48  # with fewer outputs a table is so small that four samples at once gain nothing


@dataclass(frozen=True)
class Model:
    """A graph with its contract, its layers, the places of its values and their names."""

    prefix: str
    contract: Contract
    graph: Graph
    layers: tuple[Layer, ...]
    plan: Plan
    names: Names

    @classmethod
    def build(cls, name: str, contract: Contract, graph: Graph) -> Model:
        """Raises FerryError(FORMAT) for names that C cannot use."""
        own, layers = prefix(name), group(graph)
        check_members(contract, own)
        return cls(own, contract, graph, layers, plan(graph, layers), Names(graph, contract, layers, own))

    def kernel(self, linear: Linear) -> Kernel:
        """How a product is computed."""
        return choose(linear, self.graph)

    @property
    def row_bits(self) -> int:
        """Width of a row number."""
        return 16 if self.plan.rows <= 1 << 16 else 32

    def by_fours(self, layer: Layer) -> bool:
        """Has the layer a variant for four samples at once?"""
        head = layer.head
        return isinstance(head, Linear) and head.rows == 1 and self.kernel(head).kind == "columns" and self._wide(head)

    def _wide(self, head: Linear) -> bool:
        return self.kernel(head).sums == 1 and head.outputs >= FOUR_OUTPUTS

    def pointer(self, value: Value) -> str:
        """A C expression for the address of a stored value's first element."""
        owner = self.plan.owner(value)
        place = self.plan.places[owner]
        if place.area == "input":
            return self._member("input", self.contract.inputs[self.graph.inputs.index(owner)])
        if place.area == "output":
            return self._member("output", self.contract.outputs[self.graph.outputs.index(owner)])
        return f"workspace->{place.area} + {place.offset}"

    def _member(self, struct: str, spec: TensorSpec) -> str:
        return f"{struct}->{spec.name}" if len(spec.shape) > 1 else f"&{struct}->{spec.name}"

    def size(self, spec: TensorSpec) -> int | None:
        """Elements per sample of a tensor; None where its struct member is a plain number."""
        dims = [dim for dim in spec.shape[1:] if isinstance(dim, int)]
        return math.prod(dims) if dims else None

    def local(self, value: Value) -> str:
        """The name of the pointer to a stored value."""
        return self.names[self.plan.owner(value)]

    def ctype(self, value: Value) -> str:
        """The type in which a stored value is kept."""
        place = self.plan.places[self.plan.owner(value)]
        return AREAS.get(place.area) or C_TYPES[value.dtype]

    def workspace_bytes(self) -> int:
        """Size of the workspace of one sample."""
        areas = sum(ELEMENT_BYTES[name] * size for name, size in self.plan.sizes.items())
        return max(8, areas + self.plan.rows * self.row_bits // 8)
