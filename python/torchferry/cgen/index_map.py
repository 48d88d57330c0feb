"""Copies: every element of the output is one element of a source, by strides where the places are regular, else by tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np

from torchferry.cgen.ir import Int8Form, Step
from torchferry.cgen.scales import Bytes, byte_of
from torchferry.cgen.target import Scope, Table, c_type, stored_as
from torchferry.cgen.text import literal
from torchferry.cgen.values import Array, Constant, Integers, Operand, Value


@dataclass(frozen=True, eq=False)
class Axis:
    """One loop of a copy: how far position i is from the first, in the output (`targets` [n]) and in the source (`sources` [n])."""

    targets: Integers
    sources: Integers

    @classmethod
    def even(cls, count: int, target: int, source: int) -> Axis:
        """Return an axis with constant strides."""
        places = np.arange(count, dtype=np.int64)
        return cls(places * target, places * source)


def step(places: Integers) -> int | None:
    """Return the constant difference between neighbours of places [n]; None where there is none."""
    if len(places) == 1:
        return 0
    steps = np.diff(places)
    return int(steps[0]) if bool((steps == steps[0]).all()) else None


@dataclass(frozen=True, eq=False)
class Piece:
    """The part of a copy that comes from `source`, of which element `start` goes to element `target` of the output first."""

    source: int
    target: int
    start: int
    axes: tuple[Axis, ...]

    @cached_property
    def targets(self) -> Integers:
        """Places in the output [count]."""
        return self.target + _outer([axis.targets for axis in self.axes])

    @cached_property
    def sources(self) -> Integers:
        """Places in the source [count]."""
        return self.start + _outer([axis.sources for axis in self.axes])

    @property
    def is_run(self) -> bool:
        """Whether elements that follow each other in the source do so in the output."""
        return not self.axes or (len(self.axes) == 1 and step(self.axes[0].targets) == step(self.axes[0].sources) == 1)


def _outer(axes: Sequence[Integers]) -> Integers:
    sums: Integers = reduce(lambda a, b: np.add.outer(a, b).ravel(), axes, np.zeros(1, np.int64))
    return sums


def piece_of(source: int, index: Integers) -> Piece:
    """Return the copy of elements index [*shape] of a source; where index is -1 the output has something else."""
    places = np.argwhere(index >= 0)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    box = index[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    strides = np.array([int(np.prod(index.shape[dim + 1 :])) for dim in range(index.ndim)], np.int64)
    lines = [np.moveaxis(box, dim, 0).reshape(box.shape[dim], -1)[:, 0] - box.flat[0] for dim in range(box.ndim)]
    if bool((box >= 0).all()) and bool((_outer(lines) + box.flat[0] == box.ravel()).all()):
        axes = [Axis(np.arange(len(line)) * stride, line) for line, stride in zip(lines, strides, strict=True)]
        return Piece(source, int(low @ strides), int(box.flat[0]), _joined(axes))
    targets = np.flatnonzero(index >= 0)
    sources = index.ravel()[targets]
    return Piece(source, int(targets[0]), int(sources[0]), (Axis(targets - targets[0], sources - sources[0]),))


def _joined(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """Leave out axes of one element, and make one of neighbours that are one run in both places."""
    found: list[Axis] = []
    for axis in axes:
        if len(axis.targets) == 1:
            continue
        inner = (step(axis.targets), step(axis.sources))
        outer = (step(found[-1].targets), step(found[-1].sources)) if found else (None, None)
        count = len(axis.targets)
        if None not in (*inner, *outer) and all(a == b * count for a, b in zip(outer, inner, strict=True)):  # type: ignore[operator]
            found[-1] = Axis.even(len(found[-1].targets) * count, int(inner[0] or 0), int(inner[1] or 0))
        else:
            found.append(axis)
    return tuple(found)


@dataclass(frozen=True, eq=False)
class IndexMap(Step):
    """output[targets] = source[sources], piece after piece. Sources are values or constants; a scalar fills."""

    word: str
    sources: tuple[Operand, ...]
    pieces: tuple[Piece, ...]
    output: Value
    label: str

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The sources that are not constants."""
        return tuple(dict.fromkeys(source for source in self.sources if isinstance(source, Value)))

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The one output."""
        return (self.output,)

    @property
    def run_of_input(self) -> tuple[Value, int] | None:
        """See Step."""
        piece, source = self.pieces[0], self.sources[self.pieces[0].source]
        return (source, piece.start) if len(self.pieces) == 1 and piece.is_run and isinstance(source, Value) else None

    @property
    def runs_of_output(self) -> Mapping[Value, int]:
        """See Step. A piece that writes over an earlier one is copied."""
        found: dict[Value, int] = {}
        written, read = np.zeros(self.output.size, bool), [self.sources[piece.source] for piece in self.pieces]
        for piece, source in zip(self.pieces, read, strict=True):
            whole = isinstance(source, Value) and len(piece.targets) == source.size and piece.is_run
            if isinstance(source, Value) and whole and read.count(source) == 1 and not written[piece.targets].any():
                found[source] = piece.target
            written[piece.targets] = True
        return found

    def with_channels_last(self, twins: Mapping[Value, Value]) -> IndexMap | None:
        """Return the same copy between other places; None where it would need tables of these, or is one that need not be made."""
        if self.runs_of_output or self.run_of_input is not None:
            return None
        pieces = tuple(self._moved(piece, twins) for piece in self.pieces)
        if any(step(places) is None for piece in pieces for axis in piece.axes for places in (axis.targets, axis.sources)):
            return None
        sources = tuple(twins.get(source, source) if isinstance(source, Value) else source for source in self.sources)
        return replace(self, sources=sources, pieces=pieces, output=twins.get(self.output, self.output))

    def _moved(self, piece: Piece, twins: Mapping[Value, Value]) -> Piece:
        source, index = self.sources[piece.source], np.full(self.output.size, -1, np.int64)
        index[piece.targets] = (
            places_last(source)[piece.sources] if isinstance(source, Value) and source in twins else piece.sources
        )
        shape = self.output.shape
        return piece_of(piece.source, np.moveaxis(index.reshape(shape), 0, -1) if self.output in twins else index.reshape(shape))

    @property
    def int8_form(self) -> Int8Form:
        """Bytes are copied as they are."""
        return "same" if self.output.dtype == "float32" else "none"

    def over_bytes(self, twins: Mapping[Value, Value], kind: Bytes) -> IndexMap:
        """Return the same copy of bytes, and of the bytes of constants."""

        def twin(source: Operand) -> Operand:
            return twins[source] if isinstance(source, Value) else Constant(byte_of(source.array, kind).astype(np.float64))

        return replace(self, sources=tuple(map(twin, self.sources)), output=twins[self.output])

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with places and dtypes."""
        for value in self.inputs:
            if value.dtype != self.output.dtype:
                yield f"{value.dtype} to {self.output.dtype}, expected one dtype"
        written = np.zeros(self.output.size, bool)
        for piece in self.pieces:
            source = self.sources[piece.source]
            size = source.size if isinstance(source, Value) else source.array.size
            for name, places, limit in (("source", piece.sources, size), ("target", piece.targets, self.output.size)):
                if places.min() < 0 or places.max() >= limit:
                    yield f"a {name} at {int(places.min())} to {int(places.max())}, expected 0 to {limit - 1}"
                    return
            written[piece.targets] = True
        if not written.all():
            yield f"{int((~written).sum())} elements that nothing is copied to"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the output [N, size] of sources [N, size]."""
        values = dict(zip(self.inputs, inputs, strict=True))
        output = np.empty((len(inputs[0]), self.output.size), self.output.dtype)
        for piece in self.pieces:
            source = self.sources[piece.source]
            array = values[source] if isinstance(source, Value) else self._stored(source).reshape(1, -1)
            output[:, piece.targets] = array[:, piece.sources]
        return (output,)

    def _stored(self, constant: Constant) -> Array:
        return constant.array.astype(self.output.dtype)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return self.word

    def tables(self) -> tuple[Table, ...]:
        """Return constant sources, and places that are no even steps."""
        found = []
        for number, source in enumerate(self.sources):
            if isinstance(source, Constant) and source.array.ndim:
                found.append(Table(f"constant{number}", c_type(self.output.dtype), self._stored(source), "one per element"))
        for number, piece in enumerate(self.pieces):
            for depth, axis in enumerate(piece.axes):
                for kind, places in (("to", axis.targets), ("from", axis.sources)):
                    if step(places) is None:
                        found.append(_places(f"{kind}{number}_{depth}", places))
        return tuple(found)

    def emit(self, scope: Scope) -> list[str]:
        """Return the loops of each piece that has to be copied."""
        found = []
        for number, piece in enumerate(self.pieces):
            source = self.sources[piece.source]
            if not isinstance(source, Value) or not scope.is_placed(source):
                found += self._loops(scope, number, piece)
        return found

    def _loops(self, scope: Scope, number: int, piece: Piece) -> list[str]:
        to, start, lines = [str(piece.target)], [str(piece.start)], []
        for depth, axis in enumerate(piece.axes):
            lines.append(f"{'  ' * (depth + 1)}for (size_t i{depth} = 0; i{depth} < {len(axis.targets)}; ++i{depth}) {{")
            for kind, places, terms in (("to", axis.targets, to), ("from", axis.sources, start)):
                terms.append(_term(scope, f"{kind}{number}_{depth}", places, depth))
        depth = len(piece.axes)
        read = self._element(scope, piece.source, _sum(start))
        lines.append(f"{'  ' * (depth + 1)}{scope.pointer(self.output)}[{_sum(to)}] = {read};")
        return [*lines, *(f"{'  ' * level}}}" for level in range(depth, 0, -1))]

    def _element(self, scope: Scope, number: int, place: str) -> str:
        source = self.sources[number]
        if isinstance(source, Constant):
            if source.array.ndim == 0:
                if self.output.dtype == "uint8":
                    return scope.number(f"fill{number}", "uint8_t", int(source.array))
                scope.use(*(() if np.isfinite(source.array) else ("from_bits",)))
                return literal(float(source.array), self.output.dtype)
            return f"{scope.table(f'constant{number}')}[{place}]"
        return stored_as(source.dtype, f"{scope.pointer(source)}[{place}]")


def places_last(value: Value) -> Integers:
    """Return where each element of a value [size] is when its first dim becomes the last."""
    rest = value.size // value.shape[0]
    return np.arange(value.size, dtype=np.int64).reshape(rest, value.shape[0]).T.ravel()


def _places(kind: str, places: Integers) -> Table:
    lowest = min(0, int(places.min()))
    wide = int(places.max()) - lowest >= 1 << 16
    ctype, dtype = ("uint32_t", np.uint32) if wide else ("uint16_t", np.uint16)
    return Table(kind, ctype, (places - lowest).astype(dtype), "how far each element is from the first")


def _term(scope: Scope, kind: str, places: Integers, depth: int) -> str:
    even = step(places)
    if even is None:
        lowest = min(0, int(places.min()))
        place = f"{scope.table(kind)}[i{depth}]"
        return f"(size_t){place} - {-lowest}" if lowest else place
    return "" if even == 0 else f"i{depth}" if even == 1 else f"i{depth} * {even}" if even > 0 else f"- i{depth} * {-even}"


def _sum(terms: Sequence[str]) -> str:
    kept = [term for term in terms if term not in ("", "0")]
    positive = [term for term in kept if not term.startswith("-")]
    negative = [term for term in kept if term.startswith("-")]
    return f"{' + '.join(positive) or '0'}{''.join(f' {term}' for term in negative)}"
