"""Devices and threads of torch, and tensors in and out of it, for the engines that stand on torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import torch

from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.dtype import numpy_dtype
from torchferry.engines.base import OpenRequest, name_outputs
from torchferry.errors import ExitCode, FerryError


def require_device(engine: str, device: str) -> torch.device:
    """Return the device, with TF32 off. Raises FerryError(UNAVAILABLE) where it is not there; never another device."""
    if device != "cpu":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(device.partition(":")[2]) >= count:
            raise FerryError(
                ExitCode.UNAVAILABLE,
                f"engine {engine}: --device: got {device}, expected a device that is here: {count} CUDA devices; use --device cpu or a CUDA build of torch",
            )
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    return torch.device(device)


def set_threads(threads: int) -> None:
    """Set the number of threads inside one call, for the calling thread."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def call_module(
    engine: str, module: Callable[..., object], request: OpenRequest, inputs: Mapping[str, Array]
) -> dict[str, Array]:
    """Run one forward pass on arrays in the contract's shapes, by name. Raises FerryError(BAD_INPUT) where the model fails on them."""
    set_threads(request.threads)
    try:
        with torch.inference_mode():
            return to_arrays(request.contract, module(*to_tensors(inputs, torch.device(request.device))))
    except FerryError:
        raise
    except Exception as error:  # a model may fail in any way
        cause = re.sub(r"^\w*Error: ", "", last_line(error))
        raise FerryError(ExitCode.BAD_INPUT, f"engine {engine}: the model failed on these inputs: {cause}") from None


def last_line(error: BaseException) -> str:
    """Return what went wrong; torch writes a trace of the model's code before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__


def to_tensors(inputs: Mapping[str, Array], device: torch.device) -> list[torch.Tensor]:
    """Copy arrays of any shape into tensors, in the mapping's order: a model may write into its inputs (`x.mul_(2)`)."""
    return [to_tensor(array).to(device) for array in inputs.values()]


def to_tensor(array: Array) -> torch.Tensor:
    """Copy an array of any shape into a tensor of the same dtype; torch takes bfloat16 of ml_dtypes by its bits only."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(array.copy())


def to_array(tensor: torch.Tensor) -> Array:
    """Return a tensor of any shape as an array on the host, of the same dtype."""
    values = tensor.detach().cpu().contiguous()
    if values.dtype == torch.bfloat16:
        return values.view(torch.int16).numpy().view(numpy_dtype("bfloat16"))
    return np.asarray(values.numpy())


def to_arrays(contract: Contract, values: object) -> dict[str, Array]:
    """Return what a module returned as arrays on the host, by name, in their own shapes."""
    named = name_outputs(contract, values)
    return {name: to_array(value) for name, value in named.items() if isinstance(value, torch.Tensor)}
