"""Objects of an S3 store, `s3://BUCKET/KEY`, through pyarrow.fs: read by ranges, listed as a folder is, written whole."""

from __future__ import annotations

import functools
import io
import os
import re
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar, cast

from torchferry.errors import ExitCode, FerryError
from torchferry.extras import named_extras

_SCHEME = "s3://"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_AHEAD_BYTES = 2**20  # of one request to the store
_NO_ACCESS = ("ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "EXPIRED_TOKEN", "HTTP status 403")
_Answer = TypeVar("_Answer")


def is_object(path: str) -> bool:
    """Say whether a path names an object of a store."""
    return path.startswith(_SCHEME)


def require_url(url: str) -> None:
    """Require s3:// with the name of a bucket, as S3 allows it. Raises FerryError(USAGE)."""
    if _BUCKET.fullmatch(_bucket(url)) is None:
        raise FerryError(ExitCode.USAGE, f"{url}: got no name of a bucket, expected s3://BUCKET/KEY; write it so")


def open_object(url: str) -> BinaryIO:
    """Open an object in which one can seek. Raises FerryError(IO), UNAVAILABLE without pyarrow."""
    store, key = _store_of(url)
    return cast(BinaryIO, io.BufferedReader(_Ranges(url, _told(url, lambda: store.open_input_file(key))), _AHEAD_BYTES))


def expand_objects(url: str) -> list[str]:
    """Return an object's own URL, or those of the objects directly below a prefix, by the bytes of their names.

    Raises FerryError(IO) where there is none, UNAVAILABLE without pyarrow.
    """
    store, key = _store_of(url)
    if not url.endswith("/") and _told(url, lambda: store.get_file_info(key)).is_file:
        return [url]
    found = list_objects(url)
    if not found:
        _require_bucket(store, url)
        raise FerryError(ExitCode.IO, f"{url}: no such object, and none below it; check the key")
    return [f"{_SCHEME}{path}" for path in sorted(found, key=os.fsencode) if not _name(path).startswith(".")]


def list_objects(url: str) -> list[str]:
    """Return BUCKET/KEY of what is directly below a prefix. Raises FerryError(IO)."""
    from pyarrow import fs

    store, key = _store_of(url)
    below = fs.FileSelector(key, allow_not_found=True)
    return [info.path for info in _told(url, lambda: store.get_file_info(below)) if info.path.rstrip("/") != key]


def size_of_object(url: str) -> int | None:
    """Return the bytes of an object; None where there is none. Raises FerryError(IO)."""
    store, key = _store_of(url)
    info = _told(url, lambda: store.get_file_info(key))
    return info.size if info.is_file else None


def read_object(url: str) -> bytes | None:
    """Return an object whole; None where there is none. Raises FerryError(IO)."""
    if size_of_object(url) is None:
        return None
    with open_object(url) as stream:
        return stream.read()


def write_object(url: str, data: bytes) -> None:
    """Write an object, which is there whole or not at all. Raises FerryError(IO)."""
    store, key = _store_of(url)

    def write() -> None:
        stream = store.open_output_stream(key)
        stream.write(data)  # a failure leaves the upload without its end, and the store shows nothing of it
        stream.close()

    _told(url, write)


def _store_of(url: str) -> tuple[Any, str]:
    """Return the file system of a URL's bucket, and BUCKET/KEY. Raises FerryError: USAGE, UNAVAILABLE without pyarrow, IO."""
    require_url(url)
    key = url.removeprefix(_SCHEME).rstrip("/")
    with named_extras(url, "tables"):
        import pyarrow.fs  # noqa: F401
    return _told(url, lambda: _file_system(_bucket(url))), key


@functools.lru_cache
def _file_system(bucket: str) -> Any:
    """Return the file system as the environment has it: AWS_ENDPOINT_URL, AWS_REGION, keys, profile or role."""
    from pyarrow import fs

    return fs.FileSystem.from_uri(f"{_SCHEME}{bucket}")[0]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _require_bucket(store: Any, url: str) -> None:
    from pyarrow import fs

    bucket = _bucket(url)
    if _told(url, lambda: store.get_file_info(bucket)).type == fs.FileType.NotFound:
        raise FerryError(ExitCode.IO, _no_bucket(url))


def _bucket(url: str) -> str:
    return url.removeprefix(_SCHEME).partition("/")[0]


def _no_bucket(url: str) -> str:
    return f"{url}: no bucket {_bucket(url)} there; check its name, the account, and AWS_ENDPOINT_URL"


class _Ranges(io.RawIOBase):
    """An object as a raw stream, whose failures are a FerryError: that the network broke says nothing about the rows."""

    def __init__(self, url: str, file: Any) -> None:
        self._url, self._file = url, file

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as much as there is."""
        return int(_told(self._url, lambda: self._file.readinto(buffer)))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, which costs no request."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Return the place."""
        return int(self._file.tell())

    def close(self) -> None:
        """Close the object."""
        if not self.closed:
            self._file.close()
        super().close()


def _told(url: str, act: Callable[[], _Answer]) -> _Answer:
    """Return what `act` does; what pyarrow raises becomes one line. Raises FerryError(IO)."""
    try:
        return act()
    except OSError as error:
        raise FerryError(ExitCode.IO, _line(url, error)) from None


def _line(url: str, error: OSError) -> str:
    words = " ".join(str(error).partition(" (Request ID")[0].split())
    if "AWS Error NO_SUCH_BUCKET" in words:
        return _no_bucket(url)
    if any(sign in words for sign in _NO_ACCESS):
        said = words.partition("AWS Error ")[2].partition(" during")[0]
        return f"{url}: access denied ({said}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role that may do this"
    if "NETWORK_CONNECTION" in words:
        said = words.rpartition("Details: ")[2]
        return f"{url}: no answer from the store ({said}); check the network, AWS_ENDPOINT_URL and AWS_REGION"
    if isinstance(error, FileNotFoundError):
        return f"{url}: no such object; check the key"
    return f"{url}: got {words[:300]}, expected the store to do it; see the store's log"
