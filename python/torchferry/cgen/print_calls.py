"""The functions that a program calls, around the layers: forward, run, run_batch, classify."""

from __future__ import annotations

import re

from torchferry.cgen.ir import Value
from torchferry.cgen.model import Model
from torchferry.cgen.naming import OWN, own
from torchferry.cgen.print_header import label_output
from torchferry.cgen.print_layers import LayerPrinter
from torchferry.cgen.tables import wrap

SECTION = f"/* ---- The model {'-' * 102} */\n"


def print_forward(model: Model, printers: list[LayerPrinter]) -> str:
    """One sample through all layers, and four at once where a layer gains from it."""
    lines = [
        f"  {OWN}{printer.name}({', '.join(parameter.pointer for parameter in printer.parameters())});" for printer in printers
    ] + _finish(model)
    single = _function("forward", lines)
    if not any(printer.by_fours for printer in printers):
        return f"{SECTION}\n{single}"
    return f"{SECTION}\n{single}\n{_function('forward_four', _four(model, printers))}"


def _function(name: str, lines: list[str]) -> str:
    body = "\n".join(lines)
    unused = [
        f"  (void){struct};" for struct in ("input", "output", "workspace") if not re.search(rf"(?<![\w>.]){struct}(->|\[)", body)
    ]
    return "\n".join(
        [
            f"static void {OWN}{name}(const {OWN}input *const restrict input, {OWN}output *const restrict output,",
            f"    {OWN}workspace *const restrict workspace) {{",
            *unused,
            body,
            "}\n",
        ]
    )


def _finish(model: Model) -> list[str]:
    """Copies of outputs that share a value, then every NaN as the one quiet NaN."""
    lines = _copies(model)
    for spec in model.contract.outputs:
        if spec.dtype == "float32":
            target = f"output->{spec.name}"
            lines += _each(model.size(spec), f"{target}@ = {OWN}quiet({target}@);")
    return lines


def _copies(model: Model) -> list[str]:
    lines = []
    for index, (value, spec) in enumerate(zip(model.graph.outputs, model.contract.outputs, strict=True)):
        if value in model.graph.inputs or model.graph.outputs.index(value) != index:
            source, target = _lvalue(model, value), f"output->{spec.name}"
            lines += _each(model.size(spec), f"{target}@ = {source}@;")
    return lines


def _lvalue(model: Model, value: Value) -> str:
    return model.pointer(value).removeprefix("&")


def _each(size: int | None, statement: str) -> list[str]:
    """A statement for every element, whose index stands at each `@`; size None: a scalar member."""
    if size is None:
        return [f"  {statement.replace('@', '')}"]
    return [f"  for (size_t j = 0; j < {size}; ++j) {{", f"    {statement.replace('@', '[j]')}", "  }"]


def _four(model: Model, printers: list[LayerPrinter]) -> list[str]:
    lines = []
    for printer in printers:
        if printer.by_fours:
            lines += _call_four(printer)
        else:
            arguments = ", ".join(_sample(parameter.pointer, "r") for parameter in printer.parameters())
            lines += ["  for (size_t r = 0; r < 4; ++r) {", f"    {OWN}{printer.name}({arguments});", "  }"]
    rest = [f"  {_sample(line, 'r')}" for line in _finish(model)]
    return [*lines, *(["  for (size_t r = 0; r < 4; ++r) {", *rest, "  }"] if rest else [])]


def _call_four(printer: LayerPrinter) -> list[str]:
    """A block that gathers the pointers of four samples and calls the layer."""
    lines = ["  {"]
    for parameter in printer.parameters():
        if parameter.name != "rows":
            places = ", ".join(_sample(parameter.pointer, str(r)) for r in range(4))
            lines.append(f"    {parameter.declare('[4]')} = {{{places}}};")
    arguments = ", ".join(
        "workspace[0].rows" if parameter.name == "rows" else parameter.name for parameter in printer.parameters()
    )
    return [*lines, f"    {OWN}{printer.name}_four({arguments});", "  }"]


def _sample(text: str, index: str) -> str:
    for struct in ("input", "output", "workspace"):
        text = text.replace(f"{struct}->", f"{struct}[{index}].")
    return text


