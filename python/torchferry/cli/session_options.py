"""Arguments of the verbs that run a model: where it runs, and what it may do there."""

from __future__ import annotations

from typing import Annotated

import typer

from torchferry.proof.where import Where

Device = Annotated[str, typer.Option(help="cpu or cuda:N.")]
Threads = Annotated[int, typer.Option(help="Threads inside one call.")]
AllowNative = Annotated[
    bool,
    typer.Option(
        "--allow-native", help="Run machine code of the bundle (engines aoti, c and c-int8): it has all rights of this process."
    ),
]
Isolate = Annotated[
    bool | None,
    typer.Option(
        "--isolate/--no-isolate",
        help="Let ferry-run do it, in a child process that reads the runtime's libraries, writes nothing and starts nothing; "
        "default: in this process, after the door of the format.",
        show_default=False,
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", help="End a model that takes longer to open, or for one call; 0: no limit.", show_default=False
    ),
]


def where_of(device: str, threads: int, allow_native: bool, allow_op: list[str] | None) -> Where:
    """Return what --device, --threads, --allow-native and --allow-op ask for."""
    return Where(device, threads, allow_native, tuple(allow_op or ()))
