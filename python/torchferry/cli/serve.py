"""`ferry serve`: bundles behind the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from torchferry.cli.console import say
from torchferry.cli.options import AllowOp, OneEngine, RequireSignature, TrustPaths, trust_of
from torchferry.cli.session_options import AllowNative, Device, Threads, where_of
from torchferry.errors import ExitCode, FerryError
from torchferry.serve.served import Limits, choose
from torchferry.serve.server import Place, numbered, require_serve, run_server

Bundles = Annotated[
    list[str],
    typer.Argument(
        metavar="BUNDLE...", help="Folders of bundles, or one file each; of one name: versions 1, 2 ...", show_default=False
    ),
]


def serve(
    bundles: Bundles,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0: every one of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of HTTP.")] = 8000,
    grpc_port: Annotated[int | None, typer.Option(help="Port of gRPC [default: no gRPC].", show_default=False)] = None,
    ray_address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Ray cluster [default: this machine].", show_default=False)
    ] = None,
    replicas: Annotated[int, typer.Option(help="Replicas of each version.")] = 1,
    queue: Annotated[int, typer.Option(help="Requests that may wait for one model; more get 503.")] = 64,
    deadline: Annotated[float, typer.Option(metavar="SECONDS", help="The longest time for an answer; then 504.")] = 30.0,
    max_bytes: Annotated[int, typer.Option(help="The largest request; a larger one gets 413.")] = 64 * 2**20,
    repository: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER", help="Clients may load new versions from here; may be repeated.", show_default=False),
    ] = None,
    engine: OneEngine = None,
    device: Device = "cpu",
    threads: Threads = 1,
    allow_native: AllowNative = False,
    allow_op: AllowOp = None,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> None:
    """Answer requests over HTTP and gRPC; a version is ready when its goldens passed on its replica."""
    _require_positive({"--replicas": replicas, "--queue": queue, "--max-bytes": max_bytes, "--deadline": deadline})
    require_serve(speaks_grpc=grpc_port is not None)
    where, asked = where_of(device, threads, allow_native, allow_op), trust_of(trust, require_signature)
    served = numbered([choose(path, "", where, engine=engine, trust=asked) for path in bundles])
    limits = Limits(max_bytes, deadline, queue, replicas)
    run_server(served, Place(host, port, grpc_port, ray_address), limits, repository or (), tell=_tell)


def _tell(line: str) -> None:
    say(f"serve: {line}", err=True)


def _require_positive(options: Mapping[str, float]) -> None:
    for option, value in options.items():
        if not value > 0:
            raise FerryError(ExitCode.USAGE, f"{option}: got {value}, expected more than 0")
