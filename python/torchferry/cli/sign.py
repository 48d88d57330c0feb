"""`ferry sign`: write a signature of a bundle's manifest beside it, in minisign's format."""

from __future__ import annotations

import datetime
import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from torchferry.bundle.manifest import MANIFEST_NAME
from torchferry.bundle.reader import open_own_bundle
from torchferry.bundle.secret_key import sign as sign_bytes
from torchferry.bundle.signature import SIGNATURE_NAME
from torchferry.cli.console import say
from torchferry.cli.key import PasswordFile, read_secret_key
from torchferry.cli.options import BundleFolder
from torchferry.errors import ExitCode, FerryError


def sign(
    bundle: BundleFolder,
    key: Annotated[Path, typer.Option(help="The secret key, made by `ferry key` or minisign.", show_default=False)],
    name: Annotated[
        str | None, typer.Option(help="Write manifest.json.NAME.minisig: a further signature.", show_default=False)
    ] = None,
    comment: Annotated[
        str | None, typer.Option(help="The trusted comment, one line that is signed too.", show_default=False)
    ] = None,
    password_file: PasswordFile = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a signature of this name.")] = False,
) -> None:
    """Sign a bundle: check every digest, then write manifest.json.minisig, which `minisign -Vm manifest.json` verifies too."""
    file = _file_name(name)
    opened = open_own_bundle(bundle)
    if not opened.folder.is_dir():
        _refuse_packed(bundle)
    target = _target(opened.folder / file, force=force)
    secret = read_secret_key(key, password_file)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = comment if comment is not None else f"torchferry bundle {opened.manifest.name}, signed {now}"
    _write(target, sign_bytes(opened.manifest_json, secret, text))
    say(f"{target}: signed by key {secret.key_id}")


def _refuse_packed(bundle: str) -> None:
    raise FerryError(ExitCode.USAGE, f"{bundle}: got a packed bundle, expected a folder; sign the folder, then pack it")


def _file_name(name: str | None) -> str:
    file = f"{MANIFEST_NAME}.minisig" if name is None else f"{MANIFEST_NAME}.{name}.minisig"
    if SIGNATURE_NAME.fullmatch(file) is None:
        raise FerryError(ExitCode.USAGE, f"--name: got {name!r}, expected letters, digits, _ and -")
    return file


def _target(path: Path, *, force: bool) -> Path:
    if os.path.lexists(path) and not force:
        raise FerryError(ExitCode.IO, f"{path}: got an existing signature, expected none; use --force or --name")
    return path


def _write(target: Path, data: bytes) -> None:
    """Put the whole file in its place at once; the temporary file lies beside the bundle, whose readers refuse strange files."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.parent.resolve().name}.", dir=target.parent.resolve().parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
