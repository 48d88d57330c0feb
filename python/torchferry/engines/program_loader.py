"""A judged torch.export archive as torch's own ExportedProgram: tensors are views of the verified bytes, nothing is unpickled."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch._export.serde import schema
from torch._export.serde.serialize import _SERIALIZE_TO_TORCH_DTYPE, ExportedProgramDeserializer, _dict_to_dataclass
from torch.export import ExportedProgram

from torchferry.engines.program_door import Payload, judge_program
from torchferry.engines.torch_device import last_line
from torchferry.errors import ExitCode, FerryError

_STRIDED = int(schema.Layout.Strided)
_DEVICE = re.compile(r"cpu|cuda")
_MAX_DIMS = 64


def load_program(path: str, data: bytes) -> ExportedProgram:
    """Return the program in an archive. Raises FerryError(FORMAT)."""
    judged = judge_program(path, data)
    weights, constants = (_tensors(path, payloads) for payloads in (judged.weights, judged.constants))
    try:
        document = _dict_to_dataclass(schema.ExportedProgram, judged.document)
        return ExportedProgramDeserializer().deserialize(document, weights, constants, None)
    except Exception as error:  # a program may contradict itself in many ways
        raise FerryError(
            ExitCode.FORMAT, f"{path}: got a program that torch.export cannot load: {last_line(error)}; export the bundle again"
        ) from None


def load_weights(path: str, data: bytes) -> dict[str, torch.Tensor]:
    """Return the parameters and buffers in an archive by their names, in their own shapes. Raises FerryError(FORMAT)."""
    return _tensors(path, judge_program(path, data).weights)


def _tensors(path: str, payloads: dict[str, Payload]) -> dict[str, torch.Tensor]:
    """Tensors that stand on the same entry share its memory, as tied weights do."""
    storages: dict[int, bytearray] = {}
    found = {}
    for name, payload in payloads.items():
        if id(payload.data) not in storages:
            storages[id(payload.data)] = bytearray(payload.data)
        try:
            tensor = _tensor(storages[id(payload.data)], payload.meta)
        except ValueError as error:
            raise FerryError(ExitCode.FORMAT, f"{path}: {name[:100]}: {error}; export the bundle again") from None
        is_trained = payload.is_parameter and payload.meta["requires_grad"]
        found[name] = torch.nn.Parameter(tensor, requires_grad=is_trained) if payload.is_parameter else tensor
    return found


def _tensor(storage: bytearray, meta: dict[str, Any]) -> torch.Tensor:
    """Return the tensor that `meta` describes inside `storage`. Raises ValueError where it does not fit."""
    dtype = _SERIALIZE_TO_TORCH_DTYPE.get(meta["dtype"])
    sizes, strides = ([_whole(item) for item in meta[key]] for key in ("sizes", "strides"))
    offset = _whole(meta["storage_offset"])
    if dtype is None or meta["layout"] != _STRIDED or not _DEVICE.fullmatch(meta["device"]["type"]):
        raise ValueError("got a tensor of another kind, expected a strided one of a known dtype on cpu or cuda")
    if len(sizes) != len(strides) or len(sizes) > _MAX_DIMS:
        raise ValueError(f"got {len(sizes)} sizes and {len(strides)} strides, expected as many, at most {_MAX_DIMS}")
    last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    needed = 0 if 0 in sizes else (last + 1) * dtype.itemsize
    if needed > len(storage) or len(storage) % dtype.itemsize:
        raise ValueError(f"got {len(storage)} bytes, expected at least {needed}, in whole numbers of {dtype.itemsize}")
    if not storage:
        return torch.zeros(sizes, dtype=dtype)
    return torch.frombuffer(storage, dtype=dtype).as_strided(sizes, strides, 0 if 0 in sizes else offset)


def _whole(item: dict[str, Any]) -> int:
    value = item.get("as_int")
    if value is None or not 0 <= value < 1 << 40:
        raise ValueError(f"got the size {str(item)[:60]}, expected a whole number of at least 0")
    return int(value)
