"""Arguments of `ferry serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from torchferry.cli.options import require_name

Bundles = Annotated[
    list[str],
    typer.Argument(
        metavar="BUNDLE...", help="Folders of bundles, or one file each; of one name: versions 1, 2 ...", show_default=False
    ),
]
Host = Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0: every one of this machine.")]
Port = Annotated[int, typer.Option(help="Port of HTTP.")]
GrpcPort = Annotated[int | None, typer.Option(help="Port of gRPC [default: no gRPC].", show_default=False)]
RayAddress = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="A Ray cluster [default: this machine].", show_default=False)
]
Replicas = Annotated[int, typer.Option(help="Replicas of each version.")]
Queue = Annotated[int, typer.Option(help="Requests that may wait for one model; more get 503.")]
Deadline = Annotated[float, typer.Option(metavar="SECONDS", help="The longest time for an answer; then 504.")]
MaxBytes = Annotated[int, typer.Option(help="The largest request; a larger one gets 413.")]
Join = Annotated[
    int,
    typer.Option(
        metavar="SAMPLES",
        help="Join waiting requests of one model to calls of up to so many samples; 0: every request is a call of its own.",
    ),
]
JoinWait = Annotated[float, typer.Option(metavar="MS", help="How long a request waits for others to join it, in milliseconds.")]
JoinKeeps = Annotated[
    str,
    typer.Option(
        metavar="bits|bound",
        help="What a joined answer keeps: the bits of a call of its own, which engines c and c-int8 promise, or the bound.",
    ),
]
Shadow = Annotated[
    str | None,
    typer.Option(
        metavar="ENGINE",
        callback=require_name,
        help="A second engine, which repeats some calls after they were answered; /metrics tells how far it is off.",
        show_default=False,
    ),
]
ShadowEvery = Annotated[int, typer.Option(metavar="N", help="The shadow repeats one call of N.")]
Log = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        callback=require_name,
        help="Append a line of JSON for each request: time, id, W3C trace, model, status, samples, seconds.",
        show_default=False,
    ),
]
Repository = Annotated[
    list[str] | None,
    typer.Option(metavar="FOLDER", help="Clients may load new versions from here; may be repeated.", show_default=False),
]
FastestEngine = Annotated[
    str | None,
    typer.Option(
        callback=require_name,
        help="eager, torchscript, onnxruntime ...; default: the fastest that passes its goldens here, which is told at the start.",
        show_default=False,
    ),
]
