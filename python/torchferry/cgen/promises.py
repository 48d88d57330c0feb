"""What the comment at the top of the C promises beside the contract: bounds, inputs that are no numbers, and the self-test."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from torchferry.cgen.fixed_point import BYTE_MOST
from torchferry.cgen.ir import IntegerLinear, Quantize
from torchferry.cgen.model import Model
from torchferry.compare.tolerance import Bound

WIDTH = 128


def promises(model: Model, bounds: Mapping[str, Bound], selftest: str) -> list[str]:
    """Lines of the comment. `bounds`: of the float outputs, as far as they are known; `selftest`: its samples in words."""
    return [line for text in (*_bounds(bounds), *_inputs(model), f"Self-test of {selftest}.") for line in _wrapped(text)]


def _wrapped(text: str) -> list[str]:
    indent = len(text) - len(text.lstrip())
    return textwrap.wrap(text, WIDTH, initial_indent=" * ", subsequent_indent=f" * {' ' * indent}", break_on_hyphens=False)


def _bounds(bounds: Mapping[str, Bound]) -> Iterator[str]:
    if bounds:
        yield "Bounds, against float64 on the bundle's goldens (manifest.json, tolerances, has the reason for each):"
    for name, bound in bounds.items():
        yield f"  {name}: at most {bound.value:.3g}"


def _inputs(model: Model) -> Iterator[str]:
    if any(spec.dtype == "float32" for spec in model.contract.inputs):
        yield (
            "A float input may be NaN or infinite: nothing is undefined then, and every NaN in a float output is the quiet NaN 0x7fc00000."
        )
    kinds = {type(node) for node in model.graph.nodes}
    if Quantize in kinds:
        yield "Where a float becomes a byte, NaN counts as 0."
    if IntegerLinear in kinds:
        yield "What is beyond the range of the calibration data saturates."
    for node in model.graph.nodes:
        if isinstance(node, Quantize) and node.x in model.graph.inputs:
            low, high = (code / node.inverse for code in (-node.zero, BYTE_MOST - node.zero))
            yield f"  {node.x.name}: {low:.6g} to {high:.6g}"
