"""Answers and metadata of the Open Inference Protocol, out of the contract."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchferry.bundle.contract import Array, Contract, TensorSpec
from torchferry.bundle.dtype import descr
from torchferry.serve.datatype import datatype_of
from torchferry.serve.request import Asked
from torchferry.version import VERSION

EXTENSIONS = ("binary_tensor_data", "model_repository")


@dataclass(frozen=True)
class Answer:
    """A body, and where its JSON ends and its tensors begin; None: all is JSON."""

    body: bytes
    json_bytes: int | None


def server_metadata() -> dict[str, Any]:
    """Return what `GET /v2` says."""
    return {"name": "torchferry", "version": VERSION, "extensions": list(EXTENSIONS)}


def model_metadata(contract: Contract, name: str, version: str, versions: list[str], about: Mapping[str, str]) -> dict[str, Any]:
    """Return what `GET /v2/models/NAME` says: tensors with the batch as -1, ranges, units and class names as parameters."""
    return {
        "name": name,
        "versions": versions,
        "platform": f"torchferry_{about['engine']}",
        "inputs": [_tensor(contract, spec) for spec in contract.inputs],
        "outputs": [_tensor(contract, spec) for spec in contract.outputs],
        "parameters": {**about, "version": version, "samples": contract.samples},
    }


def _tensor(contract: Contract, spec: TensorSpec) -> dict[str, Any]:
    shape = [dim if isinstance(dim, int) else -1 for dim in spec.shape]
    said: dict[str, Any] = {"range": spec.range, "unit": spec.unit, "channels": spec.channels, "rate": spec.rate}
    if contract.classes is not None and contract.classes.output == spec.name:
        said["classes"] = list(contract.classes.names)
    parameters = {key: value for key, value in said.items() if value is not None}
    return {"name": spec.name, "datatype": datatype_of(spec.dtype), "shape": shape, "parameters": parameters}


def write_answer(contract: Contract, name: str, version: str, asked: Asked, outputs: Mapping[str, Array]) -> Answer:
    """Return the wanted outputs [N, ...] in the order of the contract, each as JSON or as bytes."""
    tensors, binary = [], []
    for spec in contract.outputs:
        if spec.name not in asked.outputs:
            continue
        array = outputs[spec.name]
        tensor: dict[str, Any] = {"name": spec.name, "datatype": datatype_of(spec.dtype), "shape": list(array.shape)}
        parameters = _class_names(contract, spec, array)
        if asked.outputs[spec.name]:
            binary.append(np.asarray(array, descr(spec.dtype), order="C").tobytes())
            parameters["binary_data_size"] = len(binary[-1])
        else:
            tensor["data"] = [_json_number(value) for value in array.ravel().tolist()]
        tensors.append({**tensor, **({"parameters": parameters} if parameters else {})})
    document: dict[str, Any] = {"model_name": name, "model_version": version, "outputs": tensors}
    if asked.id is not None:
        document["id"] = asked.id
    head = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    return Answer(head + b"".join(binary), len(head) if binary else None)


def _class_names(contract: Contract, spec: TensorSpec, array: Array) -> dict[str, Any]:
    """Return the names of the classes that were chosen, in the order of the values."""
    classes = contract.classes
    if classes is None or classes.output != spec.name or classes.problem(array) is not None:
        return {}
    return {"classes": [classes.names[index] for index in array.ravel().tolist()]}


def _json_number(value: Any) -> Any:
    """Return the number that JSON can hold; what is not finite as a text, as `predict` writes it."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value
