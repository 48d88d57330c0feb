"""`ferry serve`: bundles behind the Open Inference Protocol."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout

from torchferry.cli.console import say
from torchferry.cli.options import AllowOp, RequireSignature, TrustPaths, trust_of
from torchferry.cli.serve_options import (
    Bundles,
    Deadline,
    FastestEngine,
    GrpcPort,
    Host,
    Join,
    JoinKeeps,
    JoinWait,
    Log,
    MaxBytes,
    Port,
    Queue,
    RayAddress,
    Replicas,
    Repository,
    Shadow,
    ShadowEvery,
)
from torchferry.cli.session_options import AllowNative, Device, Threads, where_of
from torchferry.errors import ExitCode, FerryError
from torchferry.serve.joining import Joining, keeps_of
from torchferry.serve.served import Limits, Place, Watch, checked_watch, choose
from torchferry.serve.server import numbered, require_serve, run_server


def serve(
    bundles: Bundles,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    grpc_port: GrpcPort = None,
    ray_address: RayAddress = None,
    replicas: Replicas = 1,
    queue: Queue = 64,
    deadline: Deadline = 30.0,
    max_bytes: MaxBytes = 64 * 2**20,
    join: Join = 0,
    join_wait: JoinWait = 2.0,
    join_keeps: JoinKeeps = "bits",
    shadow: Shadow = None,
    shadow_every: ShadowEvery = 100,
    log: Log = None,
    repository: Repository = None,
    engine: FastestEngine = None,
    device: Device = "cpu",
    threads: Threads = 1,
    allow_native: AllowNative = False,
    allow_op: AllowOp = None,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> None:
    """Answer requests over HTTP and gRPC; a version is ready when its goldens passed on its replica."""
    _require_positive({"--replicas": replicas, "--queue": queue, "--max-bytes": max_bytes, "--deadline": deadline})
    _require_positive({"--shadow-every": shadow_every, "--join-wait": join_wait, "--join": join + 1})
    joining = Joining(join, join_wait / 1000, keeps_of(join_keeps))
    require_serve(speaks_grpc=grpc_port is not None)
    where, asked = where_of(device, threads, allow_native, allow_op), trust_of(trust, require_signature)
    served = numbered([choose(path, "", where, engine=engine, trust=asked, joining=joining) for path in bundles])
    for one in served:
        _tell(f"{one.name} version {one.version}: {one.why}")
    watch = checked_watch(Watch(log, shadow, shadow_every), served)
    limits = Limits(max_bytes, deadline, queue, replicas, joining=joining)
    with redirect_stdout(sys.stderr):  # Ray prints there what it says of replicas that died
        run_server(served, Place(host, port, grpc_port, ray_address), limits, repository or (), watch, tell=_tell)


def _tell(line: str) -> None:
    say(f"serve: {line}", err=True)


def _require_positive(options: Mapping[str, float]) -> None:
    for option, value in options.items():
        if not value > 0:
            raise FerryError(ExitCode.USAGE, f"{option}: got {value}, expected more than 0")