RUN = """\
static int model_overlap(const void *const a, const size_t a_bytes, const void *const b, const size_t b_bytes) {
  const uintptr_t first = (uintptr_t)a;
  const uintptr_t second = (uintptr_t)b;
  return first < second ? second - first < a_bytes : first - second < b_bytes;
}

static int model_check(const void *const input, const size_t input_bytes, const void *const output, const size_t output_bytes,
    const void *const workspace, const size_t workspace_bytes) {
  if (input == NULL || output == NULL) {
    return MODEL_NULL;
  }
  if (model_overlap(input, input_bytes, output, output_bytes)) {
    return MODEL_OVERLAP;
  }
  if (workspace != NULL && (model_overlap(input, input_bytes, workspace, workspace_bytes) ||
                            model_overlap(output, output_bytes, workspace, workspace_bytes))) {
    return MODEL_OVERLAP;
  }
  return MODEL_OK;
}

static MODEL_OWN_FRAME void model_forward_on_stack(const model_input *const input, model_output *const output) {
  model_workspace workspace;
  model_forward(input, output, &workspace);
}

int model_run(const model_input *input, model_output *output) {
  const int status = model_check(input, sizeof *input, output, sizeof *output, NULL, 0);
  if (status == MODEL_OK) {
    model_forward_on_stack(input, output);
  }
  return status;
}

int model_run_with(const model_input *input, model_output *output, model_workspace *workspace) {
  if (workspace == NULL) {
    return model_run(input, output);
  }
  const int status = model_check(input, sizeof *input, output, sizeof *output, workspace, sizeof *workspace);
  if (status == MODEL_OK) {
    model_forward(input, output, workspace);
  }
  return status;
}

static void model_forward_batch(const model_input *const inputs, model_output *const outputs, const size_t count,
    model_workspace *const workspace) {
  size_t i = 0;
FOUR  for (; i < count; ++i) {
    model_forward(inputs + i, outputs + i, workspace);
  }
}

static MODEL_OWN_FRAME void model_forward_batch_on_stack(const model_input *const inputs, model_output *const outputs,
    const size_t count) {
  model_workspace workspace[MODEL_BATCH_ROWS];
  model_forward_batch(inputs, outputs, count, workspace);
}

int model_run_batch(const model_input *inputs, model_output *outputs, size_t count, model_workspace *workspace) {
  const size_t larger = sizeof *inputs > sizeof *outputs ? sizeof *inputs : sizeof *outputs;
  if (count == 0) {
    return MODEL_OK;
  }
  if (count > (size_t)PTRDIFF_MAX / larger) {
    return MODEL_TOO_MANY;
  }
  const int status = model_check(inputs, count * sizeof *inputs, outputs, count * sizeof *outputs, workspace,
    MODEL_BATCH_ROWS * sizeof *workspace);
  if (status == MODEL_OK && workspace == NULL) {
    model_forward_batch_on_stack(inputs, outputs, count);
  } else if (status == MODEL_OK) {
    model_forward_batch(inputs, outputs, count, workspace);
  }
  return status;
}
"""

BY_FOURS = """\
  for (; i + 4 <= count; i += 4) {
    model_forward_four(inputs + i, outputs + i, workspace);
  }
"""


def print_calls(model: Model) -> str:
    """The public functions but for the self-test."""
    four = BY_FOURS if any(map(model.by_fours, model.layers)) else ""
    return own(RUN.replace("FOUR", four)) + _classify(model)


def _classify(model: Model) -> str:
    classes, name = model.contract.classes, label_output(model)
    text = ""
    if classes is not None:
        items = wrap(c_string(item) for item in classes.names)
        text = f"\nconst char *const {OWN}class_names[{OWN}{OWN}CLASSES] = {{\n{items}}};\n"
    if name is None:
        return text
    return f"""{text}
int {OWN}classify(const {OWN}input *input) {{
  {OWN}output output;
  return {OWN}run(input, &output) == {OWN}{OWN}OK ? (int)output.{name} : -1;
}}
"""


def c_string(text: str) -> str:
    """A string literal in UTF-8: every byte that is not plain ASCII as three octal digits."""
    plain = {ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\?"}
    return '"' + "".join(plain.get(b, chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in text.encode()) + '"'
