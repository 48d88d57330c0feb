"""The answers of the Open Inference Protocol to HTTP, and what gRPC asks for; they come from replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from torchferry.bundle.reader import open_bundle
from torchferry.errors import FerryError
from torchferry.proof.diff_engines import diff
from torchferry.proof.proven import open_proven
from torchferry.serve.catalogue import Catalogue
from torchferry.serve.cluster import Replicas
from torchferry.serve.http import JSON, LENGTH_HEADER, json_bytes, json_response, read_body, read_parameters
from torchferry.serve.log import RequestLog
from torchferry.serve.metrics import Metrics
from torchferry.serve.refusal import RefusalError, too_large
from torchferry.serve.replica import Outputs
from torchferry.serve.request import Asked, read_request
from torchferry.serve.response import model_metadata, server_metadata, write_answer
from torchferry.serve.served import Limits, Served, Watch, choose

_MOST_REPEATED = 4  # calls that wait for a shadow; more are dropped and counted


class Front:
    """One per server: it knows the versions."""

    def __init__(self, served: Sequence[Served], limits: Limits, repositories: Sequence[str], watch: Watch | None = None) -> None:
        """`repositories`: folders from which a client may load new versions."""
        self._watch = watch or Watch()
        self._catalogue, self._limits, self._metrics = Catalogue(served), limits, Metrics()
        self._replicas = Replicas(limits)
        self._repositories = [Path(path).resolve() for path in repositories]
        self._change = asyncio.Lock()
        self.log = RequestLog(self._watch.log, lost=self._metrics.log_lost)
        self._answers = 0
        self._repeats: set[asyncio.Task[None]] = set()

    async def live(self, _request: Request) -> Response:
        """Answer at once: the server runs."""
        return json_response({"live": True})

    async def ready(self, _request: Request) -> Response:
        """Answer 200 where every model's active version has proven itself, else 503."""
        is_ready = await self.are_ready()
        return json_response({"ready": is_ready}, HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE)

    async def server(self, _request: Request) -> Response:
        """Say what this server is."""
        return json_response(server_metadata())

    async def metadata(self, request: Request) -> Response:
        """Say what a model takes and gives."""
        return json_response(self.about(self._find(request)))

    async def model_ready(self, request: Request) -> Response:
        """Answer 200 where a version has proven itself, else 503."""
        served = self._find(request)
        is_ready = await self._is_ready(served)
        return json_response(
            {"name": served.name, "ready": is_ready}, HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        )

    async def infer(self, request: Request) -> Response:
        """Answer one call."""
        served = self._find(request)
        body, at = await read_body(request, self._limits.body_bytes), json_bytes(request)
        asked, outputs = await self.answer(served, body, at)
        answer = write_answer(served.contract, served.name, served.version, asked, outputs)
        if answer.json_bytes is None:
            return Response(answer.body, media_type=JSON)
        return Response(answer.body, headers={LENGTH_HEADER: str(answer.json_bytes)}, media_type="application/octet-stream")

    async def answer(self, served: Served, body: bytes, json_bytes: int | None) -> tuple[Asked, Outputs]:
        """Return what a body asks for and the outputs [N, ...] by name; counted and timed. Raises RefusalError."""
        self.log.note(version=served.version, engine=served.chosen.engine, bytes=len(body))
        try:
            with self._metrics.timed(served.name, served.version):
                if len(body) > self._limits.body_bytes:  # over HTTP it was not read so far; gRPC has no limit of its own
                    raise too_large(self._limits.body_bytes)
                asked = read_request(served.contract, body, json_bytes)
                outputs = await self._run(served, asked)
        except RefusalError as error:
            self._metrics.count(served.name, served.version, error.status)
            raise
        rows = max((len(array) for array in asked.inputs.values() if array.ndim), default=1)
        self._metrics.count(served.name, served.version, HTTPStatus.OK, rows)
        self.log.note(rows=rows)
        self._repeat_some(served, asked, outputs)
        return asked, outputs

    def find(self, name: str, version: str) -> Served:
        """Return a version of a model, the active one for "". Raises RefusalError(404)."""
        return self._catalogue.find(name, version or None)

    def about(self, served: Served) -> dict[str, Any]:
        """Return the metadata of a version."""
        versions = self._catalogue.versions(served.name)
        return model_metadata(
            served.contract, served.name, served.version, versions, {**served.about, "joined": self._limits.joining.describe()}
        )

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
        return json_response(rows)

    async def load(self, request: Request) -> Response:
        """Load a new version of a model: proven, compared with the active one, then switched to."""
        given = read_parameters(await read_body(request, 2**20))
        async with self._change:
            return json_response(await asyncio.to_thread(self._load, request.path_params["name"], given))

    async def roll_back(self, request: Request) -> Response:
        """Go back to the version before the active one, which still runs."""
        async with self._change:
            served = self._catalogue.roll_back(request.path_params["name"])
        return json_response({"name": served.name, "version": served.version})

    async def _run(self, served: Served, asked: Asked) -> Outputs:
        if not await self._replicas.is_ready(served, now=False):
            raise RefusalError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"model {served.name}: version {served.version} has not proven itself yet; try again later",
            )
        deadline_s = min(asked.timeout_s or self._limits.deadline_s, self._limits.deadline_s)
        return await self._replicas.call(served, asked.inputs, deadline_s)

    def _repeat_some(self, served: Served, asked: Asked, outputs: Outputs) -> None:
        """Let the shadow repeat one call of `every`, beside the answers."""
        self._answers += 1
        shadow = self._watch.shadow
        if shadow is None or self._answers % self._watch.every:
            return
        if len(self._repeats) >= _MOST_REPEATED:
            self._metrics.shadowed(served.name, served.version, shadow, "dropped")
            return
        task = asyncio.create_task(self._repeat(served, shadow, asked, outputs))
        self._repeats.add(task)
        task.add_done_callback(self._repeats.discard)

    async def _repeat(self, served: Served, shadow: str, asked: Asked, outputs: Outputs) -> None:
        found = await self._replicas.repeat(served, asked.inputs, outputs)
        if isinstance(found, str):
            self._metrics.shadowed(served.name, served.version, shadow, "failed")
            return
        for one in found:
            self._metrics.shadow_differs(served.name, served.version, shadow, one.output, float(one.max_abs))
        result = "within" if all(one.passed for one in found) else "outside"
        self._metrics.shadowed(served.name, served.version, shadow, result)

    def _load(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Do what `load` says, without the event loop."""
        before = self._catalogue.find(name)
        path = self._allowed(given.get("bundle"))
        try:
            chosen, version = before.chosen, self._catalogue.next_version(name)
            engine = str(given.get("engine", chosen.engine))
            served = choose(str(path), version, chosen.where, engine=engine, trust=chosen.trust, joining=self._limits.joining)
            if served.name != name:
                raise RefusalError(HTTPStatus.BAD_REQUEST, f"{path}: got bundle {served.name}, expected {name}")
            differences = _compared(before, served)
            if given.get("require_same") is True and not all(one["within_tolerance"] for one in differences):
                raise RefusalError(
                    HTTPStatus.CONFLICT,
                    f"model {name}: got other answers than version {before.version} on its goldens, expected the same",
                )
            self._replicas.start(served, self._watch.shadow)
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
