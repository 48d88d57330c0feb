"""A request of the Open Inference Protocol as inputs of the contract: JSON, and tensors behind it as bytes (the binary extension)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from torchferry.bundle.contract import Array, Contract, TensorSpec
from torchferry.bundle.dtype import family, numpy_dtype, rounded
from torchferry.bundle.printable import quoted
from torchferry.bundle.strict_json import JsonError, parse_strictly
from torchferry.serve.datatype import datatype_of
from torchferry.serve.refusal import RefusalError

_BAD = HTTPStatus.BAD_REQUEST
_SIZE = "binary_data_size"

Parameters = dict[str, Any]


class _Document(BaseModel):
    """Unknown keys are passed over: the protocol has extensions."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Input(_Document):
    name: str
    datatype: str
    shape: list[Annotated[int, Field(ge=0, le=2**53)]]
    parameters: Parameters = {}
    data: list[Any] | None = None


class _Output(_Document):
    name: str
    parameters: Parameters = {}


class _Request(_Document):
    id: str | None = None
    parameters: Parameters = {}
    inputs: list[_Input]
    outputs: list[_Output] | None = None


@dataclass(frozen=True)
class Asked:
    """A request that fits the contract. `outputs`: whether each wanted one is sent as bytes; `timeout_s` 0: the server's deadline."""

    id: str | None
    inputs: dict[str, Array]
    outputs: dict[str, bool]
    timeout_s: float


def read_request(contract: Contract, body: bytes, json_bytes: int | None) -> Asked:
    """Return the inputs [N, ...] by name; `json_bytes`: where the JSON ends and the tensors begin, None: all is JSON.

    Raises RefusalError.
    """
    if json_bytes is not None and not 0 <= json_bytes <= len(body):
        raise RefusalError(
            _BAD, f"Inference-Header-Content-Length: got {json_bytes}, expected at most the {len(body)} bytes of the body"
        )
    document = _parse(body[:json_bytes])
    inputs = _inputs(contract, document.inputs, memoryview(body)[len(body) if json_bytes is None else json_bytes :])
    return Asked(document.id, inputs, _outputs(contract, document), _timeout_s(document.parameters))


def _parse(data: bytes) -> _Request:
    try:
        return _Request.model_validate(parse_strictly(data))
    except JsonError as error:
        raise RefusalError(_BAD, f"request: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "request"
        raise RefusalError(_BAD, f"{place}: {first['msg']}; see the Open Inference Protocol") from None


def _inputs(contract: Contract, given: Sequence[_Input], binary: memoryview) -> dict[str, Array]:
    specs = {spec.name: spec for spec in contract.inputs}
    arrays: dict[str, Array] = {}
    for one in given:
        if one.name not in specs or one.name in arrays:
            raise RefusalError(_BAD, f"inputs: got {quoted(one.name)}, expected each of {', '.join(specs)} once")
        spec = specs[one.name]
        if one.datatype != datatype_of(spec.dtype):
            raise RefusalError(
                _BAD, f"input {spec.name}: datatype: got {quoted(one.datatype)}, expected {datatype_of(spec.dtype)}"
            )
        arrays[spec.name], binary = _array(spec, one, binary)
    if missing := [name for name in specs if name not in arrays]:
        raise RefusalError(_BAD, f"inputs: got no {missing[0]}, expected each of {', '.join(specs)} once")
    if len(binary):
        raise RefusalError(_BAD, f"body: got {len(binary)} bytes after the last tensor, expected none")
    return arrays


def _array(spec: TensorSpec, given: _Input, binary: memoryview) -> tuple[Array, memoryview]:
    """Return an input and the bytes that follow its own."""
    if _SIZE not in given.parameters:
        return _from_json(spec, given), binary
    size, dtype = given.parameters[_SIZE], numpy_dtype(spec.dtype)
    wanted = _elements(given.shape) * dtype.itemsize
    if given.data is not None or not isinstance(size, int) or size != wanted or wanted > len(binary):
        raise RefusalError(
            _BAD,
            f"input {spec.name}: {_SIZE}: got {size!r} and {len(binary)} bytes left, expected {wanted} for shape {given.shape} and no data",
        )
    return _shaped(spec, np.frombuffer(binary[:wanted], dtype).astype(spec.dtype, copy=False), given.shape), binary[wanted:]


def _from_json(spec: TensorSpec, given: _Input) -> Array:
    flat = _flat(given.data or [])
    if len(flat) != _elements(given.shape):
        raise RefusalError(_BAD, f"input {spec.name}: data: got {len(flat)} values, expected those of shape {given.shape}")
    kinds = {"bool": (bool,), "integer": (int,), "float": (int, float)}[family(spec.dtype)]
    wrong = [value for value in flat if type(value) not in kinds]
    if wrong:
        raise RefusalError(_BAD, f"input {spec.name}: data: got {_shown(wrong[0])}, expected values of {given.datatype}")
    if family(spec.dtype) == "integer":
        limits = np.iinfo(spec.dtype)
        wrong = [value for value in flat if not limits.min <= value <= limits.max]
        if wrong:
            raise RefusalError(_BAD, f"input {spec.name}: data: got {_shown(wrong[0])}, expected {limits.min} to {limits.max}")
    with np.errstate(over="ignore"):  # an infinite number is refused by the contract, where it allows none
        found = rounded(np.array(flat, np.float64), spec.dtype) if spec.is_float else np.array(flat, spec.dtype)
        return _shaped(spec, found, given.shape)


def _shaped(spec: TensorSpec, flat: Array, shape: Sequence[int]) -> Array:
    """Return the values [...] in a shape of as many elements; of one that has none, a dim may be too large for any array."""
    try:
        return flat.reshape(shape)
    except ValueError:
        raise RefusalError(_BAD, f"input {spec.name}: shape: got {list(shape)}, expected {spec.describe()}") from None


def _shown(value: Any) -> str:
    """Return a value of the request as JSON, cut."""
    return json.dumps(value, ensure_ascii=False)[:40]


def _elements(shape: Sequence[int]) -> int:
    """Return the product in Python's integers, which have no end."""
    product = 1
    for dim in shape:
        product *= dim
    return product


def _flat(data: list[Any]) -> list[Any]:
    """Return the values of nested lists in row-major order; the protocol takes them flat or nested."""
    while any(isinstance(item, list) for item in data):
        data = [value for item in data for value in (item if isinstance(item, list) else [item])]
    return data


def _outputs(contract: Contract, document: _Request) -> dict[str, bool]:
    names = [spec.name for spec in contract.outputs]
    default = document.parameters.get("binary_data_output") is True
    if not document.outputs:
        return dict.fromkeys(names, default)
    wanted: dict[str, bool] = {}
    for one in document.outputs:
        if one.name not in names or one.name in wanted:
            raise RefusalError(_BAD, f"outputs: got {quoted(one.name)}, expected some of {', '.join(names)}, each once")
        wanted[one.name] = one.parameters.get("binary_data", default) is True
    return wanted


def _timeout_s(parameters: Mapping[str, Any]) -> float:
    """Return the request's own deadline: `timeout` in microseconds."""
    timeout = parameters.get("timeout", 0)
    if isinstance(timeout, bool) or not isinstance(timeout, int) or timeout < 0:
        raise RefusalError(_BAD, f"parameters: timeout: got {_shown(timeout)}, expected microseconds")
    return timeout / 1e6
