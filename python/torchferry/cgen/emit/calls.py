"""The functions that a program calls, around the layers: forward, run, run_batch, classify."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torchferry.cgen.emit.functions import LayerPrinter, only_by_fours
from torchferry.cgen.emit.header import label_output
from torchferry.cgen.emit.model import Model, Pointer, member, size_of
from torchferry.cgen.emit.tables import c_string, wrap
from torchferry.cgen.emit.weights import PARAMETER, with_weights
from torchferry.cgen.text import OWN, own

SECTION = f"/* ---- The model {'-' * 102} */\n"
STRUCTS = ("input", "output", "workspace")


@dataclass(frozen=True)
class Part:
    """Lines of a forward function, and which of its parameters they read or write."""

    lines: tuple[str, ...]
    pointers: tuple[Pointer, ...]


def print_forward(model: Model, printers: list[LayerPrinter]) -> str:
    """Print one sample through all layers, and four at once where a layer gains from it."""
    working = [printer for printer in printers if not printer.is_empty]
    single = _function(model, "forward", [*_ordered(model, [_call(printer) for printer in working]), *_finish(model)])
    if not any(printer.by_fours for printer in printers):
        return f"{SECTION}\n{single}"
    parts = [_call_four(printer) if printer.by_fours else _each_of_four([_call(printer, "r")]) for printer in working]
    rest = _finish(model, "r")
    four = _function(model, "forward_four", [*_ordered(model, parts), *([_each_of_four(rest)] if rest else [])])
    return f"{SECTION}\n{single}\n{only_by_fours(four)}"


def _ordered(model: Model, parts: list[Part]) -> list[Part]:
    """Return the parts; where bytes of the arena have several types, no compiler may move an access from one part into another."""
    if len(model.plan.areas) < 2:
        return parts
    return [step for part in parts for step in (Part((f"  {OWN}{OWN}IN_ORDER;",), ()), part)]


def _function(model: Model, name: str, parts: Iterable[Part]) -> str:
    lines = [line for part in parts for line in part.lines]
    weights = "" if model.weights is None else f"{PARAMETER}, "
    used = {pointer.struct for part in parts for pointer in part.pointers}
    return "\n".join(
        [
            f"static void {OWN}{name}({weights}const {OWN}input *const restrict input, {OWN}output *const restrict output,",
            f"    {OWN}workspace *const restrict workspace) {{",
            *(f"  (void){struct};" for struct in STRUCTS if struct not in used),
            *(["  (void)weights;"] if model.weights is not None else []),
            *lines,
            "}\n",
        ]
    )


def _call(printer: LayerPrinter, sample: str = "") -> Part:
    pointers = tuple(parameter.pointer for parameter in printer.parameters())
    weights = ["weights"] if printer.reads_weights else []
    arguments = ", ".join([*weights, *(pointer.address(sample) for pointer in pointers)])
    return Part((f"  {OWN}{printer.name}({arguments});",), pointers)


def _each_of_four(parts: Iterable[Part]) -> Part:
    """Return the lines for sample `r`, four times."""
    lines = [f"  {line}" for part in parts for line in part.lines]
    pointers = tuple(pointer for part in parts for pointer in part.pointers)
    return Part(("  for (size_t r = 0; r < 4; ++r) {", *lines, "  }"), pointers)


def _call_four(printer: LayerPrinter) -> Part:
    """Return a block that collects the pointers of four samples and calls the layer."""
    parameters = printer.parameters()
    lines, arguments = ["  {"], ["weights"] if printer.reads_weights else []
    for parameter in parameters:
        places = ", ".join(parameter.pointer.address(str(r)) for r in range(4))
        lines.append(f"    {parameter.declare_four()} = {{{places}}};")
        arguments.append(parameter.name)
    call = f"    {OWN}{printer.name}_four({', '.join(arguments)});"
    return Part((*lines, call, "  }"), tuple(parameter.pointer for parameter in parameters))


def _finish(model: Model, sample: str = "") -> list[Part]:
    """Copy outputs that share a value, then write every NaN as the one quiet NaN."""
    parts = _copies(model, sample)
    for spec in model.contract.outputs:
        if spec.dtype == "float32":
            place = member("output", spec)
            target = place.element("j", sample)
            parts.append(Part(_each(size_of(spec), f"{target} = {OWN}quiet({target});"), (place,)))
    return parts


def _copies(model: Model, sample: str) -> list[Part]:
    parts = []
    for index, (value, spec) in enumerate(zip(model.graph.outputs, model.contract.outputs, strict=True)):
        if value in model.graph.inputs or model.graph.outputs.index(value) != index:
            source, target = model.pointer(value), member("output", spec)
            lines = _each(size_of(spec), f"{target.element('j', sample)} = {source.element('j', sample)};")
            parts.append(Part(lines, (source, target)))
    return parts


def _each(size: int | None, statement: str) -> tuple[str, ...]:
    """Return a statement for every element `j`; size None: a scalar member, whose statement has no index."""
    if size is None:
        return (f"  {statement}",)
    return (f"  for (size_t j = 0; j < {size}; ++j) {{", f"    {statement}", "  }")


RUN = """\
static int model_overlap(const void *const a, const size_t a_bytes, const void *const b, const size_t b_bytes) {
  const uintptr_t first = (uintptr_t)a;
  const uintptr_t second = (uintptr_t)b;
  return first < second ? second - first < a_bytes : first - second < b_bytes;
}

