"""Matrix products in float32. How the sums are ordered is the definition of their bits.

`columns`: inputs outer, outputs inner. Each output has `sums` partial sums, input i goes to number i mod sums, in rising order
of i; at the end they are added pairwise (0+2, 1+3, then both) and the bias last. `dot`: the same with 16 partial sums, for
products with few outputs. Every product and every sum is rounded once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch.fx

from torchferry.cgen.affine import Affine, fits_float32, per_column
from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import Int8Form, Map, Node, Quantizer
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Operator, arguments, require_dtype
from torchferry.cgen.ops.arithmetic import SUB
from torchferry.cgen.ops.int16_linear import Int16Linear, in_narrow_steps
from torchferry.cgen.ops.integer_linear import IntegerLinear, in_steps
from torchferry.cgen.ops.product import lower_product
from torchferry.cgen.packing import LINE, PANEL_COMMENTS, in_panels, padded
from torchferry.cgen.pairwise import add_halves
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.rows import MatrixOverRows
from torchferry.cgen.target import Scope, Scratch, Table, over_rows, per_sample
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Constant, Doubles, Value

DOT_LANES = 16
FEW_OUTPUTS, FEW_INPUTS = 3, 32
GATHER_OUTPUTS = 48  # with fewer outputs, looking for zeros costs more than it saves
FOUR_OUTPUTS = 48  # with fewer outputs a table is so small that four samples at once gain nothing


@dataclass(frozen=True, eq=False)
class Linear(MatrixOverRows):
    """output[row] = weight x[row] + bias, over the rows of x, a matrix [rows, inputs]. `weight` is [outputs, inputs].

    `sparse`: many elements of x may be zero.
    """

    x: Value
    weight: Doubles
    bias: Doubles
    output: Value
    label: str
    sparse: bool = False

    takes_bytes = True
    int8_form: ClassVar[Int8Form] = "product"

    # ---- the order of the sums ----

    @property
    def is_dot(self) -> bool:
        """Whether each output is a sum of its own along the inputs."""
        return self.results <= FEW_OUTPUTS and self.columns >= FEW_INPUTS

    @property
    def sums(self) -> int:
        """Partial sums: so many that some eight additions are under way at once in the widest vectors."""
        if self.is_dot:
            return DOT_LANES
        if self.columns < FEW_INPUTS:
            return 1
        if self.results <= LINE:
            return 4
        return 2 if self.results <= 3 * LINE else 1

    @property
    def skips_zeros(self) -> bool:
        """Whether it looks for inputs that are zero. Exact, since every sum starts at +0 and so never is -0."""
        return self.sums == 1 and self.results >= GATHER_OUTPUTS and self.sparse

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return weight x + bias [N, rows * results] of x [N, rows * columns]."""
        rows = inputs[0].astype(np.float32).reshape(-1, self.columns)
        weight = self.weight.astype(np.float32)
        sums = np.zeros((self.sums, len(rows), self.results), np.float32)
        for i in range(self.columns):
            sums[i % self.sums] += rows[:, i, None] * weight[None, :, i]
        return ((add_halves(sums) + self.bias.astype(np.float32)).reshape(len(inputs[0]), -1),)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if self.x.dtype not in ("float32", "uint8") or self.output.dtype != "float32":
            yield f"{self.x.dtype} to {self.output.dtype}, expected float32 or uint8 to float32"
        yield from super().problems()

    # ---- C ----

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"Linear {self.columns} -> {self.results}" + (f" on {self.rows} rows" if self.rows > 1 else "")

    @cached_property
    def _tables(self) -> tuple[Table, ...]:
        weight, bias = self.weight.astype(np.float32), self.bias.astype(np.float32)
        if self.is_dot:
            return (Table("weights", "float", weight, "[output][input]"), Table("bias", "float", bias, "one per output"))
        wide, narrow = in_panels(weight.T)
        comments = PANEL_COMMENTS["input"]
        return (
            Table("wide", "float", wide, comments[0]),
            Table("narrow", "float", narrow, comments[1]),
            Table("bias", "float", padded(bias), "one per output"),
        )

    def tables(self) -> tuple[Table, ...]:
        """Return weights and bias."""
        return self._tables

    def scratch(self) -> tuple[Scratch, ...]:
        """Return room for the inputs as floats, where they are bytes."""
        return (Scratch("values", "floats", self.columns),) if self.x.dtype != "float32" else ()

    @property
    def part(self) -> int | None:
        """One row."""
        return None if self.rows == 1 or self.is_dot else self.results

    def emit(self, scope: Scope) -> list[str]:
        """Return one product per row, or one of four rows where there are vectors: weights are read once for four."""
        singly = over_rows(self.rows, self._dot(scope) if self.is_dot else self._columns(scope))
        if not self._has_fours or self.rows % 4 or self.x.dtype != "float32":
            return singly
        return [f"#if {OWN}{OWN}LANES > 1", *self._fours(scope), "#else", *singly, "#endif"]

    @property
    def _has_fours(self) -> bool:
        return not self.is_dot and self.sums == 1 and self.results >= FOUR_OUTPUTS

    def _fours(self, scope: Scope) -> list[str]:
        scope.use("four_columns")
        x, y = scope.pointer(self.x), scope.pointer(self.output)
        places = [
            ", ".join(f"{name} + (four + {r}) * {width}" for r in range(4))
            for name, width in ((x, self.columns), (y, self.results))
        ]
        call = f"    {OWN}four_columns({self.columns}, {self.results}, from_four, {self._table_names(scope)}, to_four);"
        sparse = [
            "    } else {",
            "      for (size_t row = four; row < four + 4; ++row) {",
            *(f"      {line}" for line in self._columns(scope)),
            "      }",
            "    }",
        ]
        tests = " && ".join(f"{OWN}is_dense_float32({self.columns}, from_four[{r}])" for r in range(4))
        return [
            f"  for (size_t four = 0; four < {self.rows}; four += 4) {{",
            f"    const float *const from_four[4] = {{{places[0]}}};",
            f"    float *const to_four[4] = {{{places[1]}}};",
            *([f"    if ({tests}) {{", f"  {call}", *sparse] if self.skips_zeros else [call]),
            "  }",
        ]

    def emit_part(self, scope: Scope) -> list[str]:
        """Return one product."""
        return self._columns(scope)

    def _dot(self, scope: Scope) -> list[str]:
        scope.use("dot")
        lines, x = self._floats(scope)
        y = scope.pointer(self.output) + ("[j]" if self.rows == 1 else f"[row * {self.results} + j]")
        weights, bias = scope.table("weights"), scope.table("bias")
        call = f"    {y} = {OWN}dot({self.columns}, {x}, {weights} + j * {self.columns}, {bias}[j]);"
        return [*lines, f"  for (size_t j = 0; j < {self.results}; ++j) {{", call, "  }"]

    def _columns(self, scope: Scope) -> list[str]:
        scope.use("columns")
        y = scope.row(self.output, self.rows, self.results)
        lines, x = self._floats(scope)
        shape = f"{self.columns}, {self.results}, {self.sums}, 1, 1, {self.columns}"
        dense = [*lines, f"  {OWN}columns({shape}, {x}, NULL, {self._table_names(scope)}, {y});"]
        return self._gathered(scope, dense, y) if self.skips_zeros else dense

    def _gathered(self, scope: Scope, dense: list[str], y: str) -> list[str]:
        dtype, source = self.x.dtype, scope.row(self.x, self.rows, self.columns)
        scope.use(f"gather_{dtype}")
        shape = f"{self.columns}, {self.results}, 1, from == 0, at == {self.columns}, found"
        return [
            f"  if ({OWN}is_dense_{dtype}({self.columns}, {source})) {{",
            *(f"  {line}" for line in dense),
            "  } else {",
            f"    float kept[{OWN}{OWN}GATHERED];",
            f"    uint32_t rows[{OWN}{OWN}GATHERED];",
            f"    for (size_t from = 0, at = 0; from < {self.columns}; from = at) {{",
            f"      const size_t found = {OWN}gather_{dtype}({self.columns}, &at, {source}, kept, rows);",
            f"      {OWN}columns({shape}, kept, rows, {self._table_names(scope)}, {y});",
            "    }",
            "  }",
        ]

    def _floats(self, scope: Scope) -> tuple[list[str], str]:
        """Return lines that convert bytes into the scratch floats, if need be, and the name of the floats."""
        x = scope.row(self.x, self.rows, self.columns)
        if self.x.dtype == "float32":
            return [], x
        scope.use("to_floats")
        return [f"  {OWN}to_floats({self.columns}, {x}, values);"], "values"

    def _table_names(self, scope: Scope) -> str:
        """Return wide, narrow and bias tables; where one of the first two is empty the other stands for it."""
        sizes = {table.kind: table.array.size for table in self.tables()}
        wide, narrow = ("wide" if sizes["wide"] else "narrow"), ("narrow" if sizes["narrow"] else "wide")
        return ", ".join(scope.table(kind) for kind in (wide, narrow, "bias"))

    def emit_four(self, scope: Scope) -> list[str] | None:
        """Return one product of four samples, unless one of them has many zeros."""
        if self.rows != 1 or not self._has_fours:
            return None
        scope.use("four_columns")
        x, y = scope.pointer(self.x), scope.pointer(self.output)
        lines = self._singly_where_sparse(scope, x)
        if self.x.dtype != "float32":
            lines += per_sample([f"    {OWN}to_floats({self.columns}, {x}[r], values[r]);"])
            lines += ["  const float *const floats[4] = {values[0], values[1], values[2], values[3]};"]
            x = "floats"
        return [*lines, f"  {OWN}four_columns({self.columns}, {self.results}, {x}, {self._table_names(scope)}, {y});"]

    def _singly_where_sparse(self, scope: Scope, x: str) -> list[str]:
        if not self.skips_zeros:
            return []
        tests = " && ".join(f"{OWN}is_dense_{self.x.dtype}({self.columns}, {x}[{r}])" for r in range(4))
        return [f"  if (!({tests})) {{", *(f"  {line}" for line in scope.singly()), "    return;", "  }"]

    # ---- passes ----

    def reading(self, x: Value) -> Linear:
        """Return this product of the same numbers in another value."""
        return replace(self, x=x)

    def with_channels_last(self, twins: Mapping[Value, Value]) -> Linear | None:
        """Return this product of a whole image, its columns in the order of the elements; None of rows of it."""
        if self.rows != 1 or self.x not in twins or self.output in twins:
            return None
        ordered = np.moveaxis(self.weight.reshape(self.results, *self.x.shape), 1, -1)
        return replace(self, x=twins[self.x], weight=ordered.reshape(self.weight.shape))

    def knowing_zeros(self, often_zero: frozenset[Value]) -> Linear:
        """Return this product with or without the search for zeros."""
        return replace(self, sparse=self.x in often_zero)

    def followed_by(self, affine: Affine, output: Value) -> Linear | None:
        """Return the layer scale (W x + b) + shift; None where a weight would leave float32 or rows of x would need different weights."""
        scale, shift = per_column(affine.scale, self.rows, self.results), per_column(affine.shift, self.rows, self.results)
        if scale is None or shift is None:
            return None
        weight, bias = self.weight * scale[:, None], self.bias * scale + shift
        return replace(self, weight=weight, bias=bias, output=output) if fits_float32(weight, bias) else None

    def preceded_by(self, x: Value, affine: Affine) -> tuple[Node, ...] | None:
        """Return W (scale x + shift) + b as at most one subtraction and a product.

        The scale moves into the weights. The shift does not: W (x - mean) computed as W x - W mean would cancel.
        """
        scale = per_column(affine.scale, self.rows, self.columns)
        with np.errstate(all="ignore"):
            centre = -affine.shift / affine.scale
        if scale is None or not fits_float32(scale) or not (scale != 0).all() or not fits_float32(centre):
            return None
        weight = self.weight * scale
        if not fits_float32(weight):
            return None
        if not centre.any():
            return (replace(self, x=x, weight=weight),)
        centred = Value(f"{x.name}_centred", x.shape, "float32")
        subtraction = Map(SUB, (x, Constant(np.asarray(centre))), centred, self.label)
        return (subtraction, replace(self, x=centred, weight=weight))

    def in_integers(self, quantizer: Quantizer) -> None:
        """Add an exact product of bytes, or of int16, and signed bytes."""
        x, kind, shift = quantizer.operand(self, self.rows, self.columns)
        constant = self.bias - (self.weight * shift).sum(axis=1)
        if kind.dtype == "int16":
            weight, bias, unit, bits = in_narrow_steps(self.weight, constant, kind)
            finish, output = quantizer.finish(self.output, unit)
            quantizer.add(Int16Linear(x, weight, bias, finish, output, self.label, bits))
            return
        weight, bias, unit = in_steps(self.weight, constant, kind, self.label or "Linear")
        finish, output = quantizer.finish(self.output, unit)
        quantizer.add(IntegerLinear(x, weight, bias, finish, output, self.label))


