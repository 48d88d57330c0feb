"""A server: the front in this process and one application of Ray Serve for each version, until it is told to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torchferry.errors import ExitCode, FerryError
from torchferry.extras import named_extras
from torchferry.local_ray import start_ray
from torchferry.serve.catalogue import Catalogue
from torchferry.serve.refusal import RefusalError
from torchferry.serve.served import Limits, Place, Served, Watch

_SURROUNDINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",  # Ray's own is 15: whatever else runs here would come before the answers
}
_STOPPING = (signal.SIGTERM, signal.SIGINT)
_STORE_BYTES = 256 * 2**20  # requests and answers go through it


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
        import prometheus_client  # noqa: F401
        import ray.serve  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401

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

    from torchferry.serve.cluster import NO_ACCESS_LOG, Replicas
    from torchferry.serve.front import Front
    from torchferry.serve.listening import listening, require_free

    require_free(place)
    front = Front(served, limits, repositories, watch)
    try:
        with contextlib.suppress(_StoppedError):
            _connect(ray, place, limits, len(served))
            for number in _STOPPING:  # Ray has just taken them for itself
                signal.signal(number, _stop)
            serve.start(proxy_location="Disabled", logging_config=NO_ACCESS_LOG)
            with listening(front, place, limits.body_bytes) as ended:
                also = "" if place.grpc_port is None else f", gRPC at {place.host}:{place.grpc_port}"
                tell(f"live at http://{place.host}:{place.port}{also}")
                _start(Replicas(limits), served, watch.shadow, tell)
                ended.wait()
                raise FerryError(
                    ExitCode.IO,
                    f"--port {place.port}: got an end of the server for clients, expected it to go on; start it again",
                )
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
