"""`ferry demo`: the whole crossing on two small models, from training to C++, with a table of verdicts at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchferry.cli.console import say
from torchferry.errors import ExitCode
from torchferry.report.text import aligned

RECIPES = ("iris-adaline", "digits-mlp")


def demo(
    ferry_run: Annotated[Path, typer.Option(help="The C++ program, built by `make build`.")] = Path("build/bin/ferry-run"),
    folder: Annotated[Path, typer.Option(help="Where runs and bundles are written.")] = Path("runs/demo"),
) -> int:
    """Train, export, run in C++ and verify an Adaline on Iris and an MLP on digits; exit code 0 only if all pass."""
    from torchferry.course.crossing import HEADER, cross, require_program

    require_program(ferry_run)
    rows: list[tuple[str, ...]] = []
    for recipe in RECIPES:
        say(f"{recipe}: training and exporting to {folder / recipe}")
        rows += cross(recipe, ferry_run, folder)
    say("")
    for line in aligned([HEADER, *rows]):
        say(line)
    return ExitCode.OK if all(row[-1] == "PASS" for row in rows) else ExitCode.MISMATCH
