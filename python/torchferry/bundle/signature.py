"""A minisign signature over manifest.json: its file format and its check (FORMAT.md section 13). The C++ twin is signature.cpp.

Every other file's digest stands in the manifest, so a signature of the manifest is one of the bundle. Cryptography is libsodium's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from torchferry.bundle.manifest import MANIFEST_NAME
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_SIGNATURE_BYTES

UNTRUSTED, TRUSTED = b"untrusted comment: ", b"trusted comment: "
LEGACY, PREHASHED = b"Ed", b"ED"  # the message itself, or its BLAKE2b-512
ID_BYTES, SIGNATURE_BYTES, PUBLIC_BYTES = 8, 64, 32
SIGNATURE_NAME = re.compile(rf"{re.escape(MANIFEST_NAME)}(\.[A-Za-z0-9_-]+)?\.minisig")


@dataclass(frozen=True)
class PublicKey:
    """A key that verifies; `key_id` is the 16 hex digits that minisign prints."""

    key_id: str
    key: bytes


@dataclass(frozen=True)
class Signature:
    """One parsed signature file. Only a check makes the trusted comment trusted."""

    file: str
    algorithm: bytes
    key_id: str
    signature: bytes
    comment: str
    comment_signature: bytes


def key_id_of(raw: bytes) -> str:
    """Return the name of a key: its 8 bytes as one little-endian number in hex digits, as minisign prints it."""
    return f"{int.from_bytes(raw, 'little'):016X}"


def decode_base64(text: bytes, size: int) -> bytes | None:
    """Return `size` bytes, None for any other text. One value has one spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == size and base64.b64encode(raw) == text else None


def parse_signature(data: bytes, where: str) -> Signature:
    """Parse a signature file; `where` is its path. Raises FerryError(INTEGRITY), which names the key once it is known."""
    lines = data.split(b"\n")
    if len(data) > MAX_SIGNATURE_BYTES:
        raise _malformed(where, f"got more than {MAX_SIGNATURE_BYTES} bytes")
    if not lines[0].startswith(UNTRUSTED):
        raise _malformed(where, "line 1 is no untrusted comment")
    raw = decode_base64(lines[1] if len(lines) > 1 else b"", 2 + ID_BYTES + SIGNATURE_BYTES)
    if raw is None:
        raise _malformed(where, "line 2 is no signature")
    algorithm, key_id = raw[:2], key_id_of(raw[2 : 2 + ID_BYTES])
    if algorithm not in (LEGACY, PREHASHED):
        raise _malformed(where, "the algorithm is neither Ed nor ED", key_id)
    if len(lines) < 3 or not lines[2].startswith(TRUSTED):
        raise _malformed(where, "line 3 is no trusted comment", key_id)
    comment_signature = decode_base64(lines[3] if len(lines) > 3 else b"", SIGNATURE_BYTES)
    if comment_signature is None:
        raise _malformed(where, "line 4 is no signature", key_id)
    if len(lines) != 5 or lines[4]:
        raise _malformed(where, "the file does not end after line 4", key_id)
    try:
        comment = lines[2][len(TRUSTED) :].decode()
    except UnicodeDecodeError:
        raise _malformed(where, "the trusted comment is not UTF-8", key_id) from None
    return Signature(where, algorithm, key_id, raw[2 + ID_BYTES :], comment, comment_signature)


def _malformed(where: str, problem: str, key_id: str | None = None) -> FerryError:
    whose = f"signature of key {key_id}" if key_id else "signature of an unnamed key"
    return FerryError(
        ExitCode.INTEGRITY, f"{where}: {whose}: {problem}, expected the four lines that minisign writes; copy the signature again"
    )


def parse_public_key(data: bytes, where: str) -> PublicKey:
    """Parse a public key file of minisign. Raises FerryError(FORMAT)."""
    lines = data.removesuffix(b"\n").split(b"\n")
    raw = decode_base64(lines[-1], 2 + ID_BYTES + PUBLIC_BYTES)
    if len(lines) != 2 or not lines[0].startswith(UNTRUSTED) or raw is None or raw[:2] != LEGACY:
        raise FerryError(
            ExitCode.FORMAT, f"{where}: got no public key, expected minisign's two lines; trust the .pub file of the key pair"
        )
    return PublicKey(key_id_of(raw[2 : 2 + ID_BYTES]), raw[2 + ID_BYTES :])


def check_signature(manifest: bytes, signature: Signature, key: PublicKey) -> None:
    """Verify the signature of the manifest's bytes and that of the trusted comment. Raises FerryError(INTEGRITY)."""
    message = hashlib.blake2b(manifest).digest() if signature.algorithm == PREHASHED else manifest
    who = f"{signature.file}: signature of key {signature.key_id}"
    if not verifies(key.key, message, signature.signature):
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{who}: does not fit {MANIFEST_NAME}, expected the signature of these bytes; get the bundle and its signature again",
        )
    if not verifies(key.key, signature.signature + signature.comment.encode(), signature.comment_signature):
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{who}: does not fit its trusted comment, expected the comment as signed; get the signature again",
        )


def verifies(key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether the 64 bytes are Ed25519's signature of the message by the public key of 32 bytes."""
    from nacl.bindings import crypto_sign_open
    from nacl.exceptions import BadSignatureError

    try:
        crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True


def named(key_ids: Sequence[str]) -> str:
    """Return the key ids for a message."""
    return " or ".join(sorted(key_ids)) or "(none is trusted)"
