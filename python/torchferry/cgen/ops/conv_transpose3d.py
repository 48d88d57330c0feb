"""Transposed convolution over three dims, as the plain convolutions of its phases. `ops/convolutions.py` lowers to it.

See ops/conv_transpose2d.py for the phases.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np

from torchferry.cgen.index_map import Axis, Piece
from torchferry.cgen.lowering import Operator
from torchferry.cgen.ops.conv3d import Conv3d
from torchferry.cgen.ops.conv_transpose2d import Reach, mirrored, reaches
from torchferry.cgen.values import Doubles, Shape, Value


@dataclass(frozen=True, eq=False)
class ConvTranspose3d:
    """The convolutions of x [channels, depth, height, width] whose results lie between each other in the output.

    `weight` is [channels, results / groups, depths, rows, columns]. Each sum starts at +0 and takes the inputs that reach it in
    the order depth, row, column, channel of x; the bias comes last.
    """

    x: Value
    shape: Shape
    groups: int
    weight: Doubles
    bias: Doubles
    output: Value
    label: str
    stride: Shape
    padding: Shape
    dilation: Shape

    @property
    def phases(self) -> list[tuple[Reach, ...]]:
        """The phase along each dim, of every convolution."""
        each = zip(self.output.shape[1:], self.weight.shape[2:], self.stride, self.padding, self.dilation, strict=True)
        return list(product(*(reaches(*numbers) for numbers in each)))

    def conv(self, phase: tuple[Reach, ...]) -> Conv3d:
        """Return the plain convolution of a phase; of one that no weight reaches, over the padding alone."""
        weight = mirrored(self.weight, self.groups, phase)
        results, padding = tuple(r.skipped + r.count for r in phase), tuple(r.padding for r in phase)
        if not weight.size:
            weight, padding = np.zeros((*weight.shape[:2], 1, 1, 1)), (results[0], 0, 0)
        name = "_".join((self.output.name, *(str(reach.first) for reach in phase)))
        made, one = Value(name, (len(self.bias), *results), "float32"), (1, 1, 1)
        dilation = tuple(r.dilation for r in phase)
        return Conv3d(self.x, self.groups, weight, self.bias, made, self.label, self.shape, one, padding, dilation)

    def piece(self, number: int, phase: tuple[Reach, ...], made: Value) -> Piece:
        """Return the copy of the results of a phase, source `number`, to their places in the output."""
        targets, sources = (_strides(shape) for shape in (self.output.shape, made.shape))
        axes = [Axis.even(len(self.bias), targets[0], sources[0])]
        target = start = 0
        for reach, stride, to, source in zip(phase, self.stride, targets[1:], sources[1:], strict=True):
            axes += [Axis.even(reach.count, stride * to, source)] if reach.count > 1 else []
            target, start = target + reach.first * to, start + reach.skipped * source
        return Piece(number, target, start, tuple(axis for axis in axes if len(axis.targets) > 1))


def _strides(shape: Shape) -> tuple[int, ...]:
    return tuple(math.prod(shape[dim + 1 :]) for dim in range(len(shape)))


OPERATORS: tuple[Operator, ...] = ()
