"""SHA-256 of bytes and files."""

from __future__ import annotations

import hashlib
from typing import BinaryIO


def sha256_of(data: bytes) -> str:
    """Return the SHA-256 as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_stream(stream: BinaryIO) -> str:
    """Return the SHA-256 of the rest of the stream, which is read in pieces."""
    digest = hashlib.sha256()
    while piece := stream.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()
