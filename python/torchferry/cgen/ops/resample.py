"""Weighted sums along both axes of images: bilinear and bicubic upsampling, adaptive average pools. Torch says the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.fx
import torch.nn.functional as functional

from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import OneToOne
from torchferry.cgen.layout import sample_shape
from torchferry.cgen.lowering import Lowering, Operator, arguments, require_dtype
from torchferry.cgen.ops.reductions import mean
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.target import Scope, Table
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Doubles, Integers, Value

MOST = 1 << 16  # elements along an axis, so that a place has 16 bits


@dataclass(frozen=True, eq=False)
class Taps:
    """What the results along one axis take: elements `places` [results, taps] times `weights` [results, taps]."""

    size: int
    places: Integers
    weights: Doubles

    @classmethod
    def of(cls, matrix: Doubles) -> Taps:
        """Return the taps of a matrix [size, results]; a result with fewer than others takes its first place again, times 0."""
        count = int((matrix != 0).sum(axis=0).max())
        places = np.zeros((matrix.shape[1], count), np.int64)
        weights = np.zeros((matrix.shape[1], count))
        for result, column in enumerate(matrix.T):
            used = np.flatnonzero(column)
            places[result] = used[0]
            places[result, : len(used)] = used
            weights[result, : len(used)] = column[used]
        return cls(len(matrix), places, weights)


@dataclass(frozen=True, eq=False)
class Resample2d(OneToOne):
    """y[c, i, j] = sum over taps of row i of weight * (sum over taps of column j of weight * x[c, row, column]); sums from +0."""

    word: str
    x: Value
    channels: int
    rows: Taps
    columns: Taps
    output: Value
    label: str

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if (self.x.dtype, self.output.dtype) != ("float32", "float32"):
            yield f"{self.x.dtype} to {self.output.dtype}, expected float32 to float32"
        sizes = (
            self.channels * self.rows.size * self.columns.size,
            self.channels * len(self.rows.places) * len(self.columns.places),
        )
        if (self.x.size, self.output.size) != sizes:
            yield f"{self.x.size} elements to {self.output.size}, expected {sizes[0]} to {sizes[1]}"
        for taps in (self.rows, self.columns):
            if taps.places.min() < 0 or taps.places.max() >= taps.size or taps.size > MOST:
                yield f"places {int(taps.places.min())} to {int(taps.places.max())} along {taps.size} elements"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return results [N, size] of images [N, size]."""
        x = inputs[0].reshape(-1, self.channels, self.rows.size, self.columns.size)
        lines = self._sums(x, self.columns)
        return (self._sums(lines.swapaxes(2, 3), self.rows).swapaxes(2, 3).reshape(len(x), -1),)

    def _sums(self, x: Array, taps: Taps) -> Array:
        sums = np.zeros((*x.shape[:3], len(taps.places)), np.float32)
        for k in range(taps.places.shape[1]):
            sums += taps.weights[:, k].astype(np.float32) * x[..., taps.places[:, k]]
        return sums

    def describe(self) -> str:
        """Name it for the list of layers."""
        sizes = (self.rows.size, self.columns.size), (len(self.rows.places), len(self.columns.places))
        return f"{self.word} {sizes[0][0]}x{sizes[0][1]} -> {sizes[1][0]}x{sizes[1][1]}"

    def tables(self) -> tuple[Table, ...]:
        """Return places and weights of both axes."""
        found = []
        for name, taps in (("row", self.rows), ("column", self.columns)):
            found.append(Table(f"{name}_at", "uint16_t", taps.places.astype(np.uint16), "[result][tap]"))
            found.append(Table(f"{name}_weights", "float", taps.weights.astype(np.float32), "[result][tap]"))
        return tuple(found)

    def emit(self, scope: Scope) -> list[str]:
        """Return one call."""
        scope.use("resample2d")
        axes = (self.rows, self.columns)
        sizes = [self.channels, *(taps.size for taps in axes), *(len(taps.places) for taps in axes)]
        numbers = ", ".join(str(number) for number in [*sizes, *(taps.places.shape[1] for taps in axes)])
        tables = ", ".join(scope.table(kind) for kind in ("row_at", "row_weights", "column_at", "column_weights"))
        return [f"  {OWN}resample2d({numbers}, {scope.pointer(self.x)}, {tables}, {scope.pointer(self.output)});"]


# Takes a column of images [1, size, size, 1] whose channel i has 1 in row i and the new size; gives [1, size, results, 1].
_Along = Callable[[torch.Tensor, int, dict[str, Any], int], torch.Tensor]


def _bilinear(units: torch.Tensor, results: int, given: dict[str, Any], axis: int) -> torch.Tensor:
    scale, corners = _scale(given, axis), given["align_corners"]
    made: torch.Tensor = torch.ops.aten.upsample_bilinear2d.default(units, [results, 1], corners, scale, None)
    return made


def _bicubic(units: torch.Tensor, results: int, given: dict[str, Any], axis: int) -> torch.Tensor:
    scale, corners = _scale(given, axis), given["align_corners"]
    made: torch.Tensor = torch.ops.aten.upsample_bicubic2d.default(units, [results, 1], corners, scale, None)
    return made


