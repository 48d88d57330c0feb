"""Float32 graph -> int8 graph: weights symmetric per output channel, activations as bytes, sums exact in 32 bits.

Between two products everything is integers: a sum is scaled by a fixed-point number to an index, and a table holds the byte that
the elementwise functions in between give for it (B. Jacob et al., Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference, 2018, section 2.2, with a table in place of the clamp); clamps are the limits of the index. What
moves bytes or picks some, and what adds them, takes bytes as well. The rest goes through strict float32, whose bits are equal
everywhere too. A product of what is computed of an int16 input reads int16.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from torchferry.cgen.affine import IDENTITY
from torchferry.cgen.ir import Graph, Map, Node, Step, Twin
from torchferry.cgen.ops.byte_function import ByteFunction
from torchferry.cgen.ops.integer_sum import IntegerSum
from torchferry.cgen.ops.quantize import Quantize
from torchferry.cgen.passes.byte_io import ByteForm, to_floats
from torchferry.cgen.passes.byte_values import ByteValues, is_byte_function, sound_of
from torchferry.cgen.passes.caller_numbers import PIXELS, CallerNumbers, of_itself
from torchferry.cgen.passes.fixed_point import bytes_for, function_bytes, int16_for, is_steep, limits, saturating, to_bytes
from torchferry.cgen.passes.fold import drop_dead
from torchferry.cgen.scales import BYTE_MOST, Bytes, Finish, Range, ToFloats
from torchferry.cgen.values import Doubles, Operand, Value
from torchferry.errors import ExitCode, FerryError


def quantize(graph: Graph, ranges: Mapping[Value, Range]) -> Graph:
    """Return the int8 form of a folded graph, from the range of every float32 value on calibration data.

    Raises FerryError(FORMAT) for a graph without products and for a product whose sums could leave 32 bits.
    """
    _require_products(graph)
    return drop_dead(_Rewriter(graph, ranges).run())


def quantize_with_io(graph: Graph, ranges: Mapping[Value, Range]) -> ByteForm:
    """Return the int8 form whose caller gives and gets bytes for floats. Raises what `quantize` raises."""
    _require_products(graph)
    form = _Rewriter(graph, ranges, io=True).run_with_io()
    return replace(form, graph=drop_dead(form.graph))


def _require_products(graph: Graph) -> None:
    if not any(isinstance(node, Step) and node.int8_form == "product" for node in graph.nodes):
        raise FerryError(
            ExitCode.FORMAT,
            "c-int8: module: got no Linear layer and no convolution of one or two dims, expected at least one; leave out --quantize int8",
        )


class _Rewriter:
    """Rewrites node by node; `_bytes` are the bytes that stand for a float32 value, and what they mean."""

    def __init__(self, graph: Graph, ranges: Mapping[Value, Range], *, io: bool = False) -> None:
        self._graph = graph
        self._ranges = ranges
        self._producer = graph.producer()
        self._readers = graph.readers()
        self._floats: frozenset[Node] = frozenset()  # products whose sums a table would not show
        self._wanted = ByteValues.of(graph, outputs=io)
        self._leave_steep_products(io)
        self._caller = CallerNumbers(self._producer)
        self._sound = sound_of(graph) - self._wanted.values
        self._nodes: list[Node] = []
        self._joined: set[Node] = set()  # maps that a step before them computes
        self._bytes: dict[Value, tuple[Value, Bytes]] = {}

    def _leave_steep_products(self, io: bool) -> None:
        """Leave in float32 each product of which a function is too steep for a table, as log of power.

        What such a function makes of soft and of loud is much the same, and the bytes that the product would read lose the soft.
        """
        products = [node for node in self._graph.nodes if isinstance(node, Step) and node.int8_form == "product"]
        while found := {node for node in products if any(map(self._is_steep, node.outputs))}:
            self._floats |= found
            self._wanted = ByteValues.of(self._graph, outputs=io, floats=self._floats)

    def _is_steep(self, output: Value) -> bool:
        chain = self._chain(output) if output in self._wanted.values else []
        _, functions = self._leading_scale(chain)
        if all(node.function.clamps for node in functions):
            return False
        end = chain[-1].output
        kind = self._fixed_kind(end) or bytes_for(self._ranges[end])
        return is_steep(functions, self._ranges[functions[0].inputs[0]], kind)

    def run(self) -> Graph:
        for node in self._graph.nodes:
            if node not in self._joined:
                self._rewrite(node)
        twins = {
            made: Twin(value, kind=kind)
            for value, (made, kind) in self._bytes.items()
            if made not in self._graph.inputs and made.dtype == "uint8"
        }
        return replace(self._graph, nodes=tuple(self._nodes), twins={**self._graph.twins, **twins})

    def run_with_io(self) -> ByteForm:
        given = [self._given_bytes(value) for value in self._graph.inputs]
        graph = self.run()
        made = [
            (self._bytes.get(value) or self._quantized(value, "")) if value.dtype == "float32" else (value, None)
            for value in graph.outputs
        ]
        inputs, outputs = tuple(value for value, _ in given), tuple(value for value, _ in made)
        whole = replace(graph, inputs=inputs, nodes=tuple(self._nodes), outputs=outputs)
        return ByteForm(whole, tuple(kind for _, kind in given), tuple(kind for _, kind in made))

    def _given_bytes(self, x: Value) -> tuple[Value, Bytes | None]:
        """Return the caller's bytes for an input, with nodes that make floats of them for whoever reads floats."""
        if x.dtype != "float32":
            return x, None
        kind = self._grid_of_readers(x) or bytes_for(self._ranges[x])
        value = Value(x.name, x.shape, "uint8")
        self._bytes[x] = value, kind
        self._nodes += to_floats(value, kind, x)
        return value, kind

    def _grid_of_readers(self, x: Value) -> Bytes | None:
        """Return what bytes mean to all that read a value, where each rounds it to one grid."""
        kinds = {reader.grid if isinstance(reader, Map) else None for reader in self._readers.get(x, ())}
        return kinds.pop() if len(kinds) == 1 else None

    def _rewrite(self, node: Node) -> None:
        wanted = bool(node.outputs) and node.outputs[0] in self._wanted.values
        if isinstance(node, Map):
            if not wanted:
                self._nodes.append(node)
            elif node.grid is not None:
                self._add_rounding(node, node.grid)
            elif is_byte_function(node):
                self._add_function(node)
            else:
                self._add_sum(node)
        elif node in self._floats:
            self._nodes.append(node)
        elif node.int8_form in ("product", "loop") or (node.int8_form == "total" and node.inputs[0] in self._wanted.values):
            node.in_integers(self)
        else:
            self._nodes.append(self._over_bytes(node) if wanted else node)

    def add(self, node: Node) -> None:
        """See ir.Quantizer."""
        self._nodes.append(node)

    # ---- what steps read ----

    def operand(self, step: Step, rows: int, columns: int) -> tuple[Value, Bytes, Doubles]:
        """See ir.Quantizer. What is subtracted is what float32 did to the caller's bytes before the product."""
        x, nothing = step.inputs[0], np.zeros(columns)
        if x.dtype == "uint8":
            return x, PIXELS, nothing
        shifted = self._caller.shifted(x, rows, columns)
        if shifted is None:
            return (*self.bytes_of(step), nothing)
        return shifted[0], of_itself(shifted[0]), shifted[1]

    def bytes_of(self, step: Step) -> tuple[Value, Bytes]:
        """See ir.Quantizer."""
        x = step.inputs[0]
        if x not in self._bytes:
            self._bytes[x] = self._caller.scaled(x) or self._quantized(x, step.label)
        return self._bytes[x]

    def _quantized(self, x: Value, label: str) -> tuple[Value, Bytes]:
        kind = self._sound_kind(x) if x in self._sound else bytes_for(self._ranges[x])
        output = Value(f"{x.name}_{'int16' if x in self._sound else 'bytes'}", x.shape, kind.dtype)
        self._nodes.append(Quantize(x, 1 / kind.scale, kind.zero, output, label))
        return output, kind

    def _sound_kind(self, x: Value) -> Bytes:
        """Return what int16 mean for a value of sound: the caller's own, moved, or what its range asks for."""
        moved, seen = self._caller.moved(x), self._ranges[x]
        if moved is not None:
            low, high = ((code - moved.zero) * moved.scale for code in (moved.least, moved.most))
            if low <= seen.low and seen.high <= high:
                return moved
        return int16_for(seen)

    # ---- what steps give ----

    def finish(self, output: Value, unit: Doubles) -> tuple[Finish, Value]:
        """See ir.Quantizer. Bytes, where all that read the value or a chain of functions of it take them; else float32."""
        if output not in self._wanted.values:
            return ToFloats(unit), output
        chain = self._chain(output)
        scale, functions = self._leading_scale(chain)
        end = chain[-1].output if chain else output
        fixed = self._fixed_kind(end)
        if functions and fixed is not None and functions[-1].grid == fixed:
            functions = functions[:-1]  # bytes are that grid
        before = functions[0].inputs[0] if functions else end
        finish, kind = to_bytes(functions, unit * scale, self._ranges[before], self._ranges[end], fixed)
        self._joined |= set(chain)
        return finish, self._twin(end, kind)

    def steps_of(self, output: Value, start: Operand) -> tuple[Bytes, Value, Bytes | None]:
        """See ir.Quantizer."""
        seen = self._ranges[output]
        state = bytes_for(seen.joined(self._ranges[start]) if isinstance(start, Value) else seen)
        if output not in self._wanted.values:
            return state, output, None
        kind = self._fixed_kind(output) or bytes_for(seen)
        return state, self._twin(output, kind), kind

    def _twin(self, value: Value, kind: Bytes) -> Value:
        made = Value(f"{value.name}_bytes", value.shape, "uint8")
        self._bytes[value] = made, kind
        return made

    def _fixed_kind(self, value: Value) -> Bytes | None:
        """Return what the bytes of a value must mean, where the module says it or others mean the same."""
        return self._wanted.fixed(value, self._ranges)

    def _chain(self, value: Value) -> list[Map]:
        """Return the elementwise functions from `value` on, each the only reader of the one before, whose results are bytes."""
        chain: list[Map] = []
        while value not in self._wanted.alike and value not in self._graph.outputs:
            readers = list(dict.fromkeys(self._readers.get(value, [])))
            if len(readers) != 1 or not isinstance(readers[0], Map) or not is_byte_function(readers[0]):
                break
            chain.append(readers[0])
            value = readers[0].output
            if readers[0].grid is not None:
                break
        return chain

    @staticmethod
    def _leading_scale(chain: list[Map]) -> tuple[float, list[Map]]:
        """Return the factor by which a chain begins, and the rest of it."""
        first = chain[0].continues(IDENTITY) if chain else None
        if first is None or first.scale.ndim or not first.scale > 0 or (first.shift != 0).any():
            return 1.0, chain
        return float(first.scale), chain[1:]

    # ---- nodes between products ----

    def _over_bytes(self, step: Step) -> Step:
        """Return a step that moves bytes or picks some."""
        (output,) = step.outputs
        kind = self._bytes[step.inputs[0]][1]
        twins = {value: self._bytes[value][0] for value in step.inputs if value in self._bytes}
        return step.over_bytes({**twins, output: self._twin(output, kind)}, kind)

    def _add_function(self, node: Map) -> None:
        """Add an elementwise function of bytes as a table."""
        x, kind = self._bytes[node.inputs[0]]
        chain = [node, *self._chain(node.output)] if node.grid is None else [node]
        if chain[-1].grid is None:
            chain = [node]
        self._joined |= set(chain)
        output = chain[-1].output
        made = self._fixed_kind(output) or bytes_for(self._ranges[output])
        points = (np.arange(BYTE_MOST + 1, dtype=np.float64) - kind.zero) * kind.scale
        table, name = function_bytes(chain, points, made), ", ".join(each.function.name for each in chain)
        self._nodes.append(ByteFunction(x, table, name, self._twin(output, made), node.label))

    def _add_rounding(self, node: Map, grid: Bytes) -> None:
        """Add bytes for what the module rounds to a grid: those that are there, or made of bytes of another meaning, or of floats."""
        (x,) = node.inputs
        made = self._fixed_kind(node.output) or grid
        if x in self._bytes and self._bytes[x][1] == made:
            self._bytes[node.output] = self._bytes[x]
        elif x in self._wanted.values:
            self._add_function(node)
        else:
            exact = made == grid and grid.most == BYTE_MOST
            self._nodes += [] if exact else [node]
            source, output = x if exact else node.output, self._twin(node.output, made)
            self._nodes.append(Quantize(source, 1 / made.scale, made.zero, output, node.label))

    def _add_sum(self, node: Map) -> None:
        """Add a sum of bytes, with the clamps after it as its limits."""
        chain: list[Map] = []
        for after in self._chain(node.output):
            if not after.function.clamps and after.grid is None:
                break
            chain.append(after)
        self._joined |= set(chain)
        end = chain[-1].output if chain else node.output
        made = self._fixed_kind(end) or bytes_for(self._ranges[end])
        operands = [self._bytes[value] for value in node.inputs]
        factors = [term * kind.scale / made.scale for term, (_, kind) in zip(node.function.terms, operands, strict=True)]
        zeros = [kind.zero for _, kind in operands]
        output = self._twin(end, made)
        functions = tuple(after.function.name for after in chain if after.grid is None)
        given, ends = ([x for x, _ in operands], factors, zeros, made.zero), saturating(chain, made)
        self._nodes.append(IntegerSum.of(*given, limits(chain, made), functions, output, node.label, ends))
