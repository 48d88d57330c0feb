"""Whose signatures open a bundle: trusted keys, revoked ones, and the policy of an application (FORMAT.md section 13).

The C++ twin is trust.cpp.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from torchferry.bundle.container import Container, read_whole
from torchferry.bundle.manifest import MANIFEST_NAME
from torchferry.bundle.signature import (
    SIGNATURE_NAME,
    PublicKey,
    Signature,
    check_signature,
    named,
    parse_public_key,
    parse_signature,
)
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_SIGNATURE_BYTES, MAX_SIGNATURES

VARIABLE = "FERRY_TRUST"
REVOKED_NAME = "revoked"
_KEY_ID = re.compile(r"[0-9A-F]{16}")


@dataclass(frozen=True)
class Trust:
    """What a reader asks of a signature. `paths`: public key files, or folders of `*.pub` files and a file `revoked`."""

    paths: tuple[str, ...] = ()
    required: bool = False

    @property
    def is_asked(self) -> bool:
        """Whether a bundle has to be signed: by one of the keys, or, where there is none, by nobody, so that none opens."""
        return self.required or bool(self.paths)

    @property
    def options(self) -> list[str]:
        """The options that ask `ferry-run` for the same."""
        return [*(word for path in self.paths for word in ("--trust", path)), *(["--require-signature"] if self.required else [])]


@dataclass
class Keyring:
    """Public keys by their id, and the ids that are revoked."""

    keys: dict[str, PublicKey] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)


_policy: list[Trust] = []  # at most one


def set_policy(trust: Trust) -> None:
    """Hold every later `open_bundle` of this process to `trust`, whatever else it asks for. Raises FerryError(USAGE) a second time."""
    if _policy and _policy[0] != trust:
        raise FerryError(ExitCode.USAGE, "trust policy: got a second one, expected one a process; set it once")
    _policy[:] = [trust]


def demands(trust: Trust | None) -> list[Trust]:
    """Return everything that must hold: the policy and what the caller asks for, else what FERRY_TRUST names.

    Raises FerryError(USAGE) for an empty FERRY_TRUST.
    """
    trust = trust or Trust()
    value = os.environ.get(VARIABLE)
    if value == "":
        raise FerryError(ExitCode.USAGE, f"{VARIABLE}: got nothing, expected a key or a folder; unset it or name one")
    if value is not None and not trust.paths and not any(policy.paths for policy in _policy):
        trust = Trust((value,), trust.required)
    asked = [one for one in (*_policy, trust) if one.is_asked]
    return [one for one in asked if one.paths] or asked  # who only requires a signature is content with keys that another names


def check_trust(container: Container, manifest: bytes, asked: Iterable[Trust]) -> tuple[Signature, ...]:
    """Return the signatures that trusted keys made of the manifest's bytes; none are looked for where nothing is asked.

    Raises FerryError(INTEGRITY) where any demand is not met; IO or FORMAT for a key file.
    """
    good: dict[str, Signature] = {}
    for trust in asked:
        ring = load_keyring(trust.paths)
        good |= {one.file: one for one in _accepted(container, manifest, ring)}
    return tuple(good[name] for name in sorted(good))


def read_signatures(container: Container) -> list[Signature]:
    """Read every signature that lies beside the manifest, sorted by file name; none is checked. Raises FerryError(IO, INTEGRITY)."""
    names = sorted(name for name in container.names() if SIGNATURE_NAME.fullmatch(name))
    if len(names) > MAX_SIGNATURES:
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{container.root}: got {len(names)} signatures, expected at most {MAX_SIGNATURES}; remove those that you do not need",
        )
    return [
        parse_signature(read_whole(container.open(name), MAX_SIGNATURE_BYTES + 1), str(container.root / name)) for name in names
    ]


def _accepted(container: Container, manifest: bytes, ring: Keyring) -> list[Signature]:
    """Check each signature of a trusted key; one that is wrong refuses the bundle, whoever else signed it."""
    trusted = sorted(ring.keys.keys() - ring.revoked)
    found = read_signatures(container)
    if not found:
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{container.root / MANIFEST_NAME}: not signed, expected a signature of key {named(trusted)}; get a signed bundle",
        )
    good = [one for one in found if one.key_id in trusted]
    for one in good:
        check_signature(manifest, one, ring.keys[one.key_id])
    if good:
        return good
    revoked = [one for one in found if one.key_id in ring.revoked]
    first = (revoked or found)[0]
    state = "is revoked" if revoked else "is not trusted"
    raise FerryError(
        ExitCode.INTEGRITY,
        f"{first.file}: signed by key {first.key_id}, which {state}; expected key {named(trusted)}; get a bundle that it signed",
    )


def load_keyring(paths: Iterable[str]) -> Keyring:
    """Read public key files and folders of them. Raises FerryError: IO or FORMAT for a key file, INTEGRITY for a folder without one."""
    ring = Keyring()
    for text in paths:
        path = Path(text)
        if not text:
            raise FerryError(ExitCode.USAGE, "--trust: got nothing, expected a key or a folder")
        if not path.is_dir():
            _add_key(ring, path)
            continue
        names = _names(path)
        keys = [name for name in names if name.endswith(".pub")]
        if not keys:
            raise FerryError(
                ExitCode.INTEGRITY, f"{path}: got no key, expected at least one .pub file; put the keys you trust there"
            )
        for name in keys:
            _add_key(ring, path / name)
        if REVOKED_NAME in names:
            ring.revoked |= _revoked(path / REVOKED_NAME)
    return ring


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{folder}: got {error.strerror}, expected a readable folder; check its permissions"
        ) from None


def _add_key(ring: Keyring, path: Path) -> None:
    key = parse_public_key(_read(path, "a public key of minisign; check the path and its permissions"), str(path))
    if ring.keys.setdefault(key.key_id, key) != key:
        raise FerryError(
            ExitCode.FORMAT,
            f"{path}: got a second key with the id {key.key_id}, expected one; remove the one that you do not trust",
        )


def _revoked(path: Path) -> set[str]:
    """Read key ids, one a line; # begins a comment."""
    text = _read(path, "a readable list of key ids; check its permissions").decode(errors="replace")
    lines = [line.partition("#")[0].strip(" \t\r") for line in text.split("\n")]
    for line in filter(None, lines):
        if _KEY_ID.fullmatch(line) is None:
            raise FerryError(
                ExitCode.FORMAT, f"{path}: got a line that is no key id, expected 16 upper-case hex digits a line; mend the list"
            )
    return set(filter(None, lines))


def _read(path: Path, expected: str) -> bytes:
    """Read a small regular file, one byte beyond the limit at most. Raises FerryError(IO), or INTEGRITY for a special file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            with os.fdopen(descriptor, "rb") as stream:
                return stream.read(MAX_SIGNATURE_BYTES + 1)
        os.close(descriptor)
    except OSError as error:
        raise FerryError(ExitCode.IO, f"{path}: got {error.strerror}, expected {expected}") from None
    raise FerryError(ExitCode.INTEGRITY, f"{path}: got a special file, expected {expected}")
