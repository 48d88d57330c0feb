"""`ferry bench`: how long one call takes, at each batch size."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from torchferry.bundle.reader import open_bundle
from torchferry.cli.command_line import require_whole_number
from torchferry.cli.options import AllowOp, BundleFolder, Json, OneEngine, RequireSignature, TrustPaths, show, trust_of
from torchferry.cli.session_options import AllowNative, Device, Threads, where_of
from torchferry.proof.bench import bench as measure
from torchferry.report.bench import bench_json, bench_lines


def bench(
    bundle: BundleFolder,
    engine: OneEngine = None,
    device: Device = "cpu",
    threads: Threads = 1,
    allow_native: AllowNative = False,
    allow_op: AllowOp = None,
    batch: Annotated[str, typer.Option(metavar="COUNTS", help="Batch sizes, e.g. 1,64,1024.")] = "1,64,1024",
    calls: Annotated[int, typer.Option(help="Timed calls a batch size; 0: about half a second's worth.")] = 0,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
    as_json: Json = False,
) -> None:
    """Time the model at each batch size: the columns of `ferry-run bench`, which also times direct calls of the runtime."""
    sizes = [require_whole_number("--batch", part) for part in batch.split(",")]
    opened = open_bundle(bundle, trust=trust_of(trust, require_signature))
    result = measure(opened, engine, where_of(device, threads, allow_native, allow_op), sizes, calls=calls)
    show(as_json, partial(bench_json, opened, result), partial(bench_lines, opened, result))
