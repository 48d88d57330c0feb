"""The self-test: real samples, the bits that they must give, and a probe of the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.bundle.contract import TensorSpec
from torchferry.export.c99.model import C_TYPES, Model
from torchferry.export.c99.naming import OWN, own
from torchferry.export.c99.tables import initializer

Array = NDArray[Any]

ARITHMETIC = """\
/* Has this build a fused multiply-add, flush to zero or another rounding mode? The volatile numbers are known only at run time. */
static int model_arithmetic_is_strict(void) {
  volatile float factor = 0x1.001p+0f, rounded_square = 0x1.002p+0f; /* the exact square is 0x1.002001p+0 */
  volatile float smallest_normal = 0x1p-126f, half = 0.5f, one = 1.0f, three = 3.0f;
  const float a = factor;
  const float square_error = a * a - rounded_square;
  const float subnormal = smallest_normal * half;
  const float third = one / three;
  return square_error == 0.0f && subnormal > 0.0f && subnormal + subnormal == smallest_normal &&
         model_to_bits(third) == 0x3eaaaaabu && model_to_bits(-one / three) == 0xbeaaaaabu;
}
"""


def print_selftest(model: Model, goldens: Mapping[str, Array], expected: Mapping[str, Array]) -> str:
    """Samples [count, ...] and their outputs, by tensor name."""
    count = len(next(iter(goldens.values())))
    inputs, outputs = model.contract.inputs, model.contract.outputs
    tables = [_table("input", spec, goldens[spec.name]) for spec in inputs] + [
        _table("output", spec, expected[spec.name]) for spec in outputs
    ]
    fills = [line for spec in inputs for line in _fill(spec, goldens[spec.name][0].size)]
    compares = [line for spec in outputs for line in _compare(spec, expected[spec.name][0].size)]
    head = f"/* ---- Self-test {'-' * 102} */\n\n#ifndef {OWN}{OWN}NO_SELFTEST\n#define {OWN}{OWN}GOLDENS {count}\n"
    check = [
        f"static int {OWN}golden_is_right(const size_t index, const {OWN}output *const output) {{",
        "  int right = 1;",
        *compares,
        "  return right;",
        "}\n",
    ]
    return "\n".join([head, *tables, own(ARITHMETIC), *check, own(RUN_HEAD), *fills, own(RUN_TAIL)])


RUN_HEAD = """\
int model_selftest(void) {
  model_input input;
  model_output output;
  if (!model_arithmetic_is_strict()) {
    return MODEL_SELFTEST_ARITHMETIC;
  }
  for (size_t index = 0; index < MODEL_GOLDENS; ++index) {"""

RUN_TAIL = """\
    if (model_run(&input, &output) != MODEL_OK || !model_golden_is_right(index, &output)) {
      return (int)index;
    }
    if (model_run_batch(&input, &output, 1, NULL) != MODEL_OK || !model_golden_is_right(index, &output)) {
      return (int)index;
    }
  }
  return MODEL_SELFTEST_PASSED;
}
#endif
"""


def _table(kind: str, spec: TensorSpec, array: Array) -> str:
    data = np.ascontiguousarray(array)
    return f"static const {C_TYPES[spec.dtype]} {OWN}golden_{kind}_{spec.name}[{data.size}] = {{\n{initializer(data)}}};\n"


def _fill(spec: TensorSpec, size: int) -> list[str]:
    table = f"{OWN}golden_input_{spec.name}"
    if len(spec.shape) == 1:
        return [f"    input.{spec.name} = {table}[index];"]
    return [f"    for (size_t j = 0; j < {size}; ++j) {{", f"      input.{spec.name}[j] = {table}[index * {size} + j];", "    }"]


def _compare(spec: TensorSpec, size: int) -> list[str]:
    scalar = len(spec.shape) == 1
    got = f"output->{spec.name}" if scalar else f"output->{spec.name}[j]"
    expected = f"{OWN}golden_output_{spec.name}" + ("[index]" if scalar else f"[index * {size} + j]")
    test = f"{OWN}to_bits({got}) == {OWN}to_bits({expected})" if spec.dtype == "float32" else f"{got} == {expected}"
    if scalar:
        return [f"  right = right && {test};"]
    return [f"  for (size_t j = 0; j < {size}; ++j) {{", f"    right = right && {test};", "  }"]
