"""Where the answers go: a folder of a file system that all workers see, or a prefix of an S3 store. A file is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from torchferry.bundle.digest import sha256_of_stream
from torchferry.bundle.publish import only_writer
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.objects import is_object, list_objects, open_object, read_object, size_of_object, write_object
from torchferry.score.staging import local_staging

BOOKS = "_score"  # the folder of what is no answer


class Place(Protocol):
    """Files by their names below one place."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def writer(self) -> AbstractContextManager[None]:
        """Keep other drivers of this machine out. Raises FerryError(IO)."""

    def make(self) -> None:
        """Make the place, where nothing is yet. Raises FerryError(IO), OSError."""

    def tidy(self) -> None:
        """Remove what killed workers left unfinished."""

    def staging(self) -> AbstractContextManager[Path]:
        """Give a local folder of one worker for files without their names yet; it is removed afterwards. Raises OSError."""

    def read(self, name: str) -> bytes | None:
        """Return a file whole; None where there is none. Raises FerryError(IO), OSError."""

    def digest(self, name: str) -> str | None:
        """Return a file's SHA-256; None where there is none. Raises FerryError(IO), OSError."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file. Raises FerryError(IO), OSError."""

    def adopt(self, staged: Path, name: str) -> None:
        """Give a staged file its name. Raises FerryError(IO), OSError."""


def place_of(output: str) -> Place:
    """Return the place that `--output` names."""
    return ObjectPlace(output) if is_object(output) else FolderPlace(Path(output))


class FolderPlace:
    """A folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self._path)

    def writer(self) -> AbstractContextManager[None]:
        """Hold the lock of the folder. Raises FerryError(IO)."""
        return only_writer(self._path.absolute())

    def make(self) -> None:
        """Make the folder. Raises FerryError(IO) where something is there, OSError."""
        if self._path.exists() and (not self._path.is_dir() or any(self._path.iterdir())):
            raise _not_new(self.name)
        (self._path / BOOKS).mkdir(parents=True, exist_ok=True)

    def tidy(self) -> None:
        """Remove unfinished files and folders. Raises OSError."""
        for path in (self._path / BOOKS).glob(".*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give a folder beside the books, so that a rename gives a file its name. Raises OSError."""
        folder = Path(tempfile.mkdtemp(prefix=".", dir=self._path / BOOKS))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def read(self, name: str) -> bytes | None:
        """Return a file whole. Raises OSError."""
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            return None

    def digest(self, name: str) -> str | None:
        """Return a file's SHA-256. Raises OSError."""
        if not (self._path / name).is_file():
            return None
        with (self._path / name).open("rb") as stream:
            return sha256_of_stream(stream)

    def write(self, name: str, data: bytes) -> None:
        """Write, sync and rename. Raises OSError."""
        path = self._path / name
        descriptor, staged = tempfile.mkstemp(prefix=".", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(descriptor)
                os.fchmod(descriptor, 0o644)
            Path(staged).replace(path)
        except BaseException:
            Path(staged).unlink(missing_ok=True)
            raise

    def adopt(self, staged: Path, name: str) -> None:
        """Sync and rename. Raises OSError."""
        with staged.open("rb") as stream:
            os.fsync(stream.fileno())
        staged.replace(self._path / name)


class ObjectPlace:
    """A prefix of a store. An object appears when its upload has ended, so that nothing is renamed and nothing left over there."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    @property
    def name(self) -> str:
        """What messages call it."""
        return self._url

    def writer(self) -> AbstractContextManager[None]:
        """Do nothing: S3 has no locks. The driver sees at its end whether the plan is still its own."""
        return contextlib.nullcontext()

    def make(self) -> None:
        """Require that nothing has this prefix. Raises FerryError(IO)."""
        if list_objects(self._url) or size_of_object(self._url) is not None:
            raise _not_new(self.name)

    def tidy(self) -> None:
        """Do nothing: an upload without an end is no object. A store's life-cycle rule removes its pieces."""

    def staging(self) -> AbstractContextManager[Path]:
        """Give a folder of this machine, and remove those of killed workers. Raises OSError."""
        return local_staging()

    def read(self, name: str) -> bytes | None:
        """Return an object whole. Raises FerryError(IO)."""
        return read_object(f"{self._url}/{name}")

    def digest(self, name: str) -> str | None:
        """Return an object's SHA-256. Raises FerryError(IO)."""
        url = f"{self._url}/{name}"
        if size_of_object(url) is None:
            return None
        with open_object(url) as stream:
            return sha256_of_stream(stream)

    def write(self, name: str, data: bytes) -> None:
        """Upload. Raises FerryError(IO)."""
        write_object(f"{self._url}/{name}", data)

    def adopt(self, staged: Path, name: str) -> None:
        """Upload. Raises FerryError(IO), OSError."""
        self.write(name, staged.read_bytes())


def _not_new(name: str) -> FerryError:
    return FerryError(ExitCode.IO, f"{name}: got an existing path, expected none; add --resume to go on, or name another folder")
