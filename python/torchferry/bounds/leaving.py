"""Where float32 eager leaves the estimate: the first operator whose result is further off than the draws moved it, and why.

Three runs are laid beside each other, operator by operator: float64, float64 with each result moved (the draws), and float32. In the
float32 run each operator is also called in float64 on its float32 arguments: the difference is the error of that operator alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from torchferry.bounds.drawn_runs import run_under, simple_operators
from torchferry.bounds.eager_distance import difference
from torchferry.bounds.perturbation import FACTOR, Moves, Noise, Perturb
from torchferry.bounds.rounding import UNIT
from torchferry.bounds.rounding_size import Size, is_exact, rounding_size
from torchferry.bundle.contract import Array, Contract
from torchferry.compare.telling import largest
from torchferry.engines.torch_device import to_tensors
from torchferry.intake.widen import double_of

EXPLAINED = 2.0**-10
"""Of the largest number that an operator meets: half of the digits that float32 has. No rounding inside an operator takes more."""
DRAWS_LAID_BESIDE = 4
JUMPS = frozenset({"floor", "ceil", "round", "trunc", "sign", "remainder", "fmod", "floor_divide", "nonzero", "bucketize"})
"""Operators that may answer with another number altogether where their argument is rounded; those of `nearest` too."""


@dataclass(frozen=True)
class Leaving:
    """An operator where eager leaves the estimate. `wider`: how many times more than its rule it is off; 1 where it is within."""

    operator: str
    wider: float
    words: str  # after `since`
    is_other: bool = False  # float32 cannot explain it: the module computes something else in float64


@dataclass
class _Call:
    """One operator of a run: its float results as float64, and its numbers and texts."""

    name: str
    layer: str
    plain: str
    results: list[Array]
    off: float = 0.0  # of the operator alone, in float32
    ratio: float = 0.0  # the same in multiples of its rule
    largest: float = 0.0  # of its arguments and results

    @property
    def words(self) -> str:
        """Name the operator and its layer."""
        return f"operator {self.name}" + (f" of layer {self.layer}" if self.layer else "")


@dataclass
class _Layers:
    """The paths of the layers that are being called, outermost first."""

    stack: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The innermost."""
        return self.stack[-1] if self.stack else ""


def find_leaving(module: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array]) -> Leaving | None:
    """Return where float32 eager leaves the draws on inputs [N, ...]; None where no operator can be named."""
    double = double_of(module)
    exact = _recorded(double, contract, inputs)
    moved = [_drawn(double, contract, inputs, seed) for seed in range(DRAWS_LAID_BESIDE)]
    eager = _in_float32(module, contract, inputs)
    seen: list[_Call] = []
    for index, (a, b) in enumerate(zip(eager, exact, strict=False)):
        if a.name != b.name:
            return Leaving(a.name, 1.0, f"eager calls {a.words} in float32 and {b.name} in float64", is_other=True)
        seen.append(a)
        off = _distance(a, b)
        if off > FACTOR * max(_distance(calls[index], b) if index < len(calls) else 0.0 for calls in moved) + UNIT**2:
            return _leaving(seen, b, off)
    return None


def _leaving(seen: Sequence[_Call], exact: _Call, off: float) -> Leaving:
    """Say why the last operator seen is `off` from its float64 result: what the least exact one up to it does alone decides."""
    last, worst = seen[-1], max(seen, key=lambda call: call.ratio)
    jumps = worst.name in JUMPS or "nearest" in worst.name
    if worst.off > EXPLAINED * worst.largest and not jumps:
        words = f"{worst.words} is {worst.off:.3g} away from the same operator in float64, of {worst.largest:.3g}"
        return Leaving(worst.name, worst.ratio, words, is_other=True)
    if last.plain != exact.plain and off > EXPLAINED * last.largest:
        words = f"eager calls {last.words} with {last.plain} in float32 and with {exact.plain} in float64"
        return Leaving(last.name, 1.0, words, is_other=True)
    if worst.ratio > 1 and not jumps:
        return Leaving(worst.name, worst.ratio, f"{worst.words} alone is {worst.ratio:.2g} times as far off as its rule says")
    return Leaving(last.name, 1.0, f"{last.words} is further off than its rounded arguments and its own rounding moved it")


def _recorded(double: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array]) -> list[_Call]:
    with _layers_of(double) as layers:
        recorder = _Record(layers)
        run_under(double, contract, inputs, recorder)
    return recorder.calls


def _drawn(double: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array], seed: int) -> list[_Call]:
    recorder = _RecordMoved(Noise(seed))
    run_under(double, contract, inputs, recorder)
    return recorder.calls


