"""Certified bounds: a walk over a torch.export program that carries each value beside the largest error it can have.

Every operator of the program must be in the tables below; one that is not makes the module a case for an estimate
(perturbation.py). The rules are in error_bound.py.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram

from torchferry.bounds import error_bound as rules
from torchferry.bounds.error_bound import INFLATION, Bounded, constant, convert, exact
from torchferry.bundle.contract import Array, Contract

Operator = Callable[..., Any]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Operators that move values and compute none: they are applied to the values and to their errors alike.
MOVES = _words(
    "view reshape _unsafe_view flatten unflatten permute transpose t numpy_T mT squeeze unsqueeze expand expand_as clone "
    "contiguous slice select narrow cat concat stack alias detach lift_fresh_copy split split_with_sizes chunk unbind flip repeat"
)
IDENTITIES = frozenset({"dropout", "feature_dropout", "alpha_dropout", "native_dropout"})
CONVERSIONS = frozenset({"to", "_to_copy", "type_as"})
DECISIONS = _words("argmax argmin gt ge lt le eq ne logical_not logical_and logical_or sign round floor ceil")
SHAPES = frozenset({"sym_size", "sym_numel", "sym_stride"})


class NotCertifiedError(Exception):
    """Why no certified bound exists: an operator without a rule, or a value that may be infinite."""


def certified_bounds(program: ExportedProgram, contract: Contract, inputs: Mapping[str, Array]) -> dict[str, float]:
    """Return a bound on |any float32 evaluation - float64| of each float output, on these inputs [N, ...]. Raises NotCertifiedError."""
    outputs = _Walk(program).run([inputs[spec.name] for spec in contract.inputs])
    bounds = {}
    for spec, output in zip(contract.outputs, outputs, strict=True):
        if spec.is_float:
            bounds[spec.name] = INFLATION * float(output.error.max(initial=0.0))
            if not np.isfinite(bounds[spec.name]):
                raise NotCertifiedError(f"the error of {spec.name} has no finite bound")
    return bounds


class _Walk:
    """One pass over the program's nodes."""

    def __init__(self, program: ExportedProgram) -> None:
        self._program = program
        signature = program.graph_signature
        state = {**program.state_dict, **program.constants}
        names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
        self._constants = {node: state[name] for node, name in names.items()}

    def run(self, inputs: list[Array]) -> list[Bounded]:
        """Return the outputs in the program's order."""
        values: dict[Any, Any] = {}
        feed = iter(inputs)
        for node in self._program.graph.nodes:
            if node.op == "placeholder":
                stored = self._constants.get(node.name)
                values[node] = _stored(stored) if stored is not None else exact(next(feed))
            elif node.op == "call_function":
                args = torch.fx.map_arg(node.args, values.__getitem__)
                kwargs = torch.fx.map_arg(node.kwargs, values.__getitem__)
                values[node] = _apply(node.target, args, kwargs)
            elif node.op == "output":
                return [values[result] for result in node.args[0]]
            else:
                raise NotCertifiedError(f"{node.op} {node.target} has no rule")
        raise NotCertifiedError("the program has no outputs")


def _stored(tensor: torch.Tensor) -> Bounded:
    array = tensor.detach().cpu().numpy()
    return exact(array.astype(np.float64) if array.dtype.kind == "f" else array)


def _apply(target: Any, args: Any, kwargs: Any) -> Any:
    if not isinstance(target, torch._ops.OpOverload):
        return _plain(target, args, kwargs)
    name = target.overloadpacket.__name__
    if name in SHAPES or name.startswith(("_assert", "sym_constrain")):
        return _shape_of(target, args)
    if name in MOVES:
        return _move(target, args, kwargs)
    if name in IDENTITIES and not args[-1]:
        return args[0]
    if name in CONVERSIONS:
        return _converted(target, args, kwargs)
    if name in DECISIONS:
        return _decision(target, args, kwargs)
    if name in _RULES:
        return _RULES[name](*args, **kwargs)
    raise NotCertifiedError(f"operator {name} has no certified rule")


def _plain(target: Any, args: Any, kwargs: Any) -> Any:
    """Arithmetic on sizes, and picking from a tuple."""
    if target is operator.getitem or not any(isinstance(arg, Bounded) for arg in args):
        return target(*args, **kwargs)
    raise NotCertifiedError(f"{getattr(target, '__name__', target)} has no certified rule")


