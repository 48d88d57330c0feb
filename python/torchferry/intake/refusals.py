"""What is refused before anything is written: each refusal says what, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode, is_traceable_wrapper_subclass

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.bundle.dtype import holds_floats
from torchferry.engines.torch_device import to_array, to_tensor
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.framing import leaves
from torchferry.intake.halves import HALVES
from torchferry.intake.origin import current_origin
from torchferry.intake.outputs import run_module

_RANDOM = ("bernoulli", "dropout", "rand", "normal", "uniform", "multinomial", "exponential", "poisson", "rrelu")


def _refuse(problem: str) -> FerryError:
    return FerryError(ExitCode.BAD_INPUT, problem)


def require_eval(module: nn.Module) -> None:
    """Require that every part is in eval mode."""
    for path, part in module.named_modules():
        if part.training:
            raise _refuse(
                f"module: {path or type(module).__name__}: got train mode, expected eval mode: dropout and batch norm would behave as in "
                "training; call module.eval() first"
            )


def require_no_quantized_part(module: nn.Module) -> None:
    """Require that no part computes in integers inside: it has no float64 copy to be held to."""
    for path, part in module.named_modules():
        kind = type(part)
        if ".quantized" in kind.__module__ and kind.__module__.startswith(("torch.ao.", "torch.nn.")):
            raise _refuse(
                f"module: {path or kind.__name__}: got {kind.__module__}.{kind.__name__}, expected layers in float32: a quantized layer has no "
                f"float64 reference; {_BEFORE_QUANTIZATION}"
            )
    for path, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_traceable_wrapper_subclass(tensor):
            raise _refuse(
                f"module: {path}: got {type(tensor).__module__}.{type(tensor).__name__}, expected a plain tensor: what stands for other numbers has no "
                f"float64 reference; {_BEFORE_QUANTIZATION}"
            )


_BEFORE_QUANTIZATION = (
    "export the module as it was before, and pass --quantize int8 for C in int8, or --quantize from-module for what fake quantisation or "
    "torchao's convert_pt2e left in it"
)


def require_plain_state(module: nn.Module) -> None:
    """Require parameters and buffers whose floats are float32, float16 or bfloat16, all on the CPU."""
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(tensor):
            raise _refuse(
                f"module: {name}: got a lazy module that has not run, expected weights of a known shape; call the module once on an input before"
            )
        dtype = str(tensor.dtype).removeprefix("torch.")
        if (tensor.is_floating_point() or tensor.is_complex()) and tensor.dtype not in (torch.float32, *HALVES):
            raise _refuse(
                f"module: {name}: got {dtype}, expected float32, float16 or bfloat16, in which engines compute; call module.float() first"
            )
        if tensor.device.type != "cpu":
            raise _refuse(f"module: {name}: got device {tensor.device}, expected cpu; call module.cpu() first")
        if tensor.is_floating_point() and bool(tensor.isnan().any()):
            raise _refuse(
                f"module: {name}: got NaN in it, expected numbers: what is computed from it would be NaN; train it again or load other weights"
            )


def require_telling_goldens(specs: Sequence[TensorSpec], inputs: Mapping[str, Array]) -> None:
    """Require goldens [N, ...] that differ: constant ones would agree whatever the weights do."""
    for spec in specs:
        array = inputs[spec.name]
        if array.size > 1 and bool((array == array.flat[0]).all()):
            raise _refuse(
                f"golden: {spec.name}: got {array.size} elements that are all {array.flat[0]}, expected values that differ: a constant tells "
                "nothing about the weights; give real inputs"
            )


def require_sound_behaviour(module: nn.Module, inputs: Mapping[str, Array], names: Sequence[str]) -> None:
    """Require that the same input [N, ...] gives the same output, in new memory, and is left alone."""
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    tensors = {name: to_tensor(array) for name, array in inputs.items()}
    with torch.inference_mode():
        first = [leaf.value for leaf in leaves(module(*tensors.values()))]
    _require_untouched(inputs, {name: to_array(tensor) for name, tensor in tensors.items()})
    second = [leaf.value for leaf in run_module(module, inputs, what="a second run")]
    with _Randomness() as randomness:  # under such a mode some operators take other kernels: its results are not compared
        run_module(module, inputs, what="a third run")
    remedy = (
        "remove what is random or remembers its calls: give dropout training=self.training, draw no random numbers in forward"
    )
    for name, a, b in zip(names, first, second, strict=True):
        if not torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)):
            written = [
                name for name, buffer in module.named_buffers() if name in buffers and not torch.equal(buffers[name], buffer)
            ]
            if written and not randomness.seen:
                raise _refuse(
                    f"module: output {name}: got two answers to the same input, since each call writes buffer {written[0]}, expected equal ones; "
                    "take it as an input and return it as an output (`state=`)"
                )
            where = f" ({randomness.seen})" if randomness.seen else ""
            raise _refuse(f"module: output {name}: got two answers to the same input{where}, expected equal ones; {remedy}")
        for input_name, tensor in tensors.items():
            if a.numel() and a.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr():
                raise _refuse(
                    f"module: output {name}: got memory of input {input_name}, expected its own: engines would hand out the caller's memory; "
                    "return it with .clone()"
                )
    if randomness.seen:
        raise _refuse(
            f"module: got an operator that draws random numbers ({randomness.seen}), expected none in eval mode; {remedy}"
        )


def _require_untouched(before: Mapping[str, Array], after: Mapping[str, Array]) -> None:
    for name, array in before.items():
        if not np.array_equal(array, after[name], equal_nan=holds_floats(array)):
            raise _refuse(
                f"module: input {name}: got it changed by the module, expected it untouched; use operators without a trailing underscore, or clone it first"
            )


class _Randomness(TorchDispatchMode):
    """Notes the first operator that draws random numbers, and the line of the module that asks for it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no annotation there
        self.seen = ""

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` as it is."""
        if not self.seen and torch.Tag.nondeterministic_seeded in func.tags:
            name = func.overloadpacket.__name__
            if any(word in name for word in _RANDOM) and not _is_idle(func, args):
                where = current_origin()
                self.seen = f"{name} at {where}" if where else name
        return func(*args, **(kwargs or {}))


def _is_idle(func: Any, args: tuple[Any, ...]) -> bool:
    """Dropout and rrelu in eval mode."""
    named = func._schema.arguments
    given = {argument.name: argument.default_value for argument in named if argument.has_default_value()}
    given |= {argument.name: value for argument, value in zip(named, args, strict=False)}
    return not given.get("train", given.get("training", True))
