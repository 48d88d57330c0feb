"""model.c: kernels, layers, and the functions that the header declares."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from torchferry.cgen.emit.avr import avr_refusal
from torchferry.cgen.emit.calls import print_calls, print_forward
from torchferry.cgen.emit.functions import LayerPrinter
from torchferry.cgen.emit.header import print_header
from torchferry.cgen.emit.model import Model
from torchferry.cgen.emit.seen import Seen, seen_values
from torchferry.cgen.emit.selftest import KERNELS, print_selftest
from torchferry.cgen.emit.weights import print_open
from torchferry.cgen.kernels import with_used
from torchferry.cgen.text import own
from torchferry.cgen.values import Array

CHECK = "typedef char model_check_workspace[sizeof(model_workspace) == MODEL_WORKSPACE_BYTES ? 1 : -1];\n"
# strict.c pushes an attribute that the end of the file takes back.
END = """\
#if defined(MODEL_NO_NEON)
#pragma clang attribute pop
#endif
"""


@dataclass(frozen=True)
class Body:
    """What stands between the includes and the self-test, in parts; `batch_rows`: samples that it computes together.

    `code`: SHA-256 of the text, where it reads weights that fit no other. `seen`: where the text has the values of modules.
    `tables`: the bytes of each that is part of the text.
    """

    kernels: tuple[str, ...]
    text: str
    batch_rows: int
    seen: tuple[Seen, ...]
    code: bytes = b""
    tables: Mapping[str, int] = field(default_factory=dict)


def print_body(model: Model) -> Body:
    """Print kernels, layers and calls."""
    printers = [LayerPrinter(model, index) for index in range(len(model.layers))]
    layers = [printer.print() for printer in printers]
    by_fours = any(printer.by_fours for printer in printers)
    floats = any(value.dtype == "float32" for value in model.graph.outputs)
    used = [*(name for printer in printers for name in printer.uses), *(["quiet"] if floats else [])]
    kernels = with_used(("compiler", *used, *(["sha256"] if model.weights is not None else [])))
    calls = [print_forward(model, printers), print_calls(model, by_fours=by_fours)]
    text = "\n".join([own(CHECK), *(kernel.text for kernel in kernels), *layers, *calls])
    names, rows = tuple(kernel.name for kernel in kernels), 4 if by_fours else 1
    seen = seen_values(model, printers)
    tables = {name: size for printer in printers for name, size in printer.table_bytes.items()}
    if model.weights is None:
        return Body(names, text, rows, seen, tables=tables)
    code = hashlib.sha256(f"{text}{print_header(model, rows)}".encode()).digest()
    return Body(names, f"{text}\n{print_open(model.weights, model.contract, code)}", rows, seen, code)


def kernels_of(body: Body) -> tuple[str, ...]:
    """Return the kernels of the whole file, those of the self-test last."""
    return (*body.kernels, *(kernel.name for kernel in with_used(KERNELS, body.kernels)))


def print_source(model: Model, header: str, body: Body, goldens: Mapping[str, Array], expected: Mapping[str, Array]) -> str:
    """Print everything after the comment at the top. `goldens` and `expected` are samples [samples, ...] of the self-test by tensor name."""
    selftest = print_selftest(model, goldens, expected, body.kernels)
    refusal = avr_refusal(model, body.tables, len(next(iter(goldens.values()))))
    return "\n".join((*([refusal] if refusal else []), f'#include "{header}"\n', body.text, selftest, own(END)))
