"""Weights as a file of their own: where each table lies in it, its header, and the samples of the self-test at its end.

All numbers are little-endian. A header of 128 bytes, the tables each at a multiple of 64 bytes, then the self-test's inputs and
outputs as arrays of the structs in the header file. `digest` is SHA-256 of all bytes but its own 32.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.cgen.emit.tables import wrap
from torchferry.cgen.text import OWN, own
from torchferry.cgen.values import Array

MAGIC = b"FERRYWTS"
ORDER = 0x01020304  # reads otherwise where bytes have another order
HEADER, LINE, CELL = 128, 64, 8
DIGEST_AT = 64
_FIELDS = struct.Struct("<8sIIQQ")  # magic, order, samples, bytes, where the samples begin


DATA = {"float": "<f4", "int8_t": "<i1", "uint8_t": "<u1", "int16_t": "<i2", "int32_t": "<i4", "int64_t": "<i8"}
TABLES = frozenset({"float", "int8_t", "uint8_t", "int32_t"})  # of these types; places, which must lie inside, stay in the code


@dataclass(frozen=True)
class Number:
    """One number that a C expression of type `ctype` has."""

    ctype: str
    value: float

    @property
    def stored(self) -> str:
        """The type in the file, which is the same on every processor."""
        return "int32_t" if self.ctype == "int" else self.ctype

    @property
    def cast(self) -> str:
        """What makes the expression's type of the stored one."""
        return "(int)" if self.ctype == "int" else ""


@dataclass
class WeightsFile:
    """The tables of a model in the order in which they are printed."""

    tables: list[bytes] = field(default_factory=list)
    end: int = HEADER

    def add(self, ctype: str, name: str, array: Array, comment: str) -> str:
        """Return the C that names a table of any shape in C order."""
        start = self._append(np.ascontiguousarray(array.astype(DATA[ctype])).tobytes())
        return f"/* {comment} */\n#define {name} ((const {ctype} *)(const void *)(weights + {start}))\n"

    def add_numbers(self, numbers: Mapping[str, Number], whole: str = "") -> str:
        """Return the C that names numbers, each in 8 bytes. `whole`: parameter of the macros, where they are no part of a function."""
        cells = [np.array(number.value, DATA[number.stored]).tobytes().ljust(CELL, b"\0") for number in numbers.values()]
        start = self._append(b"".join(cells)) if cells else 0
        base, given = (f"((const unsigned char *)({whole}))", f"({whole})") if whole else ("weights", "")
        return "".join(
            f"#define {name}{given} ({number.cast}*(const {number.stored} *)(const void *)({base} + {start + CELL * index}))\n"
            for index, (name, number) in enumerate(numbers.items())
        )

    def _append(self, data: bytes) -> int:
        """Add bytes, filled up to a line, and return where they begin."""
        start = self.end
        self.tables.append(_filled(data))
        self.end += len(self.tables[-1])
        return start

    def data(self, model: bytes, inputs: bytes, outputs: bytes, samples: int) -> bytes:
        """Return the file. `model`: SHA-256 of the code that reads it; `inputs` and `outputs`: structs of the samples."""
        tail = b"".join([*self.tables, _filled(inputs), _filled(outputs)])
        head = _FIELDS.pack(MAGIC, ORDER, samples, HEADER + len(tail), self.end) + model
        whole = hashlib.sha256(head + bytes(HEADER - DIGEST_AT - 32) + tail).digest()
        return head + whole + bytes(HEADER - DIGEST_AT - 32) + tail


def structs(specs: Sequence[TensorSpec], arrays: Mapping[str, Array]) -> bytes:
    """Return samples [count, ...] by name as an array of C structs, with zeros as padding."""
    packed = np.zeros(len(arrays[specs[0].name]), struct_dtype(specs))
    for spec in specs:
        packed[spec.name] = arrays[spec.name]
    return packed.tobytes()


def struct_dtype(specs: Sequence[TensorSpec]) -> np.dtype[np.void]:
    """Return the C struct of one sample, with its padding."""
    members = [(spec.name, "uint8" if spec.dtype == "bool" else spec.dtype, spec.shape[1:]) for spec in specs]
    return np.dtype([(name, np.dtype(kind).newbyteorder("<"), shape) for name, kind, shape in members], align=True)


def _filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % LINE)


