"""What a verb prints goes through here: nothing out of a bundle or a file acts on the terminal."""

from __future__ import annotations

import typer

from torchferry.bundle.printable import json_text, printable


def say(line: str, *, err: bool = False) -> None:
    """Print one line, whatever text it holds."""
    typer.echo(printable(line), err=err)


def say_json(value: object, *, sort_keys: bool = False) -> None:
    """Print one line of JSON."""
    typer.echo(json_text(value, sort_keys=sort_keys))