def _linear(builder: Builder, node: torch.fx.Node) -> Value:
    given = arguments(node)
    weight = builder.numbers(node, given["weight"])
    return _product(builder, node, given["input"], weight, given.get("bias"))


def _addmm(builder: Builder, node: torch.fx.Node) -> Value:
    given = arguments(node)
    if (given["alpha"], given["beta"]) != (1, 1):
        raise refuse(node, f"alpha {given['alpha']} and beta {given['beta']}", "1 and 1")
    return _product(builder, node, given["mat1"], builder.numbers(node, given["mat2"]).T, given["self"])


def _matmul(builder: Builder, node: torch.fx.Node) -> Value:
    x, matrix = node.args
    if matrix in builder.results:
        return lower_product(builder, node)
    weight = builder.numbers(node, matrix)
    if weight.ndim > 2:
        raise refuse(node, f"a matrix product with a constant of rank {weight.ndim}", "rank 1 or 2")
    return _product(builder, node, x, weight.T if weight.ndim == 2 else weight[None, :], None)


def _product(builder: Builder, node: torch.fx.Node, x: object, weight: Doubles, bias: object) -> Value:
    require_dtype(node, "float32")
    value = builder.value(node, x)
    shift = np.zeros(len(weight)) if bias is None else builder.numbers(node, bias).reshape(-1)
    layout = layout_of(node)
    if layout.batch == len(layout.shape) - 1 and layout.shape[-1] != 1:
        raise refuse(node, f"a product whose last dim is the batch, in {node.target}", "the batch as another dim")
    output = Value(node.name, layout.value_shape, "float32")
    builder.nodes.append(Linear(value, weight, np.broadcast_to(shift, len(weight)).copy(), output, module_path(node)))
    return output


OPERATORS = (
    Operator(("aten.linear.default",), _linear, ("Linear",)),
    Operator(("aten.addmm.default",), _addmm),
    Operator(("aten.mm.default", "aten.matmul.default"), _matmul),
)