def _without_aliases(name: str) -> _Along:
    """Return the taps of an operator that spreads over more elements where it makes an image smaller."""
    operator = getattr(torch.ops.aten, f"_upsample_{name}2d_aa").default

    def along(units: torch.Tensor, results: int, given: dict[str, Any], axis: int) -> torch.Tensor:
        wide = units.expand(-1, -1, -1, 2).contiguous()  # of one column torch's operator takes other rows
        made: torch.Tensor = operator(wide, [results, 2], given["align_corners"], _scale(given, axis), None)
        return made[..., :1]

    return along


def _adaptive(units: torch.Tensor, results: int, given: dict[str, Any], axis: int) -> torch.Tensor:
    del given, axis
    return functional.adaptive_avg_pool2d(units, (results, 1))


def _scale(given: dict[str, Any], axis: int) -> float | None:
    """Return the factor along an axis, counted from the last, where the user gave one."""
    factors = given.get("scale_factors")
    if factors is not None:
        return float(factors[axis])
    name = "scales_h" if axis == -2 else "scales_w" if "scales_w" in given else "scales"
    factor: float | None = given.get(name)
    return factor


def _lowering(word: str, along: _Along) -> Lowering:
    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        require_dtype(node, "float32")
        source = node.args[0]
        if not isinstance(source, torch.fx.Node) or len(sample_shape(source)) not in (2, 3):
            raise refuse(node, f"{node.target} over {source}", "samples [channels, height, width] or [channels, length]")
        before, after = sample_shape(source), sample_shape(node)
        if max(before[1:]) > MOST:
            raise refuse(node, f"{node.target} over {max(before[1:])} elements", f"at most {MOST}")
        given = arguments(node)
        axes = [_taps(along, before[axis], after[axis], given, axis) for axis in (-2, -1)] if len(before) == 3 else []
        rows, columns = axes or (Taps.of(np.ones((1, 1))), _taps(along, before[-1], after[-1], given, -1))
        x = builder.as_float(node, builder.value(node, source))
        output = Value(node.name, after, "float32")
        builder.nodes.append(Resample2d(word, x, before[0], rows, columns, output, module_path(node)))
        return output

    return lower


def _average(builder: Builder, node: torch.fx.Node) -> Value | tuple[Value, ...]:
    """Return an adaptive average; to one element it is a mean."""
    if all(size == 1 for size in sample_shape(node)[1:]):
        return mean(builder, node, [-2, -1])
    return _lowering("adaptive average", _adaptive)(builder, node)


def _average_3d(builder: Builder, node: torch.fx.Node) -> Value:
    """Return an adaptive average over three dims: first over rows and columns of each depth, then over depths."""
    require_dtype(node, "float32")
    source = node.args[0]
    if not isinstance(source, torch.fx.Node) or len(sample_shape(source)) != 4:
        raise refuse(node, f"{node.target} over {source}", "samples [channels, depth, height, width]")
    (channels, *before), after = sample_shape(source), sample_shape(node)[1:]
    if all(size == 1 for size in after):
        return mean(builder, node, [-3, -2, -1])
    depths, rows, columns = (_taps(_adaptive, before[axis], after[axis], {}, axis) for axis in range(3))
    area = after[1] * after[2]
    same = Taps(area, np.arange(area)[:, None], np.ones((area, 1)))
    x, label, word = builder.as_float(node, builder.value(node, source)), module_path(node), "adaptive average"
    planes = Value(f"{node.name}_planes", (channels, before[0], *after[1:]), "float32")
    output = Value(node.name, (channels, *after), "float32")
    builder.nodes.append(Resample2d(word, x, channels * before[0], rows, columns, planes, label))
    builder.nodes.append(Resample2d(word, planes, channels, depths, same, output, label))
    return output


def _taps(along: _Along, size: int, results: int, given: dict[str, Any], axis: int) -> Taps:
    units = torch.eye(size, dtype=torch.float64).reshape(1, size, size, 1)
    return Taps.of(along(units, results, given, axis).reshape(size, results).numpy())


OPERATORS = (
    Operator(
        tuple(f"aten.upsample_{name}.{kind}" for name in ("bilinear2d", "linear1d") for kind in ("vec", "default")),
        _lowering("bilinear", _bilinear),
        ("bilinear and bicubic Upsample",),
    ),
    Operator(("aten.upsample_bicubic2d.vec", "aten.upsample_bicubic2d.default"), _lowering("bicubic", _bicubic)),
    Operator(
        ("aten._adaptive_avg_pool2d.default", "aten.adaptive_avg_pool2d.default"),
        _average,
        ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d"),
    ),
    *(
        Operator(
            tuple(f"aten._upsample_{name}2d_aa.{kind}" for kind in ("vec", "default")),
            _lowering(f"{name} without aliases", _without_aliases(name)),
        )
        for name in ("bilinear", "bicubic")
    ),
    Operator(("aten._adaptive_avg_pool3d.default", "aten.adaptive_avg_pool3d.default"), _average_3d, ("AdaptiveAvgPool3d",)),
)
