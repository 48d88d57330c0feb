"""Zip archives whose every number is of 64 bits, as the writers of large files make them; each number can be made to lie."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

ELSEWHERE = 0xFFFFFFFF


def wide_zip(files: Mapping[str, bytes], **lies: int) -> bytes:
    """An archive of these files. `lies`: size, packed, offset, header_size, count, directory_size, start, end, short_count."""
    body, directory = bytearray(), bytearray()
    for name, data in files.items():
        told = {"size": len(data), "packed": len(data), "offset": len(body), "header_size": len(data), **lies}
        common = (45, 0, 0, 0, 0, zlib.crc32(data), ELSEWHERE, ELSEWHERE, len(name))
        extra = struct.pack("<HHQQ", 1, 16, told["header_size"], told["header_size"])
        body += struct.pack("<IHHHHHIIIHH", 0x04034B50, *common, len(extra)) + name.encode() + extra + data
        extra = struct.pack("<HHQQQ", 1, 24, told["size"], told["packed"], told["offset"])
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 45, *common, len(extra), 0, 0, 0, 0, ELSEWHERE)
        directory += name.encode() + extra
    return bytes(body + directory) + _ends(len(files), len(directory), len(body), lies)


def _ends(count: int, size: int, start: int, lies: Mapping[str, int]) -> bytes:
    told = {"count": count, "directory_size": size, "start": start, "end": start + size, "short_count": 0xFFFF, **lies}
    record = (0x06064B50, 44, 45, 45, 0, 0, told["count"], told["count"], told["directory_size"], told["start"])
    locator = struct.pack("<IIQI", 0x07064B50, 0, told["end"], 1)
    short = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, told["short_count"], told["short_count"], ELSEWHERE, ELSEWHERE, 0)
    return struct.pack("<IQHHIIQQQQ", *record) + locator + short
