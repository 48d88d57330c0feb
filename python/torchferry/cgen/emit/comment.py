"""The comment at the top of model.c and model.h: contract, layers, and what the C promises beside the contract."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from torchferry.cgen.elementary import ULP_BOUND
from torchferry.cgen.emit.facts import licence_line
from torchferry.cgen.emit.functions import describe
from torchferry.cgen.emit.model import Model
from torchferry.cgen.emit.naming import plain
from torchferry.cgen.emit.weights import struct_dtype
from torchferry.cgen.ir import Step
from torchferry.compare.tolerance import Bound

WIDTH = 128
NUMBERS = "A float input may be NaN or infinite: nothing is undefined then, and every NaN in a float output is the quiet NaN 0x7fc00000."


def comment(model: Model, metadata: Mapping[str, str], provenance: str, promised: Iterable[str], digest: str) -> str:
    """Return the comment. `promised`: lines of `promises` and `sizes`; `digest`: SHA-256 of model.c after the comment."""
    contract = model.contract
    ulp = max(ULP_BOUND[function] for function in ("exp", "expm1", "tanh", "erf", "log"))
    lines = [
        f"/* {model.prefix}: a neural network in C99, written by torchferry. Do not edit; export again instead.",
        *(f" * {line}" for line in licence_line(metadata)),
        *([" *", *(f" * {line}" for line in plain(provenance).splitlines())] if provenance else []),
        " *",
        " * Inputs (N samples):",
        *(f" *   {spec.name}: {spec.describe()}" for spec in contract.inputs),
        " * Outputs:",
        *(f" *   {spec.name}: {spec.describe()}" for spec in contract.outputs),
        " * Layers:",
        *(f" *   {index}. {describe(layer)}" for index, layer in enumerate(model.layers, 1)),
        " *",
        *promised,
        " * No heap, no libm, no stdio, no mutable globals.",
        *_integers(model),
        " * Every operation is one IEEE 754 float32 operation in a fixed order, so every processor gives the same bits. Errors against",
        f" * exact arithmetic: exp, tanh, erf and log at most {ulp} ULP; a product of n inputs (n + 1) 2^-24 of the sum of |weight x|.",
        f" * SHA-256 of model.c after this comment: {digest}",
        " */",
    ]
    return "\n".join(lines) + "\n"


def promises(model: Model, bounds: Mapping[str, Bound], selftest: str) -> list[str]:
    """Return lines of the comment. `bounds`: of the float outputs, as far as they are known; `selftest`: its samples in words."""
    texts = (*_own(model), *_bounds(bounds), *_inputs(model), f"Self-test of {selftest}.")
    return [line for text in texts for line in _wrapped(text)]


def _wrapped(text: str) -> list[str]:
    indent = len(text) - len(text.lstrip())
    return textwrap.wrap(text, WIDTH, initial_indent=" * ", subsequent_indent=f" * {' ' * indent}", break_on_hyphens=False)


def _own(model: Model) -> Iterator[str]:
    if model.weights is not None:
        yield "The weights are a file of their own. Bounds, ranges and samples below are those of the file that was written with this code."


def _bounds(bounds: Mapping[str, Bound]) -> Iterator[str]:
    if bounds:
        yield "Bounds, against float64 on the bundle's goldens (manifest.json, tolerances, has the reason for each):"
    for name, bound in bounds.items():
        yield f"  {name}: at most {bound.value:.3g}"


def _inputs(model: Model) -> Iterator[str]:
    """Yield what the steps promise, rules before the inputs that they hold for."""
    if any(spec.dtype == "float32" for spec in model.contract.inputs):
        yield NUMBERS
    found = dict.fromkeys(line for step in _steps(model) for line in step.promises(model.graph.inputs))
    yield from sorted(found, key=lambda line: line.startswith(" "))


def _integers(model: Model) -> list[str]:
    """Return what is said of a model with exact sums of integers, and of where between its products there are floats."""
    notes = dict.fromkeys(note for step in _steps(model) for note in step.notes)
    if not notes:
        return []
    layers = [describe(layer) for layer in model.layers]
    floats = [index for index, layer in enumerate(layers) if "to float" in layer]
    back = [index for index, layer in enumerate(layers) if "float to bytes" in layer]
    between = "Between two products all is integers"
    if floats and back and floats[0] < back[-1]:
        between += ", but from a layer that says `to float` to the next `float to bytes`: that float32 follows the rules below."
    elif floats:
        between += "; the float32 behind the layer that says `to float` follows the rules below."
    else:
        between += "."
    return _wrapped(" ".join((*notes, between)))


def _steps(model: Model) -> list[Step]:
    return [node for node in model.graph.nodes if isinstance(node, Step)]


def sizes(model: Model, tables: int, samples: int) -> str:
    """Return the line with the bytes of tables, of so many samples of the self-test, and of the workspace."""
    sample = struct_dtype(model.contract.inputs).itemsize + struct_dtype(model.contract.outputs).itemsize
    switch = f"{model.prefix.upper()}_NO_SELFTEST"
    if model.weights is None:
        where = f"Tables {tables} bytes, self-test samples {samples * sample} bytes ({switch} leaves them out)"
    else:
        where = f"In the weights: tables {tables} bytes, self-test samples {samples * sample} bytes ({switch} leaves out what reads them)"
    return f" * {where}, workspace {model.plan.bytes} bytes."
