"""The options of `ferry diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

_LAYERS = "Layer by layer (--engine)"

Other = Annotated[
    str | None,
    typer.Argument(metavar="[OTHER]", help="A second bundle, to be compared with the first.", show_default=False),
]
Engines = Annotated[str | None, typer.Option(help="Two engines, e.g. torchscript,aoti.", show_default=False)]
LayersOf = Annotated[
    str | None,
    typer.Option(help="The engine whose layers are compared; of two bundles, the only one compared.", show_default=False),
]
Samples = Annotated[
    list[str] | None,
    typer.Option("--input", help="Samples as for `ferry predict`; default: the bundle's goldens.", show_default=False),
]
Batch = Annotated[int, typer.Option(help="Samples in one call.", min=1)]
Language = Annotated[Literal["python", "cpp"], typer.Option(help="Which program runs the engine.", rich_help_panel=_LAYERS)]
Run = Annotated[
    str | None,
    typer.Option(
        help="The eager side: a recipe's name, a run folder, or package.module:factory; default: the torch.export program in the bundle.",
        rich_help_panel=_LAYERS,
        show_default=False,
    ),
]
Weights = Annotated[
    Path | None, typer.Option(help="A state_dict for the factory's module.", rich_help_panel=_LAYERS, show_default=False)
]
Preprocess = Annotated[
    str | None,
    typer.Option(
        help="package.module:factory of the module put before it, or of an ImagePreprocess.",
        rich_help_panel=_LAYERS,
        show_default=False,
    ),
]
DataRoot = Annotated[
    Path | None, typer.Option(help="Folder of MNIST, for a run on it.", rich_help_panel=_LAYERS, show_default=False)
]
Program = Annotated[
    Path | None,
    typer.Option(
        help="The C++ program; default: this checkout's build, else the one on PATH.", rich_help_panel=_LAYERS, show_default=False
    ),
]
