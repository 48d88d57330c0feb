"""SHA-256 of bytes and files."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

from torchferry.bundle.container import Content

_PIECE = 1 << 20  # bytes


def sha256_of(data: bytes) -> str:
    """Return the SHA-256 as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_stream(stream: BinaryIO) -> str:
    """Return the SHA-256 of the rest of the stream, which is read in pieces."""
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def sha256_of_content(content: Content) -> str:
    """Return the digest of a file of a bundle, read in pieces."""
    digest = hashlib.sha256()
    at = 0
    while piece := content.read_at(at, _PIECE):
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()
