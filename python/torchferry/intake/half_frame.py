"""The frame of a module in float16 or bfloat16: float32 is rounded where the module begins, and its outputs are float32.

A contract with an input in one of the two has such outputs too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.errors import FerryError
from torchferry.intake.framing import Leaf, Preprocess, framed
from torchferry.intake.halves import HALVES, Narrow, half_of, is_half, name_of
from torchferry.intake.outputs import run_module


def find_narrow(
    module: nn.Module, inputs: Sequence[str], preprocess: Preprocess | None, arrays: Mapping[str, Array]
) -> Narrow | None:
    """Return what rounds the inputs [N, ...], where the module takes them in half precision only; it is run to find out.

    None where it takes them as they are, or not at all: whoever runs it next says why.
    """
    dtype = half_of(module)
    if dtype is None or _runs(framed(module, inputs, preprocess, None), arrays):
        return None
    narrow = Narrow(dtype)
    return narrow if _runs(framed(module, inputs, preprocess, None, narrow=narrow), arrays) else None


def with_picked_values(
    module: nn.Module,
    inputs: Sequence[str],
    preprocess: Preprocess | None,
    narrow: Narrow | None,
    found: Sequence[Leaf],
    specs: Sequence[TensorSpec],
) -> nn.Module:
    """Return the module in a frame that gives its values `found` one beside the other.

    Those in half precision are given as float32, unless one of the inputs `specs` is in half precision itself.
    """
    keeps = any(spec.dtype in map(name_of, HALVES) for spec in specs)
    wide = [leaf.path for leaf in found if not keeps and is_half(getattr(leaf.value, "dtype", None))]
    paths = [leaf.path for leaf in found] if wide or any(len(leaf.path) > 1 for leaf in found) else None
    return framed(module, inputs, preprocess, paths, narrow=narrow, wide=wide)


def _runs(module: nn.Module, arrays: Mapping[str, Array]) -> bool:
    try:
        run_module(module, arrays, what="the golden inputs")
    except FerryError:
        return False
    return True
