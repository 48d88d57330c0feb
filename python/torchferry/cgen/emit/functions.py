"""One C function per layer: it takes pointers to what it reads, to what it writes and to scratch memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torchferry.cgen.emit.layers import Layer
from torchferry.cgen.emit.loops import LoopPrinter
from torchferry.cgen.emit.model import Model, Pointer, in_workspace
from torchferry.cgen.emit.naming import plain
from torchferry.cgen.emit.plan import element_type
from torchferry.cgen.emit.weights import PARAMETER, Number
from torchferry.cgen.ir import Node
from torchferry.cgen.target import bytes_of, over_rows, per_sample
from torchferry.cgen.text import OWN, constant
from torchferry.cgen.values import Value

VECTOR_SIZE = 8  # elements of a loop that is worth a call


@dataclass(frozen=True)
class Parameter:
    """One pointer that a layer function takes; `pointer` is the place of the first element."""

    ctype: str
    name: str
    pointer: Pointer
    const: bool = False

    def declare(self) -> str:
        """Return `const float *const restrict x`."""
        return f"{'const ' if self.const else ''}{self.ctype} *const restrict {self.name}"

    def declare_four(self) -> str:
        """Return `const float *const x[4]`."""
        return f"{'const ' if self.const else ''}{self.ctype} *const {self.name}[4]"

    def of_sample(self) -> str:
        """Return the argument for sample `r` of four."""
        return f"{self.name}[r]"


class LayerPrinter:
    """Prints one layer of a model: its tables, its function, and where it pays a variant for four samples.

    To the layer's step it is the `Scope`. After `print`, `uses` are the kernels that the text calls, and `table_bytes` the sizes of the tables.
    """

    def __init__(self, model: Model, index: int) -> None:
        self.model = model
        self.layer: Layer = model.layers[index]
        self.name = model.names.layers[index]
        self.uses: list[str] = []
        self.by_fours = False
        self.is_empty = False
        self.table_bytes: dict[str, int] = {}
        self.reads_weights = False  # those that are not part of the code
        self._numbers: dict[str, Number] = {}
        self._tabled: list[str] = []
        self._loop: list[str] = []
        self._index = index + 1

    def print(self) -> str:
        """Return the text; none where nothing is left to do."""
        head, maps = self.layer.head, LoopPrinter(self.model, self.layer, self.name)
        tables, loop, part = self._tables(), maps.print(), self.model.part_of(self.layer)
        lines = [] if head is None else head.emit(self) if part is None else head.emit_part(self)
        named = [*tables, *maps.tables.values(), *self._named_numbers()]
        self._tabled = [line.split()[1] for line in "".join(named).split("\n") if line.startswith("#define")]
        self._loop = loop
        self.table_bytes |= maps.table_bytes
        self.reads_weights = self._reads_weights([*lines, *loop])
        body = [*lines, *self._loop_or_call(loop)]
        if part is not None and head is not None:
            body = over_rows(head.outputs[0].size // part, body)
        self.is_empty = not body
        if self.is_empty:
            return ""
        weights = [PARAMETER] if self.reads_weights else []
        functions = [self._function(self.name, [*weights, *self._declared(self.parameters())], body)]
        if self._apart:
            row = [*([PARAMETER] if self._reads_weights(loop) else []), *([] if part is None else ["const size_t row"])]
            after = self._function(f"{self.name}_after", [*row, *self._declared(self.after_parameters())], loop)
            functions = [f"{OWN}{OWN}APART {after}", *functions]
        four = head.emit_four(self) if head is not None else None
        if four is not None:
            self.by_fours = True
            functions.append(self._four(four))
        self.uses = list(dict.fromkeys([*self.uses, *maps.uses]))
        title = f"/* ---- Layer {self._index}: {describe(self.layer)} ---- */\n"
        return "\n".join([title, *named, *functions])

    def _named_numbers(self) -> list[str]:
        """Return the C that names the numbers of separate weights, if there are any."""
        if self.model.weights is None or not self._numbers:
            return []
        return [f"/* numbers that training and calibration decide */\n{self.model.weights.add_numbers(self._numbers)}"]

    def _reads_weights(self, lines: Sequence[str]) -> bool:
        return any(name in line for name in self._tabled for line in lines)

    def _tables(self) -> list[str]:
        tables = self.layer.head.tables() if self.layer.head is not None else ()
        self.table_bytes = {self.table(t.kind): t.array.size * bytes_of(t.ctype) for t in tables}
        return [self.model.table(t.ctype, self.table(t.kind), t.array, t.comment) for t in tables if t.array.size]

    @property
    def _apart(self) -> bool:
        """Whether the loop over the maps is a function of its own. After an inlined product clang would not vectorise it."""
        return self.layer.head is not None and bool(self.layer.maps) and self.layer.size >= VECTOR_SIZE

    def _loop_or_call(self, loop: list[str]) -> list[str]:
        if not self._apart:
            return loop
        row = [] if self.model.part_of(self.layer) is None else ["row"]
        given = [*self._given_to_loop(), *row, *(parameter.name for parameter in self.after_parameters())]
        return [f"  {OWN}{self.name}_after({', '.join(given)});"]

    def _given_to_loop(self) -> list[str]:
        return ["weights"] if self._reads_weights(self._loop) else []

    def _declared(self, parameters: Sequence[Parameter]) -> list[str]:
        return [parameter.declare() for parameter in parameters]

    def _function(self, name: str, parameters: Sequence[str], body: list[str]) -> str:
        return "\n".join([f"static void {OWN}{name}({', '.join(parameters)}) {{", *body, "}"]) + "\n"

    # ---- what the step asks for (target.Scope) ----

    def use(self, *kernels: str) -> None:
        """See Scope."""
        self.uses += kernels

    def pointer(self, value: Value) -> str:
        """See Scope."""
        return self.model.local(value)

    def row(self, value: Value, rows: int, width: int) -> str:
        """See Scope."""
        name = self.model.local(value)
        return name if rows == 1 or value in self.model.plan.parts else f"{name} + row * {width}"

    def is_placed(self, value: Value) -> bool:
        """See Scope."""
        return value in self.model.plan.placed.get(self.layer, ())

    def table(self, kind: str) -> str:
        """See Scope."""
        return f"{OWN}{self.name}_{kind}"

    def number(self, kind: str, ctype: str, value: float) -> str:
        """See Scope."""
        if self.model.weights is None:
            return constant(value, ctype)
        name, number = self.table(kind), Number(ctype, value)
        assert self._numbers.setdefault(name, number) == number, "two numbers of one kind"
        return name

    def singly(self) -> list[str]:
        """See Scope."""
        weights = ["weights"] if self.reads_weights else []
        return per_sample([f"    {OWN}{self.name}({_of_sample(weights, self.parameters())});"])

    # ---- parameters ----

    def parameters(self) -> list[Parameter]:
        """Return those of the layer's function: values, then scratch memory."""
        written = [value for node in self._working() for value in node.outputs]
        read = [
            value
            for node in self._working()
            for value in node.inputs
            if value not in written and not self._is_left_out(node, value)
        ]
        found = [*self._pointers(read, written), *self._pointers(written, written)]
        for need, place in self.model.plan.scratch[self.layer]:
            found.append(Parameter(element_type(need.area), need.name, in_workspace(place)))
        return list(dict.fromkeys(found))

    def _working(self) -> tuple[Node, ...]:
        """Return the nodes of the layer but for a step whose output lies in its input."""
        head = self.layer.head
        viewed = head is not None and head.run_of_input is not None and self.is_placed(head.run_of_input[0])
        return self.layer.maps if viewed else self.layer.nodes

    def _is_left_out(self, node: Node, value: Value) -> bool:
        """Tell whether a step does not touch one of its inputs."""
        return node is self.layer.head and self.is_placed(value)

    def after_parameters(self) -> list[Parameter]:
        """Return those of the loop after the step, where it is a function of its own."""
        written = [node.output for node in self.layer.maps]
        read = [value for node in self.layer.maps for value in node.inputs]
        return list(dict.fromkeys([*self._pointers(read, written), *self._pointers(written, written)]))

    def _pointers(self, values: Sequence[Value], written: Sequence[Value]) -> list[Parameter]:
        """Return parameters for those of the values that are stored; const where no written value has its place."""
        owners = dict.fromkeys(self.model.plan.owner(value) for value in values)
        writes = {self.model.plan.owner(value) for value in written}
        return [
            Parameter(self.model.ctype(owner), self.model.local(owner), self.model.pointer(owner), const=owner not in writes)
            for owner in owners
            if owner in self.model.plan.places
        ]

    # ---- four samples ----

    def _four(self, product: list[str]) -> str:
        listed = ", ".join(
            [*([PARAMETER] if self.reads_weights else []), *(parameter.declare_four() for parameter in self.parameters())]
        )
        lines = [f"static void {OWN}{self.name}_four({listed}) {{", *product]
        if self.layer.maps:
            lines += per_sample([f"    {OWN}{self.name}_after({_of_sample(self._given_to_loop(), self.after_parameters())});"])
        return only_by_fours("\n".join([*lines, "}"]) + "\n")


def only_by_fours(text: str) -> str:
    """Return the C of functions for four samples, left out where a batch computes one at a time."""
    return f"#if {OWN}{OWN}BATCH_ROWS == 4\n{text}#endif\n"


def _of_sample(weights: Sequence[str], parameters: Sequence[Parameter]) -> str:
    return ", ".join([*weights, *(parameter.of_sample() for parameter in parameters)])


def describe(layer: Layer) -> str:
    """Return `network.hidden: Linear 784 -> 100, sigmoid`."""
    texts = [layer.head.describe()] if layer.head is not None else []
    texts += [node.function.name for node in layer.maps]
    return (f"{plain(layer.label)}: " if layer.label else "") + ", ".join(texts)
