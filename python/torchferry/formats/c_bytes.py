"""The engine's entry of a C model whose structs have bytes: a session gives and gets the contract's floats."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.cgen import Generated
from torchferry.cgen.kernels import with_used
from torchferry.cgen.passes.byte_io import HALF, Meaning
from torchferry.cgen.target import c_type
from torchferry.cgen.text import hex_float, named
from torchferry.cgen.values import dtype_of

FLOATS = "ferryFloats"


def byte_entry(contract: Contract, generated: Generated) -> str:
    """Return engine.c, which makes bytes of the floats and floats of the bytes, as the definition does."""
    interface, prefix = generated.interface, generated.prefix
    assert interface is not None
    kernels = "\n".join(named(kernel.text, prefix) for kernel in with_used(("quantize",), generated.kernels))
    return ENTRY_TEXT.format(
        kernels=kernels,
        structs="\n".join([_struct("input", contract.inputs), _struct("output", contract.outputs)]),
        given="\n".join(_each(contract.inputs, interface.inputs, prefix, _to_byte)),
        made="\n".join(_each(contract.outputs, interface.outputs, prefix, _to_float)),
        **separate_parts(separate=generated.weights is not None),
        input=table(FLOATS, "input", contract.inputs),
        output=table(FLOATS, "output", contract.outputs),
    ).replace("@", prefix)


def separate_parts(*, separate: bool) -> dict[str, str]:
    """Return the parts of an engine's entry that hand separate weights on, empty for those of the code."""
    return {
        "more": '#include "weights.c"\n' if separate else "",
        "weights": "ferryWeights, " if separate else "",
        "check": "  if (@_open(ferryWeights, sizeof ferryWeights) != 0) {\n    return 0;\n  }\n" if separate else "",
        "alone": "ferryWeights" if separate else "",
    }


def table(prefix: str, struct: str, specs: tuple[TensorSpec, ...]) -> str:
    """Return size of the struct and number of its members, then offset and size of each, as the compiler lays them out."""
    name = f"{prefix}_{struct}"
    rows = [f"    offsetof({name}, {spec.name}), sizeof((({name} *)0)->{spec.name})" for spec in specs]
    return ",\n".join([f"    sizeof({name}), {len(specs)}", *rows])


def _struct(kind: str, specs: Iterable[TensorSpec]) -> str:
    members = []
    for spec in specs:
        dtype = dtype_of(spec.dtype)
        assert dtype is not None, "capture refuses others"
        members.append(f"  {c_type(dtype)} {spec.name}{_size(spec)};")
    return "\n".join([f"typedef struct {FLOATS}_{kind} {{", *members, f"}} {FLOATS}_{kind};"])


def _size(spec: TensorSpec) -> str:
    return f"[{_count(spec)}]" if len(spec.shape) > 1 else ""


def _count(spec: TensorSpec) -> int:
    return math.prod(dim for dim in spec.shape[1:] if isinstance(dim, int))


def _each(specs: Iterable[TensorSpec], meanings: Mapping[str, Meaning], prefix: str, convert: object) -> Iterator[str]:
    """Yield a loop for each tensor of the structs."""
    for spec in specs:
        scalar = len(spec.shape) == 1
        element = spec.name if scalar else f"{spec.name}[j]"
        meaning = meanings.get(spec.name)
        assert callable(convert)
        lines = convert(element, meaning, prefix)
        yield f"    {lines}" if scalar else f"    for (size_t j = 0; j < {_count(spec)}; ++j) {{\n      {lines}\n    }}"


def _to_byte(element: str, meaning: Meaning | None, prefix: str) -> str:
    if meaning is None:
        return f"input.{element} = from->{element};"
    shift = HALF if meaning.dtype == "int8" else 0
    inverse = hex_float(float(np.float32(1 / meaning.scale)))
    made = f"{prefix}_quantize(from->{element}, {inverse}, {meaning.zero_point + shift})"
    return f"input.{element} = {f'(int8_t)({made} - {HALF})' if shift else made};"


def _to_float(element: str, meaning: Meaning | None, prefix: str) -> str:
    del prefix
    if meaning is None:
        return f"to->{element} = output.{element};"
    return f"to->{element} = (float)(output.{element} - ({meaning.zero_point})) * {hex_float(float(np.float32(meaning.scale)))};"


# What the C of every session has: the digest of its sources, and where the members of its structs are.
SOURCES_TEXT = """\
#ifndef FERRY_SOURCES
#define FERRY_SOURCES ""
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

"""
TABLES_TEXT = """\
/* SHA-256 of the C files that this object is built from: a session refuses an object of others. */
extern const char ferrySources[];
const char ferrySources[] = FERRY_SOURCES;

/* Size of a sample's struct and number of its members; offset and size of each member, in the contract's order. */
extern const size_t ferryInput[], ferryOutput[];
const size_t ferryInput[] = {{
{input}}};
const size_t ferryOutput[] = {{
{output}}};

int ferryRun(const void *inputs, void *outputs, size_t count);
int ferryRun(const void *inputs, void *outputs, size_t count) {{
"""

# Names in camel case: whatever the bundle is called, the model's own are lower case with an underscore.
ENTRY_TEXT = (
    """\
/* What a session of torchferry's engine `c-int8` calls: it has the contract's floats, and the model's structs have bytes. A firmware
 * needs model.c and model.h only. One translation unit with the model, so that one command builds what a session loads. */
#include "model.c"
{more}
{kernels}
"""
    + SOURCES_TEXT
    + """\
{structs}

"""
    + TABLES_TEXT
    + """\
  for (size_t i = 0; i < count; ++i) {{
    const ferryFloats_input *const from = (const ferryFloats_input *)inputs + i;
    ferryFloats_output *const to = (ferryFloats_output *)outputs + i;
    @_input input;
    @_output output;
{given}
    const int status = @_run({weights}&input, &output);
    if (status != 0) {{
      return status;
    }}
{made}
  }}
  return 0;
}}

int ferrySelftest(void);
int ferrySelftest(void) {{
{check}  return @_selftest({alone});
}}
"""
)
