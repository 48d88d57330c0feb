"""What every route of HTTP shares: bodies and documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from torchferry.bundle.strict_json import JsonError, parse_strictly
from torchferry.serve.refusal import RefusalError, too_large

LENGTH_HEADER = "Inference-Header-Content-Length"
JSON = "application/json"


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
