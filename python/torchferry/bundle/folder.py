"""A bundle as a folder. Its files may be links, as in a Hugging Face cache and a ConfigMap; its folders may not."""

from __future__ import annotations

import errno
import os
import stat
import weakref
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from torchferry.bundle.container import Listing, is_hidden, is_sidecar
from torchferry.bundle.hold import hold
from torchferry.errors import ExitCode, FerryError

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_REGULAR = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO)  # a link, a file in a folder's place, a socket


class OpenFile:
    """A regular file that was opened once; its descriptor closes with this object."""

    def __init__(self, descriptor: int, name: str, *, is_link: bool = False) -> None:
        self.size = os.fstat(descriptor).st_size
        self.is_link = is_link
        self.descriptor = descriptor
        self._name = name
        weakref.finalize(self, os.close, descriptor)

    def read_at(self, offset: int, count: int) -> bytes:
        """Return at most `count` bytes from `offset`; fewer at the end only. Raises FerryError(IO)."""
        try:
            return os.pread(self.descriptor, count, offset)
        except OSError as error:
            raise FerryError(
                ExitCode.IO, f"{self._name}: got {error.strerror}, expected a readable file; check the disk"
            ) from None


class Folder:
    """A folder held by its descriptor: what is read through it is one bundle, also while a writer replaces it (hold.py)."""

    is_in_memory = False

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._descriptor = hold(root)
        self.root = Path(root)
        weakref.finalize(self, os.close, self._descriptor)

    def has(self, path: str) -> bool:
        """Say whether anything lies at this path, readable or not."""
        try:
            os.stat(path, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError:  # there or not, it cannot be read: opening it says why
            return True
        return True

    def names(self) -> list[str]:
        """Return the names beside manifest.json, sorted. Raises FerryError(IO)."""
        return [entry.name for entry in self._scan("")]

    def list(self, listed: Collection[str]) -> Listing:
        """Return what is there. Whatever is in `listed` is no sidecar. Raises FerryError(IO or INTEGRITY)."""
        sizes: dict[str, int] = {}
        sidecars: list[str] = []
        pending = [""]  # instead of recursion, so that no depth exhausts the stack
        while pending:
            prefix = pending.pop()
            for entry in self._scan(prefix):
                path = prefix + entry.name
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder and not is_hidden(entry.name):
                    pending.append(path + "/")
                elif path not in listed and is_sidecar(path) and (is_folder or _is_file_or_link(entry)):
                    sidecars.append(path + "/" * is_folder)
                else:
                    sizes[path] = self._size(path, entry)
        return Listing(sizes, tuple(sorted(sidecars)))

    def open(self, path: str, *, follow: bool = True) -> OpenFile:
        """Open a regular file, or one that a link leads to if `follow`; never wait on a pipe. Raises FerryError(IO or INTEGRITY)."""
        *folders, last = path.split("/")
        at = self._descriptor
        with ExitStack() as opened:
            try:
                for name in folders:
                    at = os.open(name, _FOLDER, dir_fd=at)
                    opened.callback(os.close, at)
                is_link = stat.S_ISLNK(os.stat(last, dir_fd=at, follow_symlinks=False).st_mode)
                if (is_link and not follow) or not self._leads_to_file(path, last, at):
                    self._refuse_special(path)
                descriptor = os.open(last, _READ | (0 if is_link else os.O_NOFOLLOW), dir_fd=at)
            except OSError as error:
                if error.errno in _NOT_REGULAR:
                    self._refuse_special(path)
                _refuse_file(self._name_of(path), error)
        file = OpenFile(descriptor, self._name_of(path), is_link=is_link)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            self._refuse_special(path)
        return file

    def _leads_to_file(self, path: str, name: str, at: int) -> bool:
        """Look before opening: opening a device may already do something."""
        try:
            return stat.S_ISREG(os.stat(name, dir_fd=at).st_mode)
        except FileNotFoundError:  # a link that leads nowhere
            self._refuse_special(path)

    def _size(self, path: str, entry: os.DirEntry[str]) -> int:
        try:
            status = entry.stat()
        except OSError as error:
            if error.errno in (errno.ENOENT, *_NOT_REGULAR):
                self._refuse_special(path)
            _refuse_file(self._name_of(path), error)
        if not stat.S_ISREG(status.st_mode):
            self._refuse_special(path)
        return status.st_size

    def _scan(self, prefix: str) -> Iterator[os.DirEntry[str]]:
        """Return the entries of a folder below the root, sorted by name; they stay valid while they are used."""
        try:
            descriptor = os.open(prefix or ".", _FOLDER, dir_fd=self._descriptor)
        except OSError as error:
            _refuse_folder(self._name_of(prefix), error)
        try:
            with os.scandir(descriptor) as entries:
                yield from sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            _refuse_folder(self._name_of(prefix), error)
        finally:
            os.close(descriptor)

    def _name_of(self, path: str) -> str:
        return str(self.root / path)

    def _refuse_special(self, path: str) -> NoReturn:
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{self._name_of(path)}: got a special file, or a link that leads to no file, expected a regular file; "
            "copy the bundle with its files",
        )


def _is_file_or_link(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() or entry.is_file(follow_symlinks=False)


def _refuse_file(name: str, error: OSError) -> NoReturn:
    raise FerryError(ExitCode.IO, f"{name}: got {error.strerror}, expected a readable file; check its permissions") from None


def _refuse_folder(name: str, error: OSError) -> NoReturn:
    raise FerryError(ExitCode.IO, f"{name}: got {error.strerror}, expected a readable folder; check its permissions") from None
