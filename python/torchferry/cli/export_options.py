"""The options of `ferry export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchferry.formats import registry

_FACTORY = "Options of package.module:factory"

Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A recipe's name (then runs/NAME), a run folder, or package.module:factory.", show_default=False
    ),
]
Formats = Annotated[
    str,
    typer.Option(help=f"Formats, separated by commas: {', '.join(registry.shown())}; or all: every one that takes the module."),
]
Out = Annotated[Path | None, typer.Option(help="Folder of the bundle; default: exported/NAME.", show_default=False)]
DataRoot = Annotated[Path | None, typer.Option(help="Folder of MNIST; default: where the training read it.", show_default=False)]
MaxBatch = Annotated[
    int | None, typer.Option(help="Largest batch in the contract; executorch needs one, 1024 if not given.", show_default=False)
]
MaxBytes = Annotated[
    int | None, typer.Option(help="Largest size of the tables of format c; 64 MiB if not given.", show_default=False)
]
MaxRam = Annotated[
    int | None, typer.Option(help="Most bytes of scratch memory that a call of format c may need.", show_default=False)
]
SeparateWeights = Annotated[
    bool,
    typer.Option(
        "--separate-weights", help="Format c, in float32 or int8, with its weights in model.weights.bin, not in the code."
    ),
]
Quantize = Annotated[
    str | None,
    typer.Option(
        metavar="int8|from-module",
        help="Format c with int8 weights, calibrated on training data (or --calibration); from-module: with the scales that "
        "fake quantisation or torchao's convert_pt2e left in the module.",
        show_default=False,
    ),
]
Io = Annotated[
    str,
    typer.Option(
        "--io",
        metavar="float|bytes|int8",
        help="What the structs of C in int8 have for floats; the header says what a byte means.",
    ),
]
MetadataTexts = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        metavar="KEY=VALUE",
        help="A text that the manifest carries, e.g. licence=MIT; may be repeated.",
        show_default=False,
    ),
]
Package = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Write the C as a package, too, beside the bundle as OUT-KIND: c, arduino, cmake or npm.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing bundle.")]
Stress = Annotated[
    bool, typer.Option("--stress/--no-stress", help="Add a case of inputs that hurt: ends of ranges, zeros, subnormals, ties.")
]
Weights = Annotated[
    Path | None, typer.Option(help="A state_dict; default: what the factory gives.", rich_help_panel=_FACTORY, show_default=False)
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        help='NAME=DTYPE[DIM,...], e.g. "image=uint8[N,3,32,32]", or with a range, "tokens=int64[N,T]:0..999".',
        rich_help_panel=_FACTORY,
        show_default=False,
    ),
]
OutputNames = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        help="NAME, or NAME=DTYPE[DIM,...], also with a range; default: the names that the module gives.",
        rich_help_panel=_FACTORY,
        show_default=False,
    ),
]
Golden = Annotated[
    list[Path] | None,
    typer.Option(
        help="Real inputs, .npz or .npy; default: random ones, called synthetic. May be repeated, for cases of other sizes.",
        rich_help_panel=_FACTORY,
        show_default=False,
    ),
]
Calibration = Annotated[
    Path | None,
    typer.Option(
        help="Training inputs for --quantize int8, .npz or .npy; --golden is its test; default: half of --golden.",
        rich_help_panel=_FACTORY,
        show_default=False,
    ),
]
Preprocess = Annotated[
    str | None,
    typer.Option(
        help="package.module:factory of a module put before it, or of an ImagePreprocess.",
        rich_help_panel=_FACTORY,
        show_default=False,
    ),
]
ClassNames = Annotated[
    str | None,
    typer.Option(help="Class names of the output label, separated by commas.", rich_help_panel=_FACTORY, show_default=False),
]
Symbols = Annotated[
    list[str] | None,
    typer.Option("--symbol", help="Limits of a free dim: T=1..512.", rich_help_panel=_FACTORY, show_default=False),
]
StatePairs = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        help="INPUT=OUTPUT: an output that a stream gives back as an input in the next call. May be repeated.",
        rich_help_panel=_FACTORY,
        show_default=False,
    ),
]
Name = Annotated[
    str | None, typer.Option(help="The bundle's name; default: the factory's.", rich_help_panel=_FACTORY, show_default=False)
]
Seed = Annotated[int, typer.Option(help="Of random goldens.", rich_help_panel=_FACTORY)]
