"""Everything that the printers need to know about one model, made once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.cgen.emit.layers import Layer, group
from torchferry.cgen.emit.naming import Names, check_members, prefix
from torchferry.cgen.emit.plan import AREAS, Place, Plan, plan
from torchferry.cgen.ir import Graph
from torchferry.cgen.target import c_type
from torchferry.cgen.values import Value


@dataclass(frozen=True)
class Pointer:
    """The address of a value's first element: a member of `input`, `output` or `workspace`."""

    struct: str
    member: str
    is_number: bool = False  # the member is one number, no array

    def element(self, index: str, sample: str = "") -> str:
        """Return the C expression of the element at `index`, of the struct's sample at `sample` if it is an array."""
        return self._member(sample) + ("" if self.is_number else f"[{index}]")

    def address(self, sample: str = "") -> str:
        """Return the C expression of the address."""
        return ("&" if self.is_number else "") + self._member(sample)

    def _member(self, sample: str) -> str:
        return f"{self.struct}[{sample}].{self.member}" if sample else f"{self.struct}->{self.member}"


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
        """Gather what the emission of a model needs. Raises FerryError(FORMAT) for names that C cannot use."""
        own, layers = prefix(name), group(graph)
        check_members(contract, own)
        return cls(own, contract, graph, layers, plan(graph, layers), Names(graph, contract, layers, own))

    def pointer(self, value: Value) -> Pointer:
        """Return where a stored value is."""
        owner = self.plan.owner(value)
        place = self.plan.places[owner]
        if place.area == "input":
            return member("input", self.contract.inputs[self.graph.inputs.index(owner)])
        if place.area == "output":
            return member("output", self.contract.outputs[self.graph.outputs.index(owner)])
        return in_workspace(place)

    def local(self, value: Value) -> str:
        """Return the name of the pointer to a stored value."""
        return self.names[self.plan.owner(value)]

    def ctype(self, value: Value) -> str:
        """Return the type in which a stored value is kept."""
        area = self.plan.places[self.plan.owner(value)].area
        return c_type(value.dtype) if area == "input" or area == "output" else self.plan.element_type(area)

    def workspace_bytes(self) -> int:
        """Return the size of the workspace of one sample."""
        return max(8, sum(self.plan.element_bytes(area) * self.plan.sizes[area] for area in AREAS))


def member(struct: str, spec: TensorSpec) -> Pointer:
    """Return where a tensor of the contract is."""
    return Pointer(struct, spec.name, is_number=len(spec.shape) == 1)


def in_workspace(place: Place) -> Pointer:
    """Return where a place of the workspace is."""
    return Pointer("workspace", f"{place.area} + {place.offset}")


def size_of(spec: TensorSpec) -> int | None:
    """Return the elements per sample of a tensor; None where its struct member is a plain number."""
    dims = [dim for dim in spec.shape[1:] if isinstance(dim, int)]
    return math.prod(dims) if dims else None
