"""`ferry pack`: a bundle as one file, which every verb opens without unpacking it, or its C as a package of another ecosystem."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchferry.bundle.pack import SUFFIX
from torchferry.bundle.pack import pack as write_packed
from torchferry.bundle.reader import open_bundle
from torchferry.cli.console import say
from torchferry.cli.options import RequireSignature, TrustPaths, trust_of
from torchferry.errors import ExitCode, FerryError
from torchferry.packages.write import check_kind, write_package


def pack(
    bundles: Annotated[
        list[str], typer.Argument(metavar="BUNDLE", help="Folder of the bundle, or its one file.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The file, or the package's folder; default: NAME.ferry or NAME-KIND here.", show_default=False),
    ] = None,
    package: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Write the C of one or more bundles as a package instead: c, arduino, cmake or npm.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing file; the folder of a package is never replaced.")
    ] = False,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> None:
    """Write a bundle as one file; the same bundle gives the same bytes everywhere. Or its C as a package."""
    _check(bundles, package, force)
    opened = [open_bundle(bundle, trust=trust_of(trust, require_signature)) for bundle in bundles]
    name = opened[0].manifest.name
    if package is not None:
        folder = Path(f"{name}-{package}") if out is None else out
        for note in write_package(opened, package, folder):
            say(f"note: {note}", err=True)
        say(f"wrote {folder}: {package}, {', '.join(one.manifest.name for one in opened)}")
        return
    target = Path(name + SUFFIX) if out is None else out
    write_packed(opened[0], target, force=force)
    say(f"wrote {target}: {target.stat().st_size} bytes")


def _check(bundles: list[str], package: str | None, force: bool) -> None:
    """Refuse what contradicts itself, before anything is opened. Raises FerryError(USAGE or UNAVAILABLE)."""
    if package is None and len(bundles) > 1:
        raise FerryError(
            ExitCode.USAGE, f"pack: got {len(bundles)} bundles, expected one; --package puts several into one package"
        )
    if package is not None:
        check_kind(package)
        if force:
            raise FerryError(
                ExitCode.USAGE,
                "--force: got it with --package, expected it without: a package's folder, which may hold files of yours, is never "
                "replaced; remove it first",
            )