PARAMETER = "const unsigned char *const weights"  # of the functions inside

OPEN = f"""\
static uint32_t model_weights_number(const unsigned char *const p) {{
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}}

int model_open(const void *weights, size_t bytes) {{
  static const unsigned char magic[8] = {{{", ".join(f"'{chr(b)}'" for b in MAGIC)}}};
  const unsigned char *const p = (const unsigned char *)weights;
  const uint32_t order = UINT32_C(0x{ORDER:08x});
  if (p == NULL) {{
    return MODEL_NULL;
  }}
  if ((uintptr_t)p % MODEL_WEIGHTS_ALIGNMENT != 0) {{
    return MODEL_UNALIGNED;
  }}
  if (bytes < {HEADER}) {{
    return MODEL_TRUNCATED;
  }}
  for (size_t i = 0; i < 8; ++i) {{
    if (p[i] != magic[i]) {{
      return MODEL_NO_WEIGHTS;
    }}
  }}
  if (model_weights_number(p + 8) != order || *(const unsigned char *)&order != 4) {{
    return MODEL_NO_WEIGHTS;
  }}
  const uint32_t samples = model_weights_number(p + 12);
  const uint32_t all = model_weights_number(p + 16);
  if (model_weights_number(p + 20) != 0 || all > bytes) {{
    return MODEL_TRUNCATED;
  }}
  for (size_t i = 0; i < 32; ++i) {{
    if (p[32 + i] != model_code[i]) {{
      return MODEL_OTHER_MODEL;
    }}
  }}
  const size_t most = bytes / (MODEL_SAMPLE_INPUT_BYTES > MODEL_SAMPLE_OUTPUT_BYTES ? MODEL_SAMPLE_INPUT_BYTES : MODEL_SAMPLE_OUTPUT_BYTES);
  if (samples < MODEL_BATCH_ROWS || samples > most || all != model_weights_end(samples)) {{
    return MODEL_DAMAGED;
  }}
  model_sha256 state;
  unsigned char digest[32];
  model_sha256_start(&state);
  model_sha256_add(&state, p, {DIGEST_AT});
  model_sha256_add(&state, p + {DIGEST_AT + 32}, (size_t)all - {DIGEST_AT + 32});
  model_sha256_end(&state, digest);
  for (size_t i = 0; i < 32; ++i) {{
    if (p[{DIGEST_AT} + i] != digest[i]) {{
      return MODEL_DAMAGED;
    }}
  }}
  return MODEL_OK;
}}
"""


PLACES = """\
#define MODEL_SAMPLES_AT {end}u
#define MODEL_SAMPLE_INPUT_BYTES {input}u
#define MODEL_SAMPLE_OUTPUT_BYTES {output}u

static size_t model_weights_filled(const size_t bytes) {{ return (bytes + {rest}) / {line} * {line}; }}

/* Where the outputs of the self-test's samples begin, behind their inputs, and where the file ends. */
static size_t model_weights_outputs(const size_t samples) {{
  return MODEL_SAMPLES_AT + model_weights_filled(samples * MODEL_SAMPLE_INPUT_BYTES);
}}
static size_t model_weights_end(const size_t samples) {{
  return model_weights_outputs(samples) + model_weights_filled(samples * MODEL_SAMPLE_OUTPUT_BYTES);
}}

"""


def with_weights(text: str, *, separate: bool) -> str:
    """Return text with or without a parameter for weights that are not part of the code."""
    parts = {"DECLARE": "const void *weights, ", "INNER": f"{PARAMETER}, ", "PASS": "weights, ", "IS_NULL": "weights == NULL || "}
    for name, part in parts.items():
        text = text.replace(f"{name}_WEIGHTS ", part if separate else "")
    return text


def print_open(weights: WeightsFile, contract: Contract, code: bytes) -> str:
    """Print the check of weights; `code`: SHA-256 of the code that reads them."""
    sizes = {kind: struct_dtype(specs).itemsize for kind, specs in (("input", contract.inputs), ("output", contract.outputs))}
    numbers = wrap(f"0x{byte:02x}" for byte in code)
    own_digest = f"static const unsigned char {OWN}code[32] = {{\n{numbers}}};\n\n"
    return own(PLACES.format(end=weights.end, line=LINE, rest=LINE - 1, **sizes)) + own_digest + own(OPEN)
