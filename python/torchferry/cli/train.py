"""`ferry train`: train a recipe into a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchferry.cli.console import say
from torchferry.errors import FerryError

INTERRUPTED = 130


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="iris-adaline, digits-mlp, mnist-mlp ...", show_default=False)],
    *,
    out: Annotated[Path | None, typer.Option(help="Run folder; default: runs/RECIPE.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training set; default: the recipe's.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda:N; default: cpu.")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder with MNIST/raw; default: data, filled by download.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the weights and of the shuffling.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Step size.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples of one minibatch.")] = None,
    gradient: Annotated[str | None, typer.Option(help="autograd, grad (torch.autograd.grad) or manual (by hand).")] = None,
    accumulate: Annotated[int | None, typer.Option(help="Minibatches whose gradients are added up for one step.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint, if there is one.")] = False,
) -> None:
    """Train RECIPE; write checkpoint, history and curves into a run folder."""
    from torchferry.course.train.distributed import launched
    from torchferry.course.train.progress import EpochProgress  # here, so that the other verbs start without torch
    from torchferry.course.train.run import RUNS
    from torchferry.course.train.trainer import train_recipe

    given = {"epochs": epochs, "device": device, "seed": seed, "learning_rate": learning_rate, "batch_size": batch_size}
    given |= {"gradient": gradient, "accumulate": accumulate}
    changes = {name: value for name, value in given.items() if value is not None}
    folder = RUNS / recipe if out is None else out
    is_first = launched().rank == 0
    try:
        with EpochProgress(recipe, shown=is_first) as progress:
            run = train_recipe(recipe, out=folder, data_root=data_root, resume=resume, changes=changes, on_epoch=progress)
    except KeyboardInterrupt:
        if is_first:
            say(f"interrupted; go on with: ferry train {recipe} --out {folder} --resume", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except FerryError as error:
        if launched().local_rank == 0:  # the others on this machine fail alike
            raise
        raise typer.Exit(error.code) from None
    if is_first:
        say(f"{recipe}: {len(run.history)} epochs: {run.history[-1].describe()}; wrote {folder}")
