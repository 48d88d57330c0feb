"""Where a bundle's files lie: what a folder and an archive have in common (FORMAT.md section 1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_PIECE = 1 << 20  # bytes
_NAMED_SIDECARS = {"README.md", "LICENSE", "MLmodel", "model.sig"}
_SIGNATURE = ".minisig"


class Content(Protocol):
    """The bytes of one file, all from one descriptor or one piece of memory. Reading raises FerryError(IO)."""

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        ...

    @property
    def is_link(self) -> bool:
        """Return whether a link led here: its path may lead elsewhere the next time."""
        ...

    def read_at(self, offset: int, count: int) -> bytes:
        """Return at most `count` bytes from `offset`; fewer at the end only."""
        ...


@dataclass(frozen=True)
class Listing:
    """What lies in a bundle: sizes of files by path, and the sidecars, which nobody opens."""

    sizes: Mapping[str, int]
    sidecars: tuple[str, ...]


class Container(Protocol):
    """The files of one bundle."""

    @property
    def root(self) -> Path:
        """Return what stands for the bundle in messages: its path, or the name of the memory."""
        ...

    @property
    def is_in_memory(self) -> bool:
        """Say whether the bundle has no path, so that no other program can open it."""
        ...

    def has(self, path: str) -> bool:
        """Say whether anything lies at this path, readable or not."""
        ...

    def names(self) -> list[str]:
        """Return the names beside manifest.json, in any order. Raises FerryError(IO)."""
        ...

    def list(self, listed: Collection[str]) -> Listing:
        """Return the files that are there; a path in `listed` is not counted as a sidecar. Raises FerryError(IO or INTEGRITY)."""
        ...

    def open(self, path: str, *, follow: bool = True) -> Content:
        """Open a regular file, or one that a link leads to if `follow`. Raises FerryError(IO or INTEGRITY)."""
        ...


def read_whole(content: Content, limit: int) -> bytes:
    """Return the bytes from the start, at most `limit`."""
    pieces = []
    at = 0
    while at < limit and (piece := content.read_at(at, min(_PIECE, limit - at))):
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)


def is_sidecar(path: str) -> bool:
    """Return whether a reader passes over a file that the manifest does not list."""
    return is_hidden(path) or path in _NAMED_SIDECARS or ("/" not in path and path.endswith(_SIGNATURE))


def is_hidden(path: str) -> bool:
    """Return whether a part of the path begins with a dot and names neither this folder nor the one above."""
    return any(part.startswith(".") and part not in (".", "..") for part in path.split("/"))
