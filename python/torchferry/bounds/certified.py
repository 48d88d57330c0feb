"""Certified bounds: a walk over a torch.export program that carries each value beside the largest error it can have.

Every operator of the program must be in the tables below or have a rule in bounds/rules; one that has none makes the module a
case for an estimate (perturbation.py).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram

from torchferry.bounds.error_bound import INFLATION, Bounded, BrokenRuleError, NotCertifiedError, convert, exact, to_tensor
from torchferry.bounds.rules import rules
from torchferry.bundle.contract import Array, Contract
from torchferry.intake.source import decomposed, first_line


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Operators that move values and compute none: they are applied to the values and to their errors alike.
MOVES = _words(
    "view reshape _unsafe_view flatten unflatten permute transpose t numpy_T mT squeeze unsqueeze expand expand_as clone "
    "contiguous slice select narrow cat concat stack alias detach detach_ lift_fresh lift_fresh_copy split split_with_sizes chunk unbind flip repeat roll "
    "tile movedim swapaxes diagonal tril triu unfold moveaxis swapdims broadcast_to view_as reshape_as hstack vstack dstack "
    "column_stack tensor_split hsplit vsplit dsplit rot90 fliplr flipud pixel_shuffle pixel_unshuffle channel_shuffle "
    "select_scatter slice_scatter diagonal_scatter"
)
IDENTITIES = frozenset({"dropout", "feature_dropout", "alpha_dropout", "native_dropout"})
CONVERSIONS = frozenset({"to", "_to_copy", "type_as"})
DECISIONS = _words(
    "argmax argmin gt ge lt le eq ne logical_not logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_not "
    "bitwise_xor any all sign round floor ceil trunc isnan one_hot argsort"
)
SHAPES = frozenset({"sym_size", "sym_numel", "sym_stride"})


def certified_bounds(program: ExportedProgram, contract: Contract, inputs: Mapping[str, Array]) -> dict[str, float]:
    """Return a bound on |any float32 evaluation - float64| of each float output, on these inputs [N, ...]. Raises NotCertifiedError."""
    outputs = _Walk(_functional(program)).run([inputs[spec.name] for spec in contract.inputs])[-len(contract.outputs) :]
    bounds = {}
    for spec, output in zip(contract.outputs, outputs, strict=True):
        if spec.is_float:
            bounds[spec.name] = INFLATION * float(output.error.max(initial=0.0))
            if not np.isfinite(bounds[spec.name]):
                raise NotCertifiedError(f"the error of {spec.name} has no finite bound")
    return bounds


def _functional(program: ExportedProgram) -> ExportedProgram:
    """Return the program without operators that write into their arguments, which others may look at; as it is if it has none."""
    names = [
        node.target.overloadpacket.__name__ for node in program.graph.nodes if isinstance(node.target, torch._ops.OpOverload)
    ]
    writes = any(name.endswith("_") and not name.startswith("_") for name in names)
    return decomposed(program, {}) if writes else program


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
                values[node] = _applied(node.target, args, kwargs)
            elif node.op == "output":
                return [values[result] for result in node.args[0]]
            else:
                raise NotCertifiedError(f"{node.op} {node.target} has no rule")
        raise NotCertifiedError("the program has no outputs")


def _stored(tensor: torch.Tensor) -> Bounded:
    array = tensor.detach().cpu().numpy()
    return exact(array.astype(np.float64) if array.dtype.kind == "f" else array)


def _applied(target: Any, args: Any, kwargs: Any) -> Any:
    """Apply a rule. Raises NotCertifiedError, and BrokenRuleError where the rule fails on arguments that it was not written for."""
    try:
        return _apply(target, args, kwargs)
    except NotCertifiedError:
        raise
    except Exception as error:  # of NumPy, torch or the rule: an operator that no rule can bound has no certificate
        name = getattr(target, "__name__", str(target)).removesuffix(".default")
        raise BrokenRuleError(f"the rule of {name} ended with {type(error).__name__}: {first_line(error)}") from None


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
    if name in rules():
        return rules()[name](*args, **kwargs)
    if name in DECISIONS:
        return _decision(target, args, kwargs)
    raise NotCertifiedError(f"operator {name} has no certified rule")


def _plain(target: Any, args: Any, kwargs: Any) -> Any:
    """Arithmetic on sizes, and picking from a tuple."""
    if target is operator.getitem or not any(isinstance(arg, Bounded) for arg in args):
        return target(*args, **kwargs)
    raise NotCertifiedError(f"{getattr(target, '__name__', target)} has no certified rule")


def _shape_of(target: Any, args: Any) -> Any:
    if target.overloadpacket.__name__ == "sym_numel":
        return args[0].value.size
    if target.overloadpacket.__name__ != "sym_size":
        return None
    shape = args[0].value.shape
    return shape[args[1]] if len(args) > 1 else shape


def _map_bounded(part: Callable[[Bounded], Array], value: Any) -> Any:
    if isinstance(value, Bounded):
        return to_tensor(part(value))
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
