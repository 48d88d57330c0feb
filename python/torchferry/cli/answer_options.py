"""The options of verbs that write answers."""

from __future__ import annotations

from typing import Annotated

import typer

from torchferry.cli.options import require_name

Select = Annotated[str | None, typer.Option(callback=require_name, help="Write this output only.")]
Top = Annotated[int | None, typer.Option(metavar="K", help="Add the K classes with the highest scores.", show_default=False)]
