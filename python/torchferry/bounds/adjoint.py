"""How far roundings move an output, by its derivatives: the variance that draws of normal numbers only estimate.

To first order an output is off by the sum over all roundings of its derivative by each times that rounding (S. Linnainmaa, Taylor
expansion of the accumulated rounding error, 1976). The sum of the squares of the largest terms is found by one backward pass for
each element of an output. Where outputs are few that is less work than draws are, and it leaves no doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule, Interpreter
from torch.fx.experimental.proxy_tensor import make_fx

from torchferry.bounds.drawn_runs import simple_operators
from torchferry.bounds.perturbation import Moves, Noise, Perturb
from torchferry.bounds.rounding import Float64
from torchferry.bounds.work import CALL, Work
from torchferry.bundle.contract import BATCH, Array, Contract
from torchferry.engines.base import name_outputs
from torchferry.engines.torch_device import to_tensors
from torchferry.intake.mixing import taken_rows
from torchferry.intake.outputs import symbol_sizes
from torchferry.intake.widen import float64_everywhere, widen

MOST_OF_A_SAMPLE = 128
"""Elements of one sample's float outputs, whose backward passes are made at once."""
BACKWARD = 3
"""Forward passes in the time of a backward one, which also adds up squares."""
SAME = 1e-9
"""Of an output's largest value: what the traced module may differ by from the module."""


class NoDerivativeError(Exception):
    """Why no derivatives are taken."""


class _Leaves(Noise):
    """Adds a variable to each result, and keeps it with the size that it can have."""

    is_smooth = True

    def __init__(self) -> None:
        super().__init__(0)
        self.found: list[tuple[torch.Tensor, torch.Tensor]] = []

    def add(self, result: torch.Tensor, size: torch.Tensor, *, in_place: bool = False) -> torch.Tensor:
        """Return the result, in its shape, plus zeros by which it can be derived."""
        del in_place  # there are no such operators here
        moved = torch.where(torch.isfinite(result) & torch.isfinite(size), size, 0.0)  # a mask is not rounded
        variable = torch.zeros_like(result, requires_grad=True)
        self.found.append((variable, moved.detach()))
        return result + variable


class _Derived(Interpreter):
    """Runs a traced module, with a variable for each rounding.

    An operator that writes into its first argument gives a new value, by which the trace goes on: what it would overwrite is needed for
    derivatives. Views of the argument keep the old one, so that what comes out must be compared with the module's.
    """

    def __init__(self, traced: GraphModule, moved: Perturb) -> None:
        super().__init__(traced)
        self._moved = moved

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call an operator and add the variables of its roundings; picking from a tuple has none."""
        if not isinstance(target, torch._ops.OpOverload):
            return target(*args, **kwargs)
        called = _not_overwriting(target) if _overwrites(target) else target
        return self._moved.__torch_dispatch__(called, (), args, kwargs)


def _overwrites(target: Any) -> bool:
    name = target.overloadpacket.__name__ if isinstance(target, torch._ops.OpOverload) else ""
    return name.endswith("_") and not name.startswith("_")


def _not_overwriting(target: Any) -> Any:
    """Return the operator that gives a new value: of the same form, or of the first one (`transpose_.default` is `transpose.int`)."""
    packet = getattr(torch.ops.aten, target.overloadpacket.__name__.rstrip("_"))
    forms = packet.overloads()
    return getattr(packet, target._overloadname if target._overloadname in forms else forms[0])


def variances(
    double: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array], ruled: type[Perturb], centre: Mapping[str, Float64]
) -> dict[str, Float64]:
    """Return the sum of squares for each element of each float output [N, ...], on inputs [N, ...]; `centre` is without roundings.

    `double` is made by `double_of`, `ruled` refuses operators without a rule. Raises NoDerivativeError, and what torch raises.
    """
    if BATCH in contract.symbols and contract.samples == "independent":
        count = symbol_sizes(contract.inputs, inputs).get(BATCH, 1)
        parts: list[Mapping[str, Array]] = [taken_rows(contract, inputs, np.array([row])) for row in range(count)]
    else:
        parts = [inputs]
    found: dict[str, list[Float64]] = {name: [] for name in centre}
    with torch.enable_grad(), simple_operators(), float64_everywhere():
        traced = _traced(double, contract, parts[0])
        for at, part in enumerate(parts):
            leaves = _Leaves()
            values = _Derived(traced, ruled(leaves, Moves())).run(*_tensors(contract, part))
            for (name, exact), value in zip(centre.items(), values, strict=True):
                _require_same(value, exact[at : at + 1] if len(parts) > 1 else exact)
                found[name].append(_squares(value, leaves.found))
    return {name: np.concatenate(squares) if len(parts) > 1 else squares[0] for name, squares in found.items()}


def is_affordable(contract: Contract, centre: Mapping[str, Float64], work: Work, most: float) -> bool:
    """Say whether derivatives of outputs [N, ...] take at most `most` multiply-adds; `work` is that of all samples once."""
    count = max((len(array) for array in centre.values() if array.ndim), default=1)
    samples = count if BATCH in contract.symbols and contract.samples == "independent" else 1
    elements = sum(array.size for array in centre.values())
    each = elements / max(samples, 1)
    return each <= MOST_OF_A_SAMPLE and BACKWARD * ((1 + each) * work.total + samples * work.calls * CALL) <= most


def _tensors(contract: Contract, inputs: Mapping[str, Array]) -> list[torch.Tensor]:
    ordered = {spec.name: widen(inputs[spec.name]) for spec in contract.inputs}
    return list(to_tensors(ordered, torch.device("cpu")))


def _traced(double: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array]) -> GraphModule:
    names = [spec.name for spec in contract.outputs if spec.is_float]

    def outputs(*given: torch.Tensor) -> list[Any]:
        named = name_outputs(contract, double(*given))
        return [named[name] for name in names]

    with torch.no_grad():
        traced: GraphModule = make_fx(outputs)(*_tensors(contract, inputs))
        return traced


def _require_same(value: torch.Tensor, exact: Float64) -> None:
    made = value.detach().numpy()
    if made.shape != exact.shape or not np.allclose(made, exact, rtol=SAME, atol=SAME * float(np.abs(exact).max(initial=0.0))):
        raise NoDerivativeError


def _squares(value: torch.Tensor, leaves: list[tuple[torch.Tensor, torch.Tensor]]) -> Float64:
    """Return the sum over all roundings of (derivative times size)^2, for each element of `value`, in its shape."""
    each = torch.eye(value.numel(), dtype=value.dtype).reshape(-1, *value.shape)
    slopes = torch.autograd.grad(
        value, [leaf for leaf, _ in leaves], each, retain_graph=True, allow_unused=True, is_grads_batched=True
    )
    total = torch.zeros(value.numel(), dtype=torch.float64)
    for slope, (_, size) in zip(slopes, leaves, strict=True):
        if slope is not None:
            total += (slope * size).square().reshape(len(slope), -1).sum(1)
    if not bool(torch.isfinite(total).all()):
        raise NoDerivativeError
    return np.asarray(total.reshape(value.shape).numpy())