def _shape_of(target: Any, args: Any) -> Any:
    if target.overloadpacket.__name__ != "sym_size":
        return None
    shape = args[0].value.shape
    return shape[args[1]] if len(args) > 1 else shape


def _tensor(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


def _map_bounded(part: Callable[[Bounded], Array], value: Any) -> Any:
    if isinstance(value, Bounded):
        return _tensor(part(value))
    if isinstance(value, list | tuple):
        return type(value)(_map_bounded(part, item) for item in value)
    return value


def _run(target: Any, part: Callable[[Bounded], Array], args: Any, kwargs: Any) -> Any:
    return target(*_map_bounded(part, args), **{key: _map_bounded(part, value) for key, value in kwargs.items()})


def _move(target: Any, args: Any, kwargs: Any) -> Any:
    values = _run(target, lambda x: x.value, args, kwargs)
    errors = _run(target, lambda x: x.error, args, kwargs)
    if isinstance(values, torch.Tensor):
        return Bounded(values.numpy(), errors.numpy())
    return [Bounded(value.numpy(), error.numpy()) for value, error in zip(values, errors, strict=True)]


def _converted(target: Any, args: Any, kwargs: Any) -> Bounded:
    x: Bounded = args[0]
    wanted = [item for item in (*args[1:], *kwargs.values()) if isinstance(item, torch.dtype)]
    like = [item.value.dtype.kind == "f" for item in args[1:] if isinstance(item, Bounded)]
    if wanted and wanted[0] in (torch.float16, torch.bfloat16):
        raise NotCertifiedError(f"{wanted[0]} has no certified rule")
    is_float = wanted[0].is_floating_point if wanted else any(like) if like else x.value.dtype.kind == "f"
    return convert(x) if is_float else _decision(target, args, kwargs)


def _decision(target: Any, args: Any, kwargs: Any) -> Bounded:
    """Bound an integer made from floats: exact if they are, else nothing may be computed from it."""
    value = _run(target, lambda x: x.value, args, kwargs).numpy()
    certain = all(not bool(arg.error.any()) for arg in args if isinstance(arg, Bounded))
    return Bounded(value, np.full(value.shape, 0.0 if certain else np.inf))


def _bounded(value: Any) -> Bounded:
    return value if isinstance(value, Bounded) else constant(float(value))


def _scaled(x: Any, factor: Any) -> Bounded:
    return _bounded(x) if factor == 1 else rules.multiply(_bounded(x), constant(float(factor)))


def _exact_value(x: Any) -> Any:
    if bool(x.error.any()):
        raise NotCertifiedError("a product of two computed tensors has no certified rule")
    return x.real


def _linear(x: Bounded, weight: Bounded, bias: Bounded | None = None) -> Bounded:
    return rules.linear(x, _exact_value(weight), None if bias is None else _exact_value(bias))


def _matmul(a: Bounded, b: Bounded) -> Bounded:
    if b.value.ndim != 2:
        raise NotCertifiedError("a product of more than matrices has no certified rule")
    return rules.linear(a, _exact_value(b).T, None)


def _addmm(bias: Bounded, a: Bounded, b: Bounded, *, beta: float = 1, alpha: float = 1) -> Bounded:
    if alpha != 1 or beta != 1 or bias.value.ndim != 1:
        raise NotCertifiedError("a scaled product has no certified rule")
    return rules.linear(a, _exact_value(b).T, _exact_value(bias))


def _divide(a: Any, b: Any, *, rounding_mode: str | None = None) -> Bounded:
    if rounding_mode is not None:
        raise NotCertifiedError("a rounded division has no certified rule")
    return rules.divide(convert(_bounded(a)), _bounded(b))


def _sum(x: Bounded, dim: Any = None, keepdim: bool = False, **_: Any) -> Bounded:
    axes = (
        tuple(range(x.value.ndim)) if not isinstance(dim, int) and not dim else tuple(np.atleast_1d(dim) % max(x.value.ndim, 1))
    )
    count = int(np.prod([x.value.shape[axis] for axis in axes]))
    kept = [1 if axis in axes else size for axis, size in enumerate(x.value.shape)]
    rows = [np.moveaxis(array, axes, range(-len(axes), 0)).reshape(-1, count) for array in (x.real, x.error)]
    total = rules.linear(Bounded(rows[0], rows[1]), np.ones((1, count)), None)
    shape = kept if keepdim else [size for axis, size in enumerate(kept) if axis not in axes]
    return Bounded(total.value.reshape(shape), total.error.reshape(shape))


def _mean(x: Bounded, dim: Any = None, keepdim: bool = False, **_: Any) -> Bounded:
    total = _sum(x, dim, keepdim)
    return rules.divide(total, constant(x.value.size / max(total.value.size, 1)))


def _leaky_relu(x: Bounded, slope: float = 0.01) -> Bounded:
    scaled = rules.multiply(x, constant(slope))
    value = np.where(x.real > 0, x.real, scaled.real)
    return Bounded(value, np.where(x.real - x.error > 0, x.error, np.maximum(max(1.0, abs(slope)) * x.error, scaled.error)))


def _elu(x: Bounded, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Bounded:
    if alpha != 1 or scale != 1 or input_scale != 1:
        raise NotCertifiedError("a scaled elu has no certified rule")
    return rules.monotone("elu", lambda v: np.where(v > 0, v, np.expm1(np.minimum(v, 0.0))), x)


def _gelu(x: Bounded, *, approximate: str = "none") -> Bounded:
    name = "gelu" if approximate == "none" else "gelu_tanh"
    function = torch.nn.functional.gelu
    return rules.lipschitz(name, rules.GELU_SLOPE, lambda v: function(_tensor(v), approximate=approximate).numpy(), x)


def _silu(x: Bounded) -> Bounded:
    return rules.lipschitz("silu", rules.SILU_SLOPE, lambda v: torch.nn.functional.silu(_tensor(v)).numpy(), x)


def _softplus(x: Bounded, beta: float = 1, threshold: float = 20) -> Bounded:
    if beta != 1 or threshold != 20:
        raise NotCertifiedError("a scaled softplus has no certified rule")
    return rules.monotone("softplus", lambda v: np.logaddexp(0.0, v), x)


def _sigmoid(x: Bounded) -> Bounded:
    return rules.monotone("sigmoid", lambda v: torch.sigmoid(_tensor(v)).numpy(), x)


def _clamp(x: Bounded, low: float | None = None, high: float | None = None) -> Bounded:
    rounding = max(float(constant(float(end)).error) for end in (low, high, 0.0) if end is not None)
    clipped = rules.monotone(None, lambda v: np.clip(v, low, high), x)
    return Bounded(clipped.value, clipped.error + rounding)


_RULES: dict[str, Operator] = {
    "add": lambda a, b, *, alpha=1: rules.add(_bounded(a), _scaled(b, alpha)),
    "sub": lambda a, b, *, alpha=1: rules.add(_bounded(a), rules.negate(_scaled(b, alpha))),
    "rsub": lambda a, b, *, alpha=1: rules.add(_bounded(b), rules.negate(_scaled(a, alpha))),
    "mul": lambda a, b: rules.multiply(_bounded(a), _bounded(b)),
    "div": _divide,
    "neg": rules.negate,
    "linear": _linear,
    "addmm": _addmm,
    "mm": _matmul,
    "matmul": _matmul,
    "sum": _sum,
    "mean": _mean,
    "relu": lambda x: rules.monotone(None, lambda v: np.maximum(v, 0.0), x),
    "relu6": lambda x: _clamp(x, 0.0, 6.0),
    "hardtanh": lambda x, low=-1.0, high=1.0: _clamp(x, low, high),
    "clamp": _clamp,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _softplus,
    "sigmoid": _sigmoid,
    "tanh": lambda x: rules.monotone("tanh", np.tanh, x),
    "exp": lambda x: rules.monotone("exp", np.exp, x),
    "softmax": lambda x, dim, *_, **__: rules.softmax(x, dim),
    "_softmax": lambda x, dim, *_, **__: rules.softmax(x, dim),
    "log_softmax": lambda x, dim, *_, **__: rules.log_softmax(x, dim),
    "_log_softmax": lambda x, dim, *_, **__: rules.log_softmax(x, dim),
}
