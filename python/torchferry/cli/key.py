"""`ferry key`: make a key pair that signs bundles, in minisign's format."""

from __future__ import annotations

import os
import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer

from torchferry.bundle.secret_key import SecretKey, is_encrypted, make_key, parse_secret_key, public_text, secret_text
from torchferry.cli.console import say
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_SIGNATURE_BYTES

PasswordFile = Annotated[
    Path | None,
    typer.Option(help="File whose first line is the password; default: ask for it on the terminal.", show_default=False),
]


def key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The pair becomes NAME.key, which signs, and NAME.pub.")] = "ferry",
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Do not encrypt NAME.key: whoever reads it can sign.")
    ] = False,
    password_file: PasswordFile = None,
) -> None:
    """Make a key pair of minisign: NAME.key signs bundles, and NAME.pub is what those who load them trust."""
    secret, public = _new_pair(name, has_two_ways=no_password and password_file is not None)
    made = make_key()
    password = None if no_password else read_password(password_file, confirm=True)
    _write_new(secret, secret_text(made, password), 0o600)
    try:
        _write_new(public, public_text(made), 0o644)
    except BaseException:
        secret.unlink()
        raise
    say(f"key {made.key_id}: {secret} signs and stays with you; {public} is for those who load your bundles")


def _new_pair(name: str, *, has_two_ways: bool) -> tuple[Path, Path]:
    if not name or has_two_ways:
        raise FerryError(
            ExitCode.USAGE, "ferry key: got an empty NAME, or --no-password with --password-file; expected a name and one of them"
        )
    pair = Path(f"{name}.key"), Path(f"{name}.pub")
    for path in pair:
        if os.path.lexists(path):
            raise FerryError(ExitCode.IO, f"{path}: got a file that exists already, expected none; choose another NAME")
    return pair


def read_password(file: Path | None, *, confirm: bool = False) -> bytes:
    """Read a password from a file or the terminal. Raises FerryError(USAGE or IO)."""
    if file is not None:
        lines = file.read_bytes().split(b"\n")
        password = lines[0]
    else:
        if not sys.stdin.isatty():
            raise FerryError(ExitCode.USAGE, "password: got no terminal to ask on, expected one; use --password-file")
        password = getpass("Password: ").encode()
        if confirm and getpass("Again: ").encode() != password:
            raise FerryError(ExitCode.USAGE, "password: got two different ones, expected the same twice; try again")
    if not password:
        raise FerryError(
            ExitCode.USAGE, "password: got nothing, expected some characters; use --no-password for a key without a password"
        )
    return password


def read_secret_key(path: Path, password_file: Path | None) -> SecretKey:
    """Read a key that signs; asks for its password where it has one. Raises what parse_secret_key and read_password raise."""
    with path.open("rb") as stream:
        data = stream.read(MAX_SIGNATURE_BYTES)
    password = read_password(password_file) if is_encrypted(data, str(path)) else None
    return parse_secret_key(data, str(path), password)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that is not there yet, whole or not at all. Raises FerryError(IO)."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException as error:
        path.unlink()
        if isinstance(error, OSError):
            raise FerryError(ExitCode.IO, f"{path}: got {error.strerror}, expected to write it") from None
        raise
