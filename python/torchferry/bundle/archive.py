"""A bundle as one file, or as bytes in memory: the stored zip of its folder, read where it lies and never unpacked."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from torchferry.bundle.container import Content, Listing, is_sidecar
from torchferry.bundle.folder import OpenFile
from torchferry.bundle.stored_zip import Rules, is_zip, read_members
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_PACKED_FILES

# The digests of the manifest say more than the archive's CRC-32.
_RULES = Rules(max_entries=MAX_PACKED_FILES, check_crc=False)


class Memory:
    """Bytes that nobody changes."""

    is_link = False

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._data = data

    def read_at(self, offset: int, count: int) -> bytes:
        """Return at most `count` bytes from `offset`; fewer at the end only."""
        return self._data[offset : offset + count]


@dataclass(frozen=True)
class Part:
    """An entry of an archive."""

    whole: Content
    start: int
    size: int
    is_link: bool = False

    def read_at(self, offset: int, count: int) -> bytes:
        """Return at most `count` bytes from `offset`; fewer at the end only. Raises FerryError(IO)."""
        return self.whole.read_at(self.start + offset, max(0, min(count, self.size - offset)))


class Archive:
    """The entries of an archive, by name."""

    def __init__(self, root: Path, parts: Mapping[str, Part], *, is_in_memory: bool = False) -> None:
        self.root = root
        self.is_in_memory = is_in_memory
        self._parts = parts

    def has(self, path: str) -> bool:
        """Return whether there is an entry of this name."""
        return path in self._parts

    def names(self) -> list[str]:
        """Return the names beside manifest.json."""
        return [path for path in self._parts if "/" not in path]

    def list(self, listed: Collection[str]) -> Listing:
        """Return what is there. Whatever is in `listed` is no sidecar."""
        sidecars = {path for path in self._parts if path not in listed and is_sidecar(path)}
        sizes = {path: part.size for path, part in self._parts.items() if path not in sidecars}
        return Listing(sizes, tuple(sorted(sidecars)))

    def open(self, path: str, *, follow: bool = True) -> Part:
        """Return an entry. Raises FerryError(INTEGRITY) where there is none."""
        del follow  # an archive has no links
        if path not in self._parts:
            raise FerryError(ExitCode.INTEGRITY, f"{self.root / path}: got no such entry, expected it; pack the bundle again")
        return self._parts[path]


def open_archive(path: Path) -> Archive:
    """Open a packed bundle; one that takes its path later is not seen. Raises FerryError(IO or FORMAT)."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # before opening: that may already do something to a device
            _refuse_kind(path)
        file = OpenFile(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), str(path))
        if not is_zip(file.read_at(0, 4)):
            _refuse_kind(path)
        with mmap.mmap(file.descriptor, file.size, access=mmap.ACCESS_READ) as mapped:
            return Archive(path, _parts(mapped, file, str(path)))
    except OSError as error:
        raise FerryError(ExitCode.IO, f"{path}: got {error.strerror}, expected a readable file; check its permissions") from None


def read_archive(data: bytes, name: str) -> Archive:
    """Read a packed bundle from memory; `name` stands for it in messages. Raises FerryError(FORMAT)."""
    return Archive(Path(name), _parts(data, Memory(data), name), is_in_memory=True)


def _parts(archive: bytes | mmap.mmap, whole: Content, name: str) -> dict[str, Part]:
    """Find the entries. What is read later comes from `whole`: a mapped file that is cut short would end the process."""
    view = memoryview(archive)
    try:
        return {path: Part(whole, member.start, member.size) for path, member in read_members(view, _RULES).items()}
    except ValueError as error:
        problem = str(error)
    finally:
        view.release()
    raise FerryError(ExitCode.FORMAT, f"{name}: {problem}; pack the bundle again")


def _refuse_kind(path: Path) -> NoReturn:
    raise FerryError(ExitCode.IO, f"{path}: got a file, expected a bundle folder, or one file that `ferry pack` wrote")
