"""The routes of the Open Inference Protocol. Ray Serve's proxy brings requests here; the answers come from replicas."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import wraps
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from torchferry.bundle.reader import open_bundle
from torchferry.bundle.strict_json import JsonError, parse_strictly
from torchferry.errors import FerryError
from torchferry.proof.diff_engines import diff
from torchferry.proof.proven import open_proven
from torchferry.serve.catalogue import Catalogue
from torchferry.serve.cluster import Replicas
from torchferry.serve.metrics import Metrics
from torchferry.serve.refusal import RefusalError
from torchferry.serve.replica import Outputs
from torchferry.serve.request import Asked, read_request
from torchferry.serve.response import model_metadata, server_metadata, write_answer
from torchferry.serve.served import Limits, Served, choose

_HEADER = "Inference-Header-Content-Length"
_JSON = "application/json"


class Front:
    """One per server: it knows the versions."""

    def __init__(self, served: Sequence[Served], limits: Limits, repositories: Sequence[str]) -> None:
        """`repositories`: folders from which a client may load new versions."""
        self._catalogue, self._limits, self._metrics = Catalogue(served), limits, Metrics()
        self._replicas = Replicas(limits)
        self._repositories = [Path(path).resolve() for path in repositories]
        self._change = asyncio.Lock()

    async def live(self, _request: Request) -> Response:
        """Answer at once: the server runs."""
        return _json({"live": True})

    async def ready(self, _request: Request) -> Response:
        """Answer 200 where every model's active version has proven itself, else 503."""
        is_ready = await self.are_ready()
        return _json({"ready": is_ready}, HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE)

    async def server(self, _request: Request) -> Response:
        """Say what this server is."""
        return _json(server_metadata())

    async def metadata(self, request: Request) -> Response:
        """Say what a model takes and gives."""
        return _json(self.about(self._find(request)))

    async def model_ready(self, request: Request) -> Response:
        """Answer 200 where a version has proven itself, else 503."""
        served = self._find(request)
        is_ready = await self._is_ready(served)
        return _json({"name": served.name, "ready": is_ready}, HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE)

    async def infer(self, request: Request) -> Response:
        """Answer one call."""
        served = self._find(request)
        body, at = await _body(request, self._limits.body_bytes), _json_bytes(request)
        asked, outputs = await self.answer(served, body, at)
        answer = write_answer(served.contract, served.name, served.version, asked, outputs)
        if answer.json_bytes is None:
            return Response(answer.body, media_type=_JSON)
        return Response(answer.body, headers={_HEADER: str(answer.json_bytes)}, media_type="application/octet-stream")

    async def answer(self, served: Served, body: bytes, json_bytes: int | None) -> tuple[Asked, Outputs]:
        """Return what a body asks for and the outputs [N, ...] by name; counted and timed. Raises RefusalError."""
        try:
            with self._metrics.timed(served.name, served.version):
                asked = read_request(served.contract, body, json_bytes)
                outputs = await self._run(served, asked)
        except RefusalError as error:
            self._metrics.count(served.name, served.version, error.status)
            raise
        rows = max((len(array) for array in asked.inputs.values() if array.ndim), default=1)
        self._metrics.count(served.name, served.version, HTTPStatus.OK, rows)
        return asked, outputs

    def find(self, name: str, version: str) -> Served:
        """Return a version of a model, the active one for "". Raises RefusalError(404)."""
        return self._catalogue.find(name, version or None)

    def about(self, served: Served) -> dict[str, Any]:
        """Return the metadata of a version."""
        versions = self._catalogue.versions(served.name)
        return model_metadata(served.contract, served.name, served.version, versions, served.about)

    async def are_ready(self, served: Sequence[Served] | None = None) -> bool:
        """Say whether these have proven themselves; None: the active version of every model, and that there is one."""
        asked = [self._catalogue.find(name) for name in self._catalogue.names()] if served is None else served
        states = [await self._is_ready(one) for one in asked]
        return bool(states) and all(states)

    async def metrics(self, _request: Request) -> Response:
        """Return the metrics."""
        for name in self._catalogue.names():
            for version in self._catalogue.versions(name):
                await self._is_ready(self._catalogue.find(name, version))
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")

    async def index(self, _request: Request) -> Response:
        """List every version and its state, as Triton's model repository extension does."""
        rows = []
        for name in self._catalogue.names():
            for version in self._catalogue.versions(name):
                is_ready = await self._is_ready(self._catalogue.find(name, version))
                rows.append({"name": name, "version": version, "state": "READY" if is_ready else "LOADING", "reason": ""})
        return _json(rows)

    async def load(self, request: Request) -> Response:
        """Load a new version of a model: proven, compared with the active one, then switched to."""
        given = _parameters(await _body(request, 2**20))
        async with self._change:
            return _json(await asyncio.to_thread(self._load, request.path_params["name"], given))

    async def roll_back(self, request: Request) -> Response:
        """Go back to the version before the active one, which still runs."""
        async with self._change:
            served = self._catalogue.roll_back(request.path_params["name"])
        return _json({"name": served.name, "version": served.version})

    async def _run(self, served: Served, asked: Asked) -> Outputs:
        if not await self._replicas.is_ready(served, now=False):
            raise RefusalError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"model {served.name}: version {served.version} has not proven itself yet; try again later",
            )
        deadline_s = min(asked.timeout_s or self._limits.deadline_s, self._limits.deadline_s)
        return await self._replicas.call(served, asked.inputs, deadline_s)

    def _load(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Do what `load` says, without the event loop."""
        before = self._catalogue.find(name)
        path = self._allowed(given.get("bundle"))
        try:
            chosen, version = before.chosen, self._catalogue.next_version(name)
            engine = str(given.get("engine", chosen.engine))
            served = choose(str(path), version, chosen.where, engine=engine, trust=chosen.trust)
            if served.name != name:
                raise RefusalError(HTTPStatus.BAD_REQUEST, f"{path}: got bundle {served.name}, expected {name}")
            differences = _compared(before, served)
            if given.get("require_same") is True and not all(one["within_tolerance"] for one in differences):
                raise RefusalError(
                    HTTPStatus.CONFLICT,
                    f"model {name}: got other answers than version {before.version} on its goldens, expected the same",
                )
            self._replicas.start(served)
        except FerryError as error:
            raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{error}; version {before.version} goes on answering") from None
        self._catalogue.add(served)
        self._catalogue.switch(served)
        for one in differences:
            self._metrics.differs(name, served.version, str(one["output"]), float(one["max_abs"]))
        return {"name": name, "version": served.version, "before": before.version, "differences": differences}

    def _allowed(self, bundle: object) -> Path:
        """Return the path of a bundle inside a repository. Raises RefusalError(403)."""
        path = Path(bundle).resolve() if isinstance(bundle, str) and bundle else None
        if path is None or not any(path.is_relative_to(folder) for folder in self._repositories):
            allowed = ", ".join(map(str, self._repositories)) or "none: the server was started without --repository"
            raise RefusalError(HTTPStatus.FORBIDDEN, f"bundle: got {bundle!r:.200}, expected one inside {allowed}")
        return path

    async def _is_ready(self, served: Served) -> bool:
        is_ready = await self._replicas.is_ready(served)
        self._metrics.proven(served.name, served.version, served.chosen.engine, is_ready)
        return is_ready

    def _find(self, request: Request) -> Served:
        return self._catalogue.find(request.path_params["name"], request.path_params.get("version"))


def _compared(before: Served, after: Served) -> list[dict[str, Any]]:
    """Prove the new version here, then run both on the goldens of the older one. Raises what open_proven and diff raise."""
    new, second = open_proven(after.chosen)
    old = open_bundle(before.chosen.bundle, trust=before.chosen.trust)
    found = diff(old, before.chosen.where.open(old, before.chosen.engine), second, other=new)
    return [{"output": one.output, "max_abs": float(one.max_abs), "within_tolerance": one.passed} for one in found.outputs]


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


def answered(route: Any) -> Any:
    """Return a route that answers a refusal with its status and its line."""

    @wraps(route)
    async def answer(self: Any, request: Request) -> Response:
        try:
            found: Response = await route(self, request)
            return found
        except RefusalError as error:
            headers = {"Retry-After": "1"} if error.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
            return _json({"error": str(error)}, error.status, headers)

    # FastAPI reads the signature where the names of this module are not known: in a replica.
    answer.__annotations__ = {"request": Request, "return": Response}
    vars(answer).pop("__wrapped__")
    return answer


def _json(document: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(document, ensure_ascii=False).encode()
    return Response(body, status_code=int(status), headers=dict(headers or {}), media_type=_JSON)


async def _body(request: Request, most: int) -> bytes:
    """Read a body. Raises RefusalError(413) once it has more bytes than `most`."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise RefusalError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"body: got more than {most} bytes, expected fewer; send the samples in several requests",
            )
    return bytes(body)


def _json_bytes(request: Request) -> int | None:
    text = request.headers.get(_HEADER)
    if text is not None and not (text.isascii() and text.isdigit() and len(text) < 16):
        raise RefusalError(HTTPStatus.BAD_REQUEST, f"{_HEADER}: got {text!r:.40}, expected a number of bytes")
    return None if text is None else int(text)


def _parameters(body: bytes) -> Mapping[str, Any]:
    try:
        document = parse_strictly(body or b"{}")
    except JsonError as error:
        raise RefusalError(HTTPStatus.BAD_REQUEST, f"request: {error}") from None
    found = document.get("parameters", {}) if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise RefusalError(HTTPStatus.BAD_REQUEST, "request: got no parameters, expected an object with them")
    return found