static int model_check(INNER_WEIGHTS const void *const input, const size_t input_bytes, const void *const output, const size_t output_bytes,
    const void *const workspace, const size_t workspace_bytes) {
  if (IS_NULL_WEIGHTS input == NULL || output == NULL) {
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

static MODEL_OWN_FRAME void model_forward_on_stack(INNER_WEIGHTS const model_input *const input, model_output *const output) {
  model_workspace workspace;
  model_forward(PASS_WEIGHTS input, output, &workspace);
}

int model_run(DECLARE_WEIGHTS const model_input *input, model_output *output) {
  const int status = model_check(PASS_WEIGHTS input, sizeof *input, output, sizeof *output, NULL, 0);
  if (status == MODEL_OK) {
    model_forward_on_stack(PASS_WEIGHTS input, output);
  }
  return status;
}

int model_run_with(DECLARE_WEIGHTS const model_input *input, model_output *output, model_workspace *workspace) {
  if (workspace == NULL) {
    return model_run(PASS_WEIGHTS input, output);
  }
  const int status = model_check(PASS_WEIGHTS input, sizeof *input, output, sizeof *output, workspace, sizeof *workspace);
  if (status == MODEL_OK) {
    model_forward(PASS_WEIGHTS input, output, workspace);
  }
  return status;
}

static void model_forward_batch(INNER_WEIGHTS const model_input *const inputs, model_output *const outputs, const size_t count,
    model_workspace *const workspace) {
  size_t i = 0;
FOUR  for (; i < count; ++i) {
    model_forward(PASS_WEIGHTS inputs + i, outputs + i, workspace);
  }
}

static MODEL_OWN_FRAME void model_forward_batch_on_stack(INNER_WEIGHTS const model_input *const inputs, model_output *const outputs,
    const size_t count) {
  model_workspace workspace[MODEL_BATCH_ROWS];
  model_forward_batch(PASS_WEIGHTS inputs, outputs, count, workspace);
}

int model_run_batch(DECLARE_WEIGHTS const model_input *inputs, model_output *outputs, size_t count, model_workspace *workspace) {
  const size_t larger = sizeof *inputs > sizeof *outputs ? sizeof *inputs : sizeof *outputs;
  if (count == 0) {
    return MODEL_OK;
  }
  if (count > (size_t)PTRDIFF_MAX / larger) {
    return MODEL_TOO_MANY;
  }
  const int status = model_check(PASS_WEIGHTS inputs, count * sizeof *inputs, outputs, count * sizeof *outputs, workspace,
    MODEL_BATCH_ROWS * sizeof *workspace);
  if (status == MODEL_OK && workspace == NULL) {
    model_forward_batch_on_stack(PASS_WEIGHTS inputs, outputs, count);
  } else if (status == MODEL_OK) {
    model_forward_batch(PASS_WEIGHTS inputs, outputs, count, workspace);
  }
  return status;
}
"""

BY_FOURS = """\
#if MODEL_BATCH_ROWS == 4
  for (; i + 4 <= count; i += 4) {
    model_forward_four(PASS_WEIGHTS inputs + i, outputs + i, workspace);
  }
#endif
"""


def print_calls(model: Model, *, by_fours: bool) -> str:
    """Print the public functions but for the self-test."""
    four = BY_FOURS if by_fours else ""
    return own(with_weights(RUN.replace("FOUR", four), separate=model.weights is not None)) + _classify(model)


def _classify(model: Model) -> str:
    classes, name = model.contract.classes, label_output(model)
    text = ""
    if classes is not None:
        items = wrap(c_string(item) for item in classes.names)
        text = f"\nconst char *const {OWN}class_names[{OWN}{OWN}CLASSES] = {{\n{items}}};\n"
    if name is None:
        return text
    return f"""{text}
int {OWN}classify({with_weights("DECLARE_WEIGHTS ", separate=model.weights is not None)}const {OWN}input *input) {{
  {OWN}output output;
  return {OWN}run({with_weights("PASS_WEIGHTS ", separate=model.weights is not None)}input, &output) == {OWN}{OWN}OK ? (int)output.{name} : -1;
}}
"""
