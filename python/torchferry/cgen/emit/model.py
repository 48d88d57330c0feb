"""Everything that the printers need to know about one model, made once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.cgen.emit.layers import Layer, group
from torchferry.cgen.emit.naming import Names, check_members, prefix
from torchferry.cgen.emit.plan import Place, Plan, element_type, plan
from torchferry.cgen.emit.tables import print_table
from torchferry.cgen.emit.weights import TABLES, WeightsFile
from torchferry.cgen.ir import Graph
from torchferry.cgen.target import c_type
from torchferry.cgen.values import Array, Value


@dataclass(frozen=True)
class Pointer:
    """The address of a value's first element: `offset` of a member of `input`, `output` or `workspace`."""

    struct: str
    member: str
    offset: int = 0
    is_number: bool = False  # the member is one number, no array

    def element(self, index: str, sample: str = "") -> str:
        """Return the C expression of the element at `index`, of the struct's sample at `sample` if it is an array."""
        return self._member(sample) + ("" if self.is_number else f"[{index}]")

    def address(self, sample: str = "") -> str:
        """Return the C expression of the address."""
        return ("&" if self.is_number else "") + self._member(sample) + (f" + {self.offset}" if self.offset else "")

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
    weights: WeightsFile | None = None  # its tables, where they are not part of the code

    @classmethod
    def build(cls, name: str, contract: Contract, graph: Graph, *, separate: bool = False) -> Model:
        """Gather what the emission of a model needs. Raises FerryError(FORMAT) for names that C cannot use."""
        own, layers = prefix(name), group(graph)
        check_members(contract, own)
        return cls(
            own,
            contract,
            graph,
            layers,
            plan(graph, layers),
            Names(graph, contract, layers, own),
            WeightsFile() if separate else None,
        )

    def pointer(self, value: Value) -> Pointer:
        """Return where a stored value is."""
        place = self.plan.places[self.plan.owner(value)]
        if place.area == "input" and place.of is not None:
            return member("input", self.contract.inputs[self.graph.inputs.index(place.of)], place.offset)
        if place.area == "output" and place.of is not None:
            return member("output", self.contract.outputs[self.graph.outputs.index(place.of)])
        return in_workspace(place)

    def table(self, ctype: str, name: str, array: Array, comment: str) -> str:
        """Return the C that defines a table of any shape, in the code or as a place in the weights."""
        if self.weights is None or ctype not in TABLES:
            return print_table(ctype, name, array, comment)
        return self.weights.add(ctype, name, array, comment)

    def part_of(self, layer: Layer) -> int | None:
        """Return the elements of a layer's step that are kept at a time, each time for the loop after it; None: all."""
        return self.plan.parts.get(layer.head.outputs[0]) if layer.head is not None and layer.head.outputs else None

    def local(self, value: Value) -> str:
        """Return the name of the pointer to a stored value."""
        return self.names[self.plan.owner(value)]

    def ctype(self, value: Value) -> str:
        """Return the type in which a stored value is kept."""
        area = self.plan.places[self.plan.owner(value)].area
        return c_type(value.dtype) if area == "input" or area == "output" else element_type(area)


def member(struct: str, spec: TensorSpec, offset: int = 0) -> Pointer:
    """Return where a tensor of the contract is, or an element of it."""
    return Pointer(struct, spec.name, offset, is_number=len(spec.shape) == 1)


def in_workspace(place: Place) -> Pointer:
    """Return where a place of the workspace is."""
    return Pointer("workspace", place.area, place.offset)


def size_of(spec: TensorSpec) -> int | None:
    """Return the elements per sample of a tensor; None where its struct member is a plain number."""
    dims = [dim for dim in spec.shape[1:] if isinstance(dim, int)]
    return math.prod(dims) if dims else None
