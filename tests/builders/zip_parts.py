"""Zip archives written by hand: every field that a reader believes can be made to lie."""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Part:
    """One entry; `None`: the truth."""

    name: str
    data: bytes
    told_size: int | None = None  # in the directory
    header_size: int | None = None  # in front of the data
    header_name: str | None = None
    told_crc: int | None = None
    told_offset: int | None = None
    flags: int = 0
    method: int = 0
    mode: int = 0
    is_listed: bool = True


def read_parts(path: Path) -> list[Part]:
    """The entries of an honest archive."""
    with zipfile.ZipFile(path) as archive:
        return [Part(info.filename, archive.read(info)) for info in archive.infolist()]


def renamed(part: Part, name: str) -> Part:
    """The same content under another name."""
    return replace(part, name=name)


def write_zip(parts: list[Part], *, comment: bytes = b"", before: bytes = b"", after: bytes = b"") -> bytes:
    """An archive of these parts, in this order."""
    body, directory = bytearray(before), bytearray()
    listed = [part for part in parts if part.is_listed]
    for part in parts:
        offset = len(body) if part.told_offset is None else part.told_offset
        size = len(part.data) if part.told_size is None else part.told_size
        crc = zlib.crc32(part.data) if part.told_crc is None else part.told_crc
        name, header_name = part.name.encode(), (part.header_name or part.name).encode()
        header_size = size if part.header_size is None else part.header_size
        body += struct.pack(
            "<IHHHHHIIIHH", 0x04034B50, 20, part.flags, part.method, 0, 0, crc, header_size, header_size, len(header_name), 0
        )
        body += header_name + part.data
        if part.is_listed:
            fields = (
                0x02014B50,
                0x031E,
                20,
                part.flags,
                part.method,
                0,
                0,
                crc,
                size,
                size,
                len(name),
                0,
                0,
                0,
                0,
                part.mode << 16,
                offset,
            )
            directory += struct.pack("<IHHHHHHIIIHHHHHII", *fields) + name
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(listed), len(listed), len(directory), len(body), len(comment))
    return bytes(body + directory + end + comment + after)