def _in_float32(module: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array]) -> list[_Call]:
    ordered = {spec.name: inputs[spec.name] for spec in contract.inputs}
    with _layers_of(module) as layers:
        recorder = _Compare(layers)
        with torch.no_grad(), simple_operators(), recorder:
            module(*to_tensors(ordered, torch.device("cpu")))
    return recorder.calls


class _Record(TorchDispatchMode):
    """Notes each operator with what it gives."""

    def __init__(self, layers: _Layers) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no annotation there
        self.calls: list[_Call] = []
        self._layers = layers

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` and note what it gives."""
        result = func(*args, **(kwargs or {}))
        self.calls.append(_call(func, self._layers.path, args, kwargs, result))
        return result


class _RecordMoved(Perturb):
    """Moves each result, and notes it."""

    def __init__(self, noise: Noise) -> None:
        super().__init__(noise, Moves())
        self.calls: list[_Call] = []

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func`, move what it gives, and note that."""
        result = super().__torch_dispatch__(func, types, args, kwargs)
        self.calls.append(_call(func, "", args, kwargs, result))
        return result


class _Compare(_Record):
    """Notes each operator in float32, and how far it is from the same one in float64 on the same arguments."""

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` in float64 and then, since it may change its arguments, in float32; note both."""
        wide_args, wide_kwargs = _widened(args), _widened(dict(kwargs or {}))
        given = max((largest(array) for array in _float_arrays(wide_args)), default=0.0)
        name = func.overloadpacket.__name__
        size = None if is_exact(func, name) else rounding_size(func, name, wide_args, wide_kwargs)
        wide = func(*wide_args, **wide_kwargs)
        result = super().__torch_dispatch__(func, types, args, kwargs)
        call = self.calls[-1]
        call.largest = max([given, *map(largest, call.results)])
        for array, tensor in zip(call.results, _reals(wide), strict=False):
            _hold(call, array, tensor, size)
        return result


def _hold(call: _Call, array: Array, wide: torch.Tensor, size: Size | None) -> None:
    """Note how far a result in float32 is from that in float64, alone and in multiples of `size`; an exact operator has none."""
    if array.shape != tuple(wide.shape):
        return
    off = difference(array, wide.numpy())
    limit = UNIT * largest(array) if size is None else size(wide).numpy()
    call.off = max(call.off, float(off.max(initial=0.0)))
    with np.errstate(divide="ignore", invalid="ignore"):
        call.ratio = max(call.ratio, float(np.nan_to_num(off / limit, nan=0.0).max(initial=0.0)))


def _call(func: Any, layer: str, args: Any, kwargs: Any, result: Any) -> _Call:
    plain = [item for item in _leaves((args, kwargs or {})) if isinstance(item, int | float | str | bool)]
    return _Call(func.overloadpacket.__name__, layer, ", ".join(map(repr, plain)), list(_float_arrays(result)))


def _distance(a: _Call, b: _Call) -> float:
    """Return how far apart the results are that have one shape."""
    pairs = zip(a.results, b.results, strict=False)
    return max((float(difference(x, y).max(initial=0.0)) for x, y in pairs if x.shape == y.shape), default=0.0)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    return (item for item in _leaves(value) if isinstance(item, torch.Tensor))


def _reals(value: Any) -> Iterator[torch.Tensor]:
    """Return the float tensors as they are, and complex ones as their parts."""
    for item in _tensors(value):
        if item.is_complex():
            yield torch.view_as_real(item.detach().resolve_conj())
        elif item.is_floating_point():
            yield item.detach()


def _float_arrays(value: Any) -> Iterator[Array]:
    return (item.double().numpy().copy() for item in _reals(value))


def _widened(value: Any) -> Any:
    """Copy the arguments of an operator with float64 for float32."""
    if isinstance(value, torch.Tensor):
        return value.double() if value.dtype is torch.float32 else value.clone()
    if isinstance(value, dict):
        return {key: _widened(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_widened, value))
    return torch.float64 if value is torch.float32 else value


@contextmanager
def _layers_of(module: torch.nn.Module) -> Iterator[_Layers]:
    """Keep the path of the layer that is being called; none of TorchScript, whose layers take no hooks."""
    layers = _Layers()
    handles = []
    for path, part in module.named_modules():
        if not isinstance(part, torch.jit.ScriptModule):
            handles.append(part.register_forward_pre_hook(lambda *_, path=path: layers.stack.append(path)))
            handles.append(part.register_forward_hook(lambda *_: layers.stack.pop() and None, always_call=True))
    try:
        yield layers
    finally:
        for handle in handles:
            handle.remove()
