"""One C function per layer: it takes pointers to what it reads, to what it writes and to scratch memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.cgen.ir import Argmax, IntegerLinear, Linear, Quantize, Softmax, ToBytes, Value
from torchferry.cgen.kernels import pack
from torchferry.cgen.layers import Layer
from torchferry.cgen.model import Model
from torchferry.cgen.naming import OWN, plain
from torchferry.cgen.plan import AREAS
from torchferry.cgen.print_integers import COMMENTS, integer_product, quantized
from torchferry.cgen.print_maps import MapPrinter
from torchferry.cgen.tables import table

TABLES = {
    "wide": "[panel][input][column]: the columns that fill cache lines, in panels of at most 128",
    "narrow": "[input][column]: the other columns, padded to fours",
    "weights": "[output][input]",
    "bias": "one per output",
}
VECTOR_SIZE = 8  # elements of a loop that is worth a call
SCRATCH = {"floats": "values", "sums": "sums"}  # area -> name of the parameter


@dataclass(frozen=True)
class Parameter:
    """One pointer that a layer function takes; `pointer` is the place of the first element."""

    ctype: str
    name: str
    pointer: str
    const: bool = False

    def declare(self, suffix: str = "") -> str:
        """`const float *const restrict x`, or with suffix `[4]` an array of such pointers."""
        return f"{'const ' if self.const else ''}{self.ctype} *const {'' if suffix else 'restrict '}{self.name}{suffix}"


class LayerPrinter:
    """Prints one layer of a model: its tables, its function, and where it pays a variant for four samples."""

    def __init__(self, model: Model, index: int) -> None:
        self.model = model
        self.layer: Layer = model.layers[index]
        self.name = model.names.layers[index]
        self.by_fours = model.by_fours(self.layer)
        self.needs: list[str] = []
        self._tables: dict[str, str] = {}
        self._index = index + 1

    def print(self) -> str:
        """The text; `needs` then names the snippets that it calls."""
        maps = MapPrinter(self.model, self.layer, self.name)
        loop, head = maps.print(), self._head()
        after = f"{OWN}{OWN}APART " + self._function(f"{self.name}_after", self.after_parameters(), loop)
        functions = [self._function(self.name, self.parameters(), [*head, *self._loop_or_call(loop)])]
        if self._apart:
            functions = [after, *functions]
        if self.by_fours:
            functions.append(self._four())
        self.needs = list(dict.fromkeys([*self.needs, *maps.needs]))
        title = f"/* ---- Layer {self._index}: {describe(self.layer)} ---- */\n"
        return "\n".join([title, *self._tables.values(), *maps.tables.values(), *functions])

    @property
    def _apart(self) -> bool:
        """Is the loop over the maps a function of its own? After an inlined product clang would not vectorise it."""
        return self.layer.head is not None and bool(self.layer.maps) and self.layer.size >= VECTOR_SIZE

    def _loop_or_call(self, loop: list[str]) -> list[str]:
        if not self._apart:
            return loop
        return [f"  {OWN}{self.name}_after({', '.join(parameter.name for parameter in self.after_parameters())});"]

    def _function(self, name: str, parameters: Sequence[Parameter], body: list[str]) -> str:
        listed = ", ".join(parameter.declare() for parameter in parameters)
        return "\n".join([f"static void {OWN}{name}({listed}) {{", *body, "}"]) + "\n"

    # ---- parameters ----

    def parameters(self) -> list[Parameter]:
        """Of the layer's function: values, then scratch memory and row numbers where it needs them."""
        written = [node.output for node in self.layer.nodes]
        found = [*self._pointers(self.layer.reads(), written), *self._pointers(written, written)]
        if self.layer in self.model.plan.scratch:
            place = self.model.plan.scratch[self.layer]
            found.append(Parameter(AREAS[place.area], SCRATCH[place.area], f"workspace->{place.area} + {place.offset}"))
        if isinstance(self.layer.head, Linear) and self.model.kernel(self.layer.head).gather:
            found.append(Parameter(f"{OWN}row", "rows", "workspace->rows"))
        return list(dict.fromkeys(found))

    def after_parameters(self) -> list[Parameter]:
        """Of the loop over the elementwise functions alone."""
        written = [node.output for node in self.layer.maps]
        made = [value for node in self.layer.maps for value in node.values]
        found = [*self._pointers(made, written), *self._pointers(written, written)]
        return list(dict.fromkeys(found))

    def _pointers(self, values: Sequence[Value], written: Sequence[Value]) -> list[Parameter]:
        owners = dict.fromkeys(self.model.plan.owner(value) for value in values)
        writes = {self.model.plan.owner(value) for value in written}
        return [
            Parameter(self.model.ctype(owner), self.model.local(owner), self.model.pointer(owner), const=owner not in writes)
            for owner in owners
            if owner in self.model.plan.places
        ]

    # ---- heads ----

    def _head(self) -> list[str]:
        head = self.layer.head
        if head is None:
            return []
        if isinstance(head, Linear):
            return _over_rows(head.rows, self._dot(head) if self.model.kernel(head).kind == "dot" else self._columns(head))
        if isinstance(head, IntegerLinear):
            return _over_rows(head.rows, self._integers(head))
        if isinstance(head, Quantize):
            self.needs.append("quantize")
            return quantized(head, self.model.local(head.x), self.model.local(head.output))
        return _over_rows(head.x.size // head.width, self._reduction(head))

    def _integers(self, head: IntegerLinear) -> list[str]:
        x, y = self._row_of(head.x, head.rows, head.inputs), self._row_of(head.output, head.rows, head.outputs)

        def named(ctype: str, kind: str, array: NDArray[Any]) -> str:
            return self._table(kind, array, ctype, COMMENTS[kind])

        lines, needs = integer_product(head, x, y, named)
        self.needs += needs
        return lines

    def _reduction(self, head: Softmax | Argmax) -> list[str]:
        rows = head.x.size // head.width
        x = self._row_of(head.x, rows, head.width)
        if isinstance(head, Argmax):
            self.needs.append("argmax")
            return [f"  {self.model.local(head.output)}[{'0' if rows == 1 else 'row'}] = {OWN}argmax({head.width}, {x});"]
        function = "log_softmax" if head.logarithm else "softmax"
        self.needs.append(function)
        return [f"  {OWN}{function}({head.width}, {x}, {self._row_of(head.output, rows, head.width)});"]

    def _row_of(self, value: Value, rows: int, width: int) -> str:
        name = self.model.local(value)
        return name if rows == 1 else f"{name} + row * {width}"

    def _dot(self, head: Linear) -> list[str]:
        self.needs.append("dot")
        weights, bias = self._table("weights", head.weight.astype(np.float32)), self._table("bias", head.bias.astype(np.float32))
        lines, x = self._floats(head)
        y = self.model.local(head.output) + ("[j]" if head.rows == 1 else f"[row * {head.outputs} + j]")
        call = f"    {y} = {OWN}dot({head.inputs}, {x}, {weights} + j * {head.inputs}, {bias}[j]);"
        return [*lines, f"  for (size_t j = 0; j < {head.outputs}; ++j) {{", call, "  }"]

    def _columns(self, head: Linear) -> list[str]:
        self.needs.append("columns")
        kernel, y = self.model.kernel(head), self._row_of(head.output, head.rows, head.outputs)
        wide, narrow, bias = self._packed(head)

        def call(count: object, x: str, rows: str) -> str:
            shape = f"{head.inputs}, {head.outputs}, {kernel.sums}, {count}"
            return f"  {OWN}columns({shape}, {x}, {rows}, {wide}, {narrow}, {bias}, {y});"

        lines, x = self._floats(head)
        dense = [*lines, call(head.inputs, x, "NULL")]
        if not kernel.gather:
            return dense
        dtype, source = head.x.dtype, self._row_of(head.x, head.rows, head.inputs)
        self.needs.append(f"gather_{dtype}")
        return [
            f"  if ({OWN}is_dense_{dtype}({head.inputs}, {source})) {{",
            *(f"  {line}" for line in dense),
            "  } else {",
            f"    const size_t found = {OWN}gather_{dtype}({head.inputs}, {source}, values, rows);",
            f"  {call('found', 'values', 'rows')}",
            "  }",
        ]

    def _floats(self, head: Linear) -> tuple[list[str], str]:
        """Lines that convert bytes into the scratch floats, if need be, and the name of the floats."""
        x = self._row_of(head.x, head.rows, head.inputs)
        if head.x.dtype == "float32":
            return [], x
        self.needs.append("to_floats")
        return [f"  {OWN}to_floats({head.inputs}, {x}, values);"], "values"

    # ---- tables ----

    def _packed(self, head: Linear) -> tuple[str, str, str]:
        """Names of the wide, narrow and bias tables; where one of the first two is empty the other stands for it."""
        packed = pack(head)
        wide = self._table("wide", packed.wide) if packed.wide.size else ""
        narrow = self._table("narrow", packed.narrow) if packed.narrow.size else ""
        return wide or narrow, narrow or wide, self._table("bias", packed.bias)

    def _table(self, kind: str, array: NDArray[Any], ctype: str = "float", comment: str = "") -> str:
        name = f"{OWN}{self.name}_{kind}"
        if name not in self._tables:
            self._tables[name] = table(ctype, name, array, comment or TABLES[kind])
        return name

    # ---- four samples ----

    def _four(self) -> str:
        head = self.layer.head
        assert isinstance(head, Linear)
        self.needs.append("four_columns")
        wide, narrow, bias = self._packed(head)
        x, y = self.model.local(head.x), self.model.local(head.output)
        parameters = self.parameters()
        listed = ", ".join(parameter.declare("" if parameter.name == "rows" else "[4]") for parameter in parameters)
        copied = head.x.dtype != "float32"
        lines = [
            f"static void {OWN}{self.name}_four({listed}) {{",
            *self._one_by_one(head, parameters),
            *(_per_sample([f"    {OWN}to_floats({head.inputs}, {x}[r], values[r]);"]) if copied else []),
            *(["  const float *const floats[4] = {values[0], values[1], values[2], values[3]};"] if copied else []),
            f"  {OWN}four_columns({head.inputs}, {head.outputs}, {'floats' if copied else x}, {wide}, {narrow}, {bias}, {y});",
        ]
        if self.layer.maps:
            call = f"{OWN}{self.name}_after({_of_sample(self.after_parameters())});"
            lines += _per_sample([f"    {call}"])
        return "\n".join([*lines, "}"]) + "\n"

    def _one_by_one(self, head: Linear, parameters: Sequence[Parameter]) -> list[str]:
        """Where a sample has many zeros, each sample for itself is faster."""
        if not self.model.kernel(head).gather:
            return []
        x = self.model.local(head.x)
        tests = " && ".join(f"{OWN}is_dense_{head.x.dtype}({head.inputs}, {x}[{r}])" for r in range(4))
        single = _per_sample([f"    {OWN}{self.name}({_of_sample(parameters)});"])
        return [f"  if (!({tests})) {{", *(f"  {line}" for line in single), "    return;", "  }"]


def _of_sample(parameters: Sequence[Parameter]) -> str:
    return ", ".join(parameter.name if parameter.name == "rows" else f"{parameter.name}[r]" for parameter in parameters)


def _per_sample(body: list[str]) -> list[str]:
    return ["  for (size_t r = 0; r < 4; ++r) {", *body, "  }"]


def _over_rows(rows: int, body: list[str]) -> list[str]:
    if rows == 1:
        return body
    return [f"  for (size_t row = 0; row < {rows}; ++row) {{", *(f"  {line}" for line in body), "  }"]


def describe(layer: Layer) -> str:
    """`network.hidden: Linear 784 -> 100, sigmoid`."""
    texts = [_describe_head(layer.head)] if layer.head is not None else []
    texts += [node.operator for node in layer.maps]
    return (f"{plain(layer.label)}: " if layer.label else "") + ", ".join(texts)


def _describe_head(head: Linear | IntegerLinear | Quantize | Softmax | Argmax) -> str:
    if isinstance(head, Softmax):
        return "log_softmax" if head.logarithm else "softmax"
    if isinstance(head, Argmax):
        return "argmax"
    if isinstance(head, Quantize):
        return "float to bytes"
    text = f"Linear {head.inputs} -> {head.outputs}" + (f" on {head.rows} rows" if head.rows > 1 else "")
    if isinstance(head, Linear):
        return text
    operators = head.finish.operators if isinstance(head.finish, ToBytes) else ()
    return ", ".join((f"int8 {text}", *operators, "to bytes" if isinstance(head.finish, ToBytes) else "to float"))
