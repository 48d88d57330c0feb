"""What every route of HTTP shares: bodies, documents, refusals, and the line that the log gets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import wraps
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from torchferry.bundle.strict_json import JsonError, parse_strictly
from torchferry.serve.log import REQUEST_ID, Entry
from torchferry.serve.refusal import RefusalError, too_large
from torchferry.serve.trace import TRACEPARENT

LENGTH_HEADER = "Inference-Header-Content-Length"
JSON = "application/json"
_LOGGED = frozenset({"infer", "load", "roll_back"})  # not the probes of health, which come every second


def answered(name: str, route: Any) -> Any:
    """Return a route that answers a refusal with its status and its line, and writes the log where requests are logged."""

    @wraps(route)
    async def answer(self: Any, request: Request) -> Response:
        if name not in _LOGGED:
            return await _answer(self, route, request)
        with self.log.entry("http", name, request.headers, request.path_params) as entry:
            response = await _answer(self, route, request)
            entry.status = response.status_code
            response.headers.update(_said(entry))
        return response

    # FastAPI reads the signature where the names of this module are not known: in a replica.
    answer.__annotations__ = {"request": Request, "return": Response}
    vars(answer).pop("__wrapped__")
    return answer


async def _answer(front: Any, route: Any, request: Request) -> Response:
    try:
        found: Response = await route(front, request)
        return found
    except RefusalError as error:
        front.log.note(error=str(error))
        headers = {"Retry-After": "1"} if error.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        return json_response({"error": str(error)}, error.status, headers)


async def no_route(request: Request, error: Any) -> Response:
    """Answer a path or a method that is no route, in the form of the protocol: its clients read the key `error`."""
    said = f"{request.method} {request.url.path[:200]}: got no such route, expected one of the Open Inference Protocol"
    return json_response({"error": said}, error.status_code)


def _said(entry: Entry) -> dict[str, str]:
    """Return the headers by which a client finds its line of the log."""
    return {REQUEST_ID: entry.request_id, TRACEPARENT: entry.trace.header}


def json_response(document: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Return a document as the body of a response."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return Response(body, status_code=int(status), headers=dict(headers or {}), media_type=JSON)


async def read_body(request: Request, most: int) -> bytes:
    """Read a body. Raises RefusalError(413) once it has more bytes than `most`."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise too_large(most)
    return bytes(body)


def json_bytes(request: Request) -> int | None:
    """Return where the JSON of a body ends; None: all is JSON. Raises RefusalError(400)."""
    text = request.headers.get(LENGTH_HEADER)
    if text is not None and not (text.isascii() and text.isdigit() and len(text) < 16):
        raise RefusalError(HTTPStatus.BAD_REQUEST, f"{LENGTH_HEADER}: got {text!r:.40}, expected a number of bytes")
    return None if text is None else int(text)


def read_parameters(body: bytes) -> Mapping[str, Any]:
    """Return the parameters of a body of JSON; an empty body has none. Raises RefusalError(400)."""
    try:
        document = parse_strictly(body or b"{}")
    except JsonError as error:
        raise RefusalError(HTTPStatus.BAD_REQUEST, f"request: {error}") from None
    found = document.get("parameters", {}) if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise RefusalError(HTTPStatus.BAD_REQUEST, "request: got no parameters, expected an object with them")
    return found
