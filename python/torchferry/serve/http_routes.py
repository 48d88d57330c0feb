"""The routes over HTTP: each refusal has its status and its line, and the log gets a line of each request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from torchferry.serve.front import Front
from torchferry.serve.http import json_response
from torchferry.serve.log import REQUEST_ID, Entry
from torchferry.serve.refusal import RefusalError
from torchferry.serve.trace import TRACEPARENT

_LOGGED = frozenset({"infer", "load", "roll_back"})  # not the probes of health, which come every second
ROUTES = (
    ("GET", "/v2", "server"),
    ("GET", "/v2/health/live", "live"),
    ("GET", "/v2/health/ready", "ready"),
    ("GET", "/v2/models/{name}", "metadata"),
    ("GET", "/v2/models/{name}/versions/{version}", "metadata"),
    ("GET", "/v2/models/{name}/ready", "model_ready"),
    ("GET", "/v2/models/{name}/versions/{version}/ready", "model_ready"),
    ("POST", "/v2/models/{name}/infer", "infer"),
    ("POST", "/v2/models/{name}/versions/{version}/infer", "infer"),
    ("POST", "/v2/repository/index", "index"),
    ("POST", "/v2/repository/models/{name}/load", "load"),
    ("POST", "/v2/repository/models/{name}/rollback", "roll_back"),
    ("GET", "/metrics", "metrics"),
)


def http_app(front: Front) -> Starlette:
    """Return the application that answers the protocol's routes over HTTP."""
    routes = [Route(path, _answered(front, name), methods=[verb]) for verb, path, name in ROUTES]
    return Starlette(routes=routes, exception_handlers={HTTPException: no_route})


def _answered(front: Front, name: str) -> Callable[[Request], Awaitable[Response]]:
    """Return a route that answers a refusal with its status and its line, and writes the log where requests are logged."""
    route = getattr(front, name)

    async def answer(request: Request) -> Response:
        if name not in _LOGGED:
            return await _answer(front, route, request)
        with front.log.entry("http", name, request.headers, request.path_params) as entry:
            response = await _answer(front, route, request)
            entry.status = response.status_code
            response.headers.update(_said(entry))
        return response

    return answer


async def _answer(front: Front, route: Any, request: Request) -> Response:
    try:
        found: Response = await route(request)
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
