"""Write a zip archive of stored files: the same bytes in both programs, whenever they run. The C++ twin is cpp/cli/npz_output.cpp.

Every size is a zip64 one, as `numpy.savez` writes them, so that a file has the same form on both sides of 4 GiB.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

_PIECE_BYTES = 1 << 20
_VERSION = 45  # of the format, where zip64 began
_UNIX = 3 << 8  # who made it: the upper half of the attributes is a mode
_MODE = 0o100644 << 16
_MIDNIGHT, _FIRST_DAY = 0, 1 << 5 | 1  # 1980-01-01 00:00, the earliest time that there is
_ELSEWHERE16, _ELSEWHERE32 = 0xFFFF, 0xFFFFFFFF
_ZIP64 = 0x0001
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END64 = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR64 = struct.Struct("<4sIQI")
_END = struct.Struct("<4sHHHHIIH")


@dataclass(frozen=True)
class _Entry:
    name: bytes
    crc: int
    size: int
    offset: int

    @property
    def local(self) -> bytes:
        extra = struct.pack("<HHQQ", _ZIP64, 16, self.size, self.size)
        head = (b"PK\x03\x04", _VERSION, 0, 0, _MIDNIGHT, _FIRST_DAY, self.crc, _ELSEWHERE32, _ELSEWHERE32)
        return _LOCAL.pack(*head, len(self.name), len(extra)) + self.name + extra

    @property
    def central(self) -> bytes:
        extra = struct.pack("<HHQQQ", _ZIP64, 24, self.size, self.size, self.offset)
        head = (b"PK\x01\x02", _UNIX | _VERSION, _VERSION, 0, 0, _MIDNIGHT, _FIRST_DAY, self.crc, _ELSEWHERE32, _ELSEWHERE32)
        return _CENTRAL.pack(*head, len(self.name), len(extra), 0, 0, 0, _MODE, _ELSEWHERE32) + self.name + extra


def write_stored(stream: BinaryIO, files: Mapping[str, BinaryIO]) -> None:
    """Write the contents of seekable files by their names, which are ASCII, in the order of `files`."""
    entries: list[_Entry] = []
    at = 0
    for name, file in files.items():
        crc = size = 0
        for piece in _pieces(file):
            crc, size = zlib.crc32(piece, crc), size + len(piece)
        entry = _Entry(name.encode("ascii"), crc, size, at)
        entries.append(entry)
        stream.write(entry.local)
        for piece in _pieces(file):
            stream.write(piece)
        at += len(entry.local) + size
    stream.write(_directory(entries, at))


def _directory(entries: list[_Entry], start: int) -> bytes:
    directory = b"".join(entry.central for entry in entries)
    stop, count = start + len(directory), len(entries)
    end64 = _END64.pack(b"PK\x06\x06", _END64.size - 12, _UNIX | _VERSION, _VERSION, 0, 0, count, count, len(directory), start)
    locator = _LOCATOR64.pack(b"PK\x06\x07", 0, stop, 1)
    end = _END.pack(b"PK\x05\x06", 0, 0, _ELSEWHERE16, _ELSEWHERE16, _ELSEWHERE32, _ELSEWHERE32, 0)
    return directory + end64 + locator + end


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file from its beginning."""
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        yield piece
