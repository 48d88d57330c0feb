"""The self-test: real samples, the bits that they must give, and a probe of the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.bundle.contract import TensorSpec
from torchferry.cgen.emit.model import Model
from torchferry.cgen.emit.tables import TABLE, initializer
from torchferry.cgen.emit.weights import with_weights
from torchferry.cgen.kernels import with_used
from torchferry.cgen.text import OWN, own

Array = NDArray[Any]


def print_selftest(model: Model, goldens: Mapping[str, Array], expected: Mapping[str, Array], printed: Sequence[str]) -> str:
    """Print the replay of samples [count, ...], at least as many as a batch has rows, with their outputs, by tensor name.

    `printed`: the kernels that stand before it.
    """
    separate, count = model.weights is not None, len(next(iter(goldens.values())))
    head = f"/* ---- Self-test {'-' * 102} */\n\n#ifndef {OWN}{OWN}NO_SELFTEST\n"
    head += "" if separate else f"#define {OWN}{OWN}GOLDENS {count}\n"
    tables = (
        [] if separate else [_table("input", model.contract.inputs, goldens), _table("output", model.contract.outputs, expected)]
    )
    compares = [line for spec in model.contract.outputs for line in _compare(spec, expected[spec.name][0].size)]
    where = "" if separate else f"{TABLE} "
    check = [
        f"static int {OWN}is_golden(const {OWN}output *const output, const {where}{OWN}output *const golden) {{",
        "  int right = 1;",
        *compares,
        "  return right;",
        "}\n",
    ]
    kernels = [kernel.text for kernel in with_used(KERNELS, printed)]
    run = RUN.replace("(VOID)", VOID[separate])
    for read, text in READ_WEIGHTS.items() if separate else ():
        run = run.replace(read, text)
    run = run.replace("HEAD", IN_WEIGHTS if separate else IN_CODE)
    run = run if separate else READ_CODE + run
    return "\n".join([head, *kernels, *tables, *check, own(with_weights(run, separate=separate))])


KERNELS = ("arithmetic",)
VOID = {False: "(void)", True: "(const void *weights)"}
IN_CODE = """\
  const size_t goldens = MODEL_GOLDENS;
  const MODEL_TABLE model_output *const expected = model_golden_outputs;
#if defined(MODEL_TABLES_IN_FLASH)
  model_input read[1];
#endif
"""
# How the samples of the code are read: calls read RAM, and an AVR, whose batch is one sample, has its tables in flash.
READ_CODE = """\
#if defined(MODEL_TABLES_IN_FLASH)
static const model_input *model_read(model_input *const input, const size_t index) {
  *input = model_golden_inputs[index];
  return input;
}
#define MODEL_SAMPLE(index) model_read(read, index)
#define MODEL_SAMPLES read, sizeof read
#else
#define MODEL_SAMPLE(index) (model_golden_inputs + (index))
#define MODEL_SAMPLES model_golden_inputs, sizeof model_golden_inputs
#endif

"""
READ_WEIGHTS = {
    "MODEL_SAMPLES": "inputs, goldens * sizeof *inputs",
    "MODEL_SAMPLE(index)": "inputs + index",
    "MODEL_SAMPLE(first)": "inputs + first",
}
IN_WEIGHTS = """\
  const unsigned char *const p = (const unsigned char *)weights;
  if (p == NULL || sizeof(model_input) != MODEL_SAMPLE_INPUT_BYTES || sizeof(model_output) != MODEL_SAMPLE_OUTPUT_BYTES) {
    return MODEL_SELFTEST_MEMORY;
  }
  const size_t goldens = model_weights_number(p + 12);
  const model_input *const inputs = (const model_input *)(const void *)(p + MODEL_SAMPLES_AT);
  const model_output *const expected = (const model_output *)(const void *)(p + model_weights_outputs(goldens));
"""


RUN = """\
/* One by one, then as many together as model_run_batch computes at once; the samples are read where they lie. */
int model_selftest_with(DECLARE_WEIGHTS model_output *outputs, model_workspace *workspace) {
HEAD  const size_t output_bytes = MODEL_BATCH_ROWS * sizeof *outputs;
  const size_t workspace_bytes = MODEL_BATCH_ROWS * sizeof *workspace;
  const int memory =
    model_check(PASS_WEIGHTS MODEL_SAMPLES, outputs, output_bytes, workspace, workspace_bytes);
  if (memory != MODEL_OK || workspace == NULL) {
    return MODEL_SELFTEST_MEMORY;
  }
  if (!model_arithmetic_is_strict()) {
    return MODEL_SELFTEST_ARITHMETIC;
  }
  for (size_t index = 0; index < goldens; ++index) {
    const int status = model_run_with(PASS_WEIGHTS MODEL_SAMPLE(index), outputs, workspace);
    if (status != MODEL_OK || !model_is_golden(outputs, expected + index)) {
      return (int)index;
    }
  }
  for (size_t start = 0; start < goldens; start += MODEL_BATCH_ROWS) {
    const size_t rest = goldens - start;
    const size_t first = rest < MODEL_BATCH_ROWS ? goldens - MODEL_BATCH_ROWS : start;
    const int status = model_run_batch(PASS_WEIGHTS MODEL_SAMPLE(first), outputs, MODEL_BATCH_ROWS, workspace);
    for (size_t r = 0; r < MODEL_BATCH_ROWS; ++r) {
      if (status != MODEL_OK || !model_is_golden(outputs + r, expected + first + r)) {
        return (int)(first + r);
      }
    }
  }
  return MODEL_SELFTEST_PASSED;
}

int model_selftest(VOID) {
  model_output outputs[MODEL_BATCH_ROWS];
  model_workspace workspace[MODEL_BATCH_ROWS];
  return model_selftest_with(PASS_WEIGHTS outputs, workspace);
}
#endif
"""


def _table(kind: str, specs: Sequence[TensorSpec], arrays: Mapping[str, Array]) -> str:
    """Return the samples as an array of structs, so that they can be run without a copy."""
    count = len(arrays[specs[0].name])
    rows = [",\n   ".join(_member(spec, arrays[spec.name][index]) for spec in specs) for index in range(count)]
    samples = ",\n".join(f"  {{{row}}}" for row in rows)
    return f"static const {TABLE} {OWN}{kind} {OWN}golden_{kind}s[{OWN}{OWN}GOLDENS] = {{\n{samples}}};\n"


def _member(spec: TensorSpec, values: Array) -> str:
    numbers = initializer(np.asarray(values))
    return f".{spec.name} = {numbers.strip()}" if len(spec.shape) == 1 else f".{spec.name} = {{\n{numbers}}}"


def _compare(spec: TensorSpec, size: int) -> list[str]:
    scalar = len(spec.shape) == 1
    got, expected = (f"{struct}->{spec.name}{'' if scalar else '[j]'}" for struct in ("output", "golden"))
    test = f"{OWN}to_bits({got}) == {OWN}to_bits({expected})" if spec.dtype == "float32" else f"{got} == {expected}"
    if scalar:
        return [f"  right = right && {test};"]
    return [f"  for (size_t j = 0; j < {size}; ++j) {{", f"    right = right && {test};", "  }"]
