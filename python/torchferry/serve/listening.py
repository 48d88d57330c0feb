"""Where clients come in: HTTP and gRPC in a thread of the server's own process, which asks the replicas through Ray.

Ray Serve's own proxy would carry each request to an actor first, which took two thirds of the time of a small one.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import uvicorn

from torchferry.errors import ExitCode, FerryError
from torchferry.serve.front import Front
from torchferry.serve.http_routes import http_app
from torchferry.serve.served import Place

_KEPT_S = 60  # a connection without a request
_GRACE_S = 5  # for what is being answered when the server is told to stop
_BACKLOG = 2048


@contextmanager
def listening(front: Front, place: Place, most_bytes: int) -> Iterator[threading.Event]:
    """Answer clients while the block runs; `most_bytes`: of a body. Yields what is set where that ends by itself.

    Raises FerryError(IO) for a port that is not free.
    """
    ended = threading.Event()
    with _bound(place.host, place.port, "--port") as taken:
        started: Future[Callable[[], object]] = Future()

        def answer() -> None:
            try:
                asyncio.run(_answer(front, place, most_bytes, taken, started))
            except BaseException as error:  # whatever it is: who waits for the start must hear of it
                if started.done():
                    raise
                started.set_exception(error)
            finally:
                ended.set()

        clients = threading.Thread(target=answer, name="clients", daemon=True)
        clients.start()
        stop = started.result()
        try:
            yield ended
        finally:
            if not ended.is_set():
                stop()
            clients.join(2 * _GRACE_S)


async def _answer(
    front: Front, place: Place, most_bytes: int, taken: socket.socket, started: Future[Callable[[], object]]
) -> None:
    """Answer clients until told to stop; `started` gets the function that tells it. Raises FerryError(IO)."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    spoken = None if place.grpc_port is None else await _speak(front, place, place.grpc_port, most_bytes)
    options = {"lifespan": "off", "log_config": None, "access_log": False}
    config = uvicorn.Config(
        http_app(front),
        timeout_keep_alive=_KEPT_S,
        timeout_graceful_shutdown=_GRACE_S,
        **options,  # type: ignore[arg-type]
    )
    server = uvicorn.Server(config)
    answering = asyncio.create_task(server.serve(sockets=[taken]))
    started.set_result(lambda: loop.call_soon_threadsafe(stop.set))
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({told, answering}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await answering
    if spoken is not None:
        await spoken.stop(_GRACE_S)


def require_free(place: Place) -> None:
    """Refuse ports that somebody listens at, before anything is started. Raises FerryError(IO)."""
    _bound(place.host, place.port, "--port").close()
    if place.grpc_port is not None:
        _bound(place.host, place.grpc_port, "--grpc-port").close()


def _bound(host: str, port: int, option: str) -> socket.socket:
    """Return a socket that listens. Raises FerryError(IO)."""
    taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not of connections that have just ended
        taken.bind((host, port))
        taken.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        taken.close()
        raise _unheard(host, error, option, port) from None
    return taken


async def _speak(front: Front, place: Place, port: int, most_bytes: int) -> Any:
    """Return a server of gRPC that answers. Raises FerryError(IO)."""
    from grpc import aio

    from torchferry.serve.grpc_routes import add_front

    limit = most_bytes + 2**20  # a message is a little more than its tensors; `Front.answer` tells what is too large
    server = aio.server(options=(("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", min(limit, 2**31 - 1))))
    add_front(front, server)
    try:
        server.add_insecure_port(f"[{place.host}]:{port}" if ":" in place.host else f"{place.host}:{port}")
        await server.start()
    except (RuntimeError, OverflowError) as error:
        raise _unheard(place.host, error, "--grpc-port", port) from None
    return server


def _unheard(host: str, error: Exception, option: str, port: int) -> FerryError:
    words = " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
    return FerryError(ExitCode.IO, f"{option}: got {port} on {host}, expected to listen there ({words}); choose another")
