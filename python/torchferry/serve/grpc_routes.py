"""The same answers over gRPC: each message becomes the request that HTTP would bring, so that one place holds it to the contract.

The messages are those of tritonclient: its stubs are the protocol's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc import service_pb2_grpc

from torchferry.bundle.dtype import descr
from torchferry.serve.datatype import datatype_of
from torchferry.serve.front import Front
from torchferry.serve.log import REQUEST_ID
from torchferry.serve.refusal import RefusalError
from torchferry.serve.response import EXTENSIONS, server_metadata

_CONTENTS = (
    "bool_contents",
    "int_contents",
    "int64_contents",
    "uint_contents",
    "uint64_contents",
    "fp32_contents",
    "fp64_contents",
)
_CODES = {
    HTTPStatus.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    HTTPStatus.NOT_IMPLEMENTED: grpc.StatusCode.UNIMPLEMENTED,
}


async def server_live(_front: Front, _message: Any) -> Any:
    """Answer at once: the server runs."""
    return messages.ServerLiveResponse(live=True)


async def server_ready(front: Front, _message: Any) -> Any:
    """Say whether every model's active version has proven itself."""
    return messages.ServerReadyResponse(ready=await front.are_ready())


async def model_ready(front: Front, message: Any) -> Any:
    """Say whether a version has proven itself."""
    return messages.ModelReadyResponse(ready=await front.are_ready([front.find(message.name, message.version)]))


async def server_about(_front: Front, _message: Any) -> Any:
    """Say what this server is."""
    said = server_metadata()
    return messages.ServerMetadataResponse(name=said["name"], version=said["version"], extensions=EXTENSIONS)


async def model_about(front: Front, message: Any) -> Any:
    """Say what a model takes and gives."""
    said = front.about(front.find(message.name, message.version))
    tensors = {
        kind: [
            messages.ModelMetadataResponse.TensorMetadata(**{key: one[key] for key in ("name", "datatype", "shape")})
            for one in said[kind]
        ]
        for kind in ("inputs", "outputs")
    }
    return messages.ModelMetadataResponse(name=said["name"], versions=said["versions"], platform=said["platform"], **tensors)


async def model_infer(front: Front, message: Any) -> Any:
    """Answer one call; the outputs are bytes."""
    served = front.find(message.model_name, message.model_version)
    head, raw = json.dumps(_document(message)).encode(), list(message.raw_input_contents)
    asked, outputs = await front.answer(served, head + b"".join(raw), len(head))
    answer = messages.ModelInferResponse(model_name=served.name, model_version=served.version, id=message.id)
    for spec in served.contract.outputs:
        if spec.name in asked.outputs:
            array = outputs[spec.name]
            answer.outputs.add(name=spec.name, datatype=datatype_of(spec.dtype), shape=array.shape)
            answer.raw_output_contents.append(np.asarray(array, descr(spec.dtype), order="C").tobytes())
    return answer


ROUTES: dict[str, Callable[[Front, Any], Any]] = {
    "ServerLive": server_live,
    "ServerReady": server_ready,
    "ModelReady": model_ready,
    "ServerMetadata": server_about,
    "ModelMetadata": model_about,
    "ModelInfer": model_infer,
}


_NOT_SPOKEN = f"got a method that is not served, expected one of {', '.join(ROUTES)}"


async def not_spoken(_front: Front, _message: Any) -> Any:
    """Raise RefusalError(501): a method of Triton's extensions that this server does not have."""
    raise RefusalError(HTTPStatus.NOT_IMPLEMENTED, _NOT_SPOKEN)


def add_front(front: Front, server: grpc.aio.Server) -> None:
    """Let a server answer every method of the service: without a route, gRPC would answer with its own words."""
    service = messages.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    methods = {
        one.name: _not_streamed if one.client_streaming else _spoken(front, one.name, ROUTES.get(one.name, not_spoken))
        for one in service.methods
    }
    servicer = type("Servicer", (service_pb2_grpc.GRPCInferenceServiceServicer,), methods)()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)


async def _not_streamed(_servicer: Any, _messages: Any, context: Any) -> None:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, _NOT_SPOKEN)


def _spoken(front: Front, name: str, route: Callable[[Front, Any], Any]) -> Any:
    """Return a method that answers a refusal with its code and its line."""

    async def answer(_servicer: Any, message: Any, context: Any) -> Any:
        try:
            if name != "ModelInfer":
                return await route(front, message)
            return await _logged(front, route, message, context)
        except RefusalError as error:
            context.set_code(_CODES.get(HTTPStatus(error.status), grpc.StatusCode.INTERNAL))
            context.set_details(str(error))
            return getattr(messages, f"{name}Response")()

    return answer


async def _logged(front: Front, route: Callable[[Front, Any], Any], message: Any, grpc_context: Any) -> Any:
    """Answer a call, and note it. The protocol's `id` names the request where no metadata does."""
    headers = {str(key): str(value) for key, value in grpc_context.invocation_metadata()}
    headers.setdefault(REQUEST_ID, message.id)
    names = {"name": message.model_name, "version": message.model_version}
    with front.log.entry("grpc", "infer", headers, names) as entry:
        try:
            answer = await route(front, message)
        except RefusalError as error:
            entry.status = error.status
            front.log.note(error=str(error))
            raise
        entry.status = HTTPStatus.OK
        return answer


def _document(message: Any) -> dict[str, Any]:
    """Return what JSON over HTTP would say. Raises RefusalError where some tensors are raw and others are not."""
    raw = message.raw_input_contents
    if raw and len(raw) != len(message.inputs):
        raise RefusalError(
            HTTPStatus.BAD_REQUEST,
            f"raw_input_contents: got {len(raw)} for {len(message.inputs)} inputs, expected one each, or none",
        )
    inputs = []
    for index, one in enumerate(message.inputs):
        tensor: dict[str, Any] = {"name": one.name, "datatype": one.datatype, "shape": list(one.shape)}
        inputs.append(
            {**tensor, **({"parameters": {"binary_data_size": len(raw[index])}} if raw else {"data": _values(one.contents)})}
        )
    document: dict[str, Any] = {"inputs": inputs, "outputs": [{"name": one.name} for one in message.outputs]}
    if "timeout" in message.parameters:
        document["parameters"] = {"timeout": message.parameters["timeout"].int64_param}
    return document


def _values(contents: Any) -> list[Any]:
    """Return the values of the one field that has some."""
    return list(_filled(contents))


def _filled(contents: Any) -> Iterator[Any]:
    for field in _CONTENTS:
        yield from getattr(contents, field)
