"""`ferry demo`: the whole crossing on two small models, from training to C++, with a table of verdicts at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchferry.cli.console import say
from torchferry.cli.options import FerryRun
from torchferry.errors import ExitCode
from torchferry.proof.ferry_run import require_ferry_run
from torchferry.report.text import aligned

RECIPES = ("iris-adaline", "digits-mlp")


def demo(
    ferry_run: FerryRun = None,
    folder: Annotated[Path, typer.Option(help="Where runs and bundles are written.")] = Path("runs/demo"),
) -> int:
    """Train, export, run in C++ and verify an Adaline on Iris and an MLP on digits; exit code 0 only if all that ran pass."""
    from torchferry.course.crossing import HEADER, cross

    program = require_ferry_run(ferry_run, "demo")  # told before anything is trained
    rows: list[tuple[str, ...]] = []
    not_run: dict[str, str] = {}
    for recipe in RECIPES:
        say(f"{recipe}: training and exporting to {folder / recipe}")
        rows += cross(recipe, program, folder, not_run)
    say("")
    missing = [f"C++ could not run {engine}: {reason}" for engine, reason in not_run.items()]
    for line in [*aligned([HEADER, *rows]), *missing]:
        say(line)
    return ExitCode.OK if all(row[-1] == "PASS" for row in rows) else ExitCode.MISMATCH
