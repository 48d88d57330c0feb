"""Arguments that several verbs share, with one wording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from torchferry.bundle.trust import Trust
from torchferry.cli.console import say, say_json
from torchferry.errors import ExitCode, FerryError


def require_name(param: typer.CallbackParam, text: str | None) -> str | None:
    """Refuse an empty name: it is a script's unset variable, not a wish for the default. Raises FerryError(USAGE)."""
    if text == "":
        raise FerryError(ExitCode.USAGE, f"{param.opts[-1]}: got nothing, expected a name")
    return text


# Text, because Path("") would be the working folder.
BundleFolder = Annotated[str, typer.Argument(metavar="BUNDLE", help="Folder of the bundle, or its one file.", show_default=False)]
Engine = Annotated[
    str | None,
    typer.Option(
        callback=require_name, help="eager, torchscript, onnxruntime ...; default: every engine of the bundle that can run here."
    ),
]
OneEngine = Annotated[
    str | None,
    typer.Option(
        callback=require_name, help="eager, torchscript, onnxruntime ...; default: the bundle's first that can run here."
    ),
]
Calls = Annotated[int, typer.Option(help="Times that one session replays every golden.")]
AllowOp = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-op",
        metavar="NAME",
        help="Let TorchScript use an operator that may do more than compute, e.g. aten::as_strided; may be repeated.",
        show_default=False,
    ),
]
Require = Annotated[
    list[str] | None,
    typer.Option(
        "--require",
        metavar="NAMES",
        help="Engines and languages (python, cpp) that must have run: else exit code 5. May be repeated, or a list with commas.",
        show_default=False,
    ),
]
FerryRun = Annotated[
    Path | None, typer.Option(help="The C++ program; default: this checkout's build, else the one on PATH.", show_default=False)
]
TrustPaths = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="KEY_OR_FOLDER",
        help="Open a bundle only if one of these keys signed it: a .pub file, or a folder of them; instead of FERRY_TRUST. May be repeated.",
        show_default=False,
    ),
]
RequireSignature = Annotated[
    bool, typer.Option("--require-signature", help="Open no bundle that no key of --trust or FERRY_TRUST signed.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def names_of(option: str, texts: list[str] | None) -> list[str]:
    """Return the names of an option that may be repeated and takes lists with commas. Raises FerryError(USAGE) for an empty name."""
    names = [name.strip() for text in texts or () for name in text.split(",")]
    if not all(names):
        raise FerryError(ExitCode.USAGE, f"{option}: got an empty name, expected names, e.g. torchscript,cpp")
    return names


def trust_of(paths: list[str] | None, required: bool) -> Trust:
    """Return what --trust and --require-signature ask for."""
    return Trust(tuple(paths or ()), required)


def show(as_json: bool, document: Callable[[], Mapping[str, Any]], lines: Callable[[], Iterable[str]]) -> None:
    """Print one JSON object or lines of text; only the one that is asked for is made."""
    if as_json:
        say_json(document())
        return
    for line in lines():
        say(line)
