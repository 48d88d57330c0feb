"""`ferry trace`: what each layer of a trained model makes of an input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from torchferry.bundle.contract import Array
from torchferry.cli.console import say, say_json
from torchferry.cli.options import Json
from torchferry.errors import ExitCode, FerryError

if TYPE_CHECKING:
    from torchferry.course.train import Run


def trace(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A recipe's name (then runs/NAME) or a run folder.", show_default=False)
    ],
    input_: Annotated[
        list[str], typer.Option("--input", help=".npy, .csv, PNG, JPEG, BMP, PGM or PPM; - is stdin.", show_default=False)
    ],
    batch: Annotated[int, typer.Option(help="Trace this many samples, from the first.")] = 256,
    data_root: Annotated[
        Path | None, typer.Option(help="Folder of MNIST; default: where the training read it.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Print name, shape, mean, std, min and max of every layer's output."""
    import torch

    from torchferry.course.train import load_run
    from torchferry.proof.trace import describe, trace_layers

    loaded = load_run(run, data_root)
    samples = _read_first_batch(loaded, input_, batch)
    layers = [describe(layer) for layer in trace_layers(loaded.module, torch.from_numpy(samples.copy()))]
    if as_json:
        say_json({"run": run, "samples": len(samples), "layers": layers})
        return
    say(f"{run}: {len(samples)} samples of {', '.join(input_)}")
    say(f"{'layer':<20}{'kind':<14}{'shape':<16}" + "".join(f"{name:>12}" for name in ("mean", "std", "min", "max")))
    for layer in layers:
        say(_row(layer))


def _read_first_batch(run: Run, files: list[str], batch: int) -> Array:
    from torchferry.samples.source import open_samples

    contract = run.recipe.contract(run.dataset)
    with open_samples(contract, files, batch=batch) as source:
        samples = next(source.batches)[contract.inputs[0].name]
    if len(samples) == 0:
        raise FerryError(
            ExitCode.BAD_INPUT, f"{files[0]}: got no samples, expected at least one; a trace of nothing says nothing"
        )
    return samples


def _row(layer: dict[str, Any]) -> str:
    shape = "[" + ",".join(map(str, layer["shape"])) + "]"
    numbers = "".join(f"{float(layer[name]):>12.5g}" for name in ("mean", "std", "min", "max"))
    return f"{layer['name']:<20}{layer['kind']:<14}{shape:<16}{numbers}"
