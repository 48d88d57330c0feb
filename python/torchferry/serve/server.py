"""A server: Ray Serve with the front and one application for each version, until it is told to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torchferry.errors import ExitCode, FerryError
from torchferry.extras import named_extras
from torchferry.local_ray import start_ray
from torchferry.serve.catalogue import Catalogue
from torchferry.serve.refusal import RefusalError
from torchferry.serve.served import Limits, Served, Watch

_SERVICER = "torchferry.serve.grpc_routes.add_servicer"
# Of Ray. A busy machine starts its proxy in more than the 5 seconds after which Ray Serve kills it and begins again.
_SURROUNDINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",  # Ray's own is 15: whatever else runs here would come before the answers
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "120",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
}
_STOPPING = (signal.SIGTERM, signal.SIGINT)
_PATIENCE = 5  # times that Ray Serve waits for its proxy, a minute each
_STORE_BYTES = 256 * 2**20  # requests and answers go through it


@dataclass(frozen=True)
class Place:
    """Where the server listens, for gRPC only where a port is given, and where Ray runs: None: on this machine alone."""

    host: str
    port: int
    grpc_port: int | None = None
    ray_address: str | None = None


def numbered(found: Sequence[Served]) -> list[Served]:
    """Return them with the versions 1, 2 ... of each name, in their order."""
    catalogue, numbered = Catalogue(()), []
    for one in found:
        served = replace(one, version=catalogue.next_version(one.name))
        catalogue.add(served)
        numbered.append(served)
    return numbered


def require_serve(*, speaks_grpc: bool) -> None:
    """Import what serving needs. Raises FerryError(UNAVAILABLE) with what to type where it is not installed."""
    for name, value in _SURROUNDINGS.items():
        os.environ.setdefault(name, value)
    for name in ("ray.serve", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with named_extras("ferry serve", "serve"):
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import ray.serve  # noqa: F401

        if speaks_grpc:
            import tritonclient.grpc  # noqa: F401


def run_server(
    served: Sequence[Served],
    place: Place,
    limits: Limits,
    repositories: Sequence[str],
    watch: Watch,
    *,
    tell: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT; `tell` gets one line for each thing that happens. Raises FerryError(UNAVAILABLE, IO)."""
    require_serve(speaks_grpc=place.grpc_port is not None)
    import ray
    from ray import serve

    from torchferry.serve.cluster import Replicas

    if place.ray_address is None:
        _require_free(place)
    try:
        with contextlib.suppress(_StoppedError):
            _connect(ray, place, limits, len(served))
            for number in _STOPPING:  # Ray has just taken them for itself
                signal.signal(number, _stop)
            _listen(serve, place)
            front = _front(serve, served, limits, repositories, watch, speaks_grpc=place.grpc_port is not None)
            serve.run(front, name="ferry", route_prefix="/")
            also = "" if place.grpc_port is None else f", gRPC at {place.host}:{place.grpc_port}"
            tell(f"live at http://{place.host}:{place.port}{also}")
            _start(Replicas(limits), served, watch.shadow, tell)
            threading.Event().wait()
    finally:
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)
        serve.shutdown()
        ray.shutdown()


class _StoppedError(BaseException):
    """The server is told to stop, in whatever it does: a start can take minutes."""


def _stop(*_: object) -> None:
    raise _StoppedError


def _start(replicas: Any, served: Sequence[Served], shadow: str | None, tell: Callable[[str], None]) -> None:
    """Start each version, and tell whether it is ready."""
    for one in served:
        try:
            replicas.start(one, shadow)
            tell(f"ready: {one.name} version {one.version}, engine {one.chosen.engine}: its goldens passed")
        except RefusalError as error:
            tell(f"not ready: {error}")


def _require_free(place: Place) -> None:
    """Refuse ports that somebody listens at: Ray's proxy would share them, and each would get some of the requests. Raises FerryError(IO)."""
    for option, port in (("--port", place.port), ("--grpc-port", place.grpc_port)):
        if port is None:
            continue
        try:
            with socket.socket() as free:
                free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not of connections that have just ended
                free.bind((place.host, port))
        except (OSError, OverflowError) as error:
            raise _unheard(place, error, option, port) from None


def _connect(ray: Any, place: Place, limits: Limits, models: int) -> None:
    processors = max(os.cpu_count() or 1, limits.replicas * models + 2)
    start_ray(
        ray,
        place.ray_address,
        processors=processors,
        store_bytes=_STORE_BYTES,
        if_named="start it",
        if_own="try again when the machine is less busy",
    )


def _listen(serve: Any, place: Place) -> None:
    from torchferry.serve.cluster import NO_ACCESS_LOG

    spoken = None if place.grpc_port is None else {"port": place.grpc_port, "grpc_servicer_functions": [_SERVICER]}
    for left in reversed(range(_PATIENCE)):
        try:
            serve.start(http_options={"host": place.host, "port": place.port}, grpc_options=spoken, logging_config=NO_ACCESS_LOG)
            return
        except TimeoutError as error:  # a busy machine: the proxy goes on starting
            if not left:
                raise _unheard(place, error, "--port", place.port) from None
        except (RuntimeError, OSError) as error:
            raise _unheard(place, error, "--port", place.port) from None


def _unheard(place: Place, error: Exception, option: str, port: int) -> FerryError:
    words = " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
    return FerryError(ExitCode.IO, f"{option}: got {port} on {place.host}, expected to listen there ({words}); choose another")


def _front(
    serve: Any, served: Sequence[Served], limits: Limits, repositories: Sequence[str], watch: Watch, *, speaks_grpc: bool
) -> Any:
    from fastapi import FastAPI
    from starlette.exceptions import HTTPException

    from torchferry.serve.cluster import NO_ACCESS_LOG
    from torchferry.serve.front import ROUTES, Front
    from torchferry.serve.http import answered, no_route

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(HTTPException, no_route)
    methods = {name: answered(name, getattr(Front, name)) for _, _, name in ROUTES}
    routed = type("Front", (Front,), {**methods, **(_grpc_methods() if speaks_grpc else {})})
    for verb, path, name in ROUTES:
        app.add_api_route(path, methods[name], methods=[verb], response_model=None)
    deployment = serve.deployment(serve.ingress(app)(routed)).options(
        name="front", max_ongoing_requests=1024, ray_actor_options={"num_cpus": 0}, logging_config=NO_ACCESS_LOG
    )
    return deployment.bind(list(served), limits, list(repositories), watch)


def _grpc_methods() -> dict[str, Any]:
    from torchferry.serve.grpc_routes import all_routes, spoken

    return {name: spoken(name, route) for name, route in all_routes().items()}
