"""model.c: arithmetic, helpers, layers, and the functions that the header declares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from torchferry.cgen.function_snippets import FUNCTIONS
from torchferry.cgen.gather_snippets import gather
from torchferry.cgen.integer_snippets import INTEGERS
from torchferry.cgen.kernels import PANEL
from torchferry.cgen.model import Model
from torchferry.cgen.naming import OWN, own
from torchferry.cgen.print_calls import print_calls, print_forward
from torchferry.cgen.print_layers import LayerPrinter
from torchferry.cgen.print_selftest import print_selftest
from torchferry.cgen.product_snippets import PRODUCTS, VECTORS
from torchferry.cgen.snippets import COMPILER, END, STRICT

Array = NDArray[Any]
CHECK = "typedef char model_check_workspace[sizeof(model_workspace) == MODEL_WORKSPACE_BYTES ? 1 : -1];\n"


def print_source(model: Model, header: str, goldens: Mapping[str, Array], expected: Mapping[str, Array]) -> str:
    """Everything after the comment at the top. `goldens` and `expected` are samples of the self-test by tensor name."""
    printers = [LayerPrinter(model, index) for index in range(len(model.layers))]
    layers = [printer.print() for printer in printers]
    needs = [name for printer in printers for name in printer.needs]
    floats = any(value.dtype == "float32" for value in model.graph.outputs)
    products = any(name in ("columns", "dot") for name in needs)
    panels = products or "integer_columns" in needs
    helpers = helper_texts([*needs, *(["quiet"] if floats else [])], model.row_bits)
    helpers.pop("bits", None)  # printed by what calls it, see _bits
    body = [own(text) for text in helpers.values()] + layers + [print_forward(model, printers), print_calls(model)]
    selftest = print_selftest(model, goldens, expected)
    parts = [
        f'#include "{header}"\n\n#include <float.h>\n',
        own(STRICT),
        own(COMPILER),
        own(VECTORS) if products else "",
        own(_shapes(model, rows=products)) if panels else "",
        own(CHECK),
        _bits("\n".join(body), selftest),
        *body,
        selftest,
        own(END),
    ]
    return "\n".join(part for part in parts if part)


def _shapes(model: Model, *, rows: bool) -> str:
    panel = f"#define MODEL_PANEL {PANEL} /* columns of a table that lie together */\n"
    return panel + (f"typedef uint{model.row_bits}_t model_row;\n" if rows else "")


def _bits(body: str, selftest: str) -> str:
    """The functions between floats and bits that are called; those that only the self-test calls are left out with it."""
    union, *functions = [f"{part}\n" for part in own(FUNCTIONS["bits"].text).rstrip().split("\n\n")]

    def called_in(text: str) -> list[str]:
        names = [re.search(rf"{OWN}\w+\(", function) for function in functions]
        found = [function for function, name in zip(functions, names, strict=True) if name is not None and name[0] in text]
        return [union, *found] if found else []

    always = called_in(body)
    tested = [part for part in called_in(selftest) if part not in always]
    return "\n".join([*always, *([f"#ifndef {OWN}{OWN}NO_SELFTEST", *tested, "#endif\n"] if tested else [])])


def helper_texts(needs: Iterable[str], row_bits: int) -> dict[str, str]:
    """The snippets that are needed, by name, each after those that it calls."""
    printed: dict[str, str] = {}

    def add(name: str) -> None:
        if name in printed:
            return
        if name.startswith("gather_"):
            printed[name] = gather(name.removeprefix("gather_"), row_bits)
            return
        snippet = FUNCTIONS.get(name) or INTEGERS.get(name) or PRODUCTS[name]
        for other in snippet.needs:
            add(other)
        printed[name] = snippet.text

    for name in needs:
        add(name)
    return printed
