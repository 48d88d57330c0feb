"""The door in front of a .pt2: the zip is read and judged here, before any loader sees it. cpp/engines/aoti_package.cpp is its twin.

LibTorch's own loader follows `..` out of its folder, runs a compiler that the archive names, and takes the last of two libraries.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from torchferry.errors import ExitCode, FerryError

_END = struct.Struct("<IHHHHIIH")
_END64 = struct.Struct("<IQHHIIQQQQ")
_LOCATOR64 = struct.Struct("<IIQI")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_END_SIGNATURE, _CENTRAL_SIGNATURE, _LOCAL_SIGNATURE = 0x06054B50, 0x02014B50, 0x04034B50
_END64_SIGNATURE, _LOCATOR64_SIGNATURE = 0x06064B50, 0x07064B50
_SIZES_FOLLOW, _UTF8 = 0x0008, 0x0800
_REGULAR_FILE = 0o100000
_MAX_ENTRIES = 1000
_COMPONENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_KNOWN = re.compile(
    r"archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id|"
    r"data/aotinductor/model/[A-Za-z0-9_][A-Za-z0-9._-]*\.(?:cpp|json|so)"
)


@dataclass(frozen=True)
class Library:
    """What is loaded from a package: one shared library, and the JSON files that lie beside it."""

    name: str
    files: dict[str, memoryview]


@dataclass(frozen=True)
class _Directory:
    start: int
    stop: int
    count: int


@dataclass(frozen=True)
class _Entry:
    name: str
    flags: int
    method: int
    crc: int
    size: int
    offset: int


def open_package(path: str, data: bytes) -> Library:
    """Judge a package. Raises FerryError(FORMAT) that names the entry and the rule."""
    view = memoryview(data)
    entries = list(_entries(path, view))
    _check_names(path, [entry.name for entry in entries])
    contents = {entry.name.partition("/")[2]: _content(path, view, entry) for entry in entries}
    _check_no_overlap(path, view, entries)
    if bytes(contents.get("archive_format", b"")) != b"pt2":
        raise _refusal(path, "archive_format", "got none or another one", "pt2")
    files = {name.rpartition("/")[2]: content for name, content in contents.items() if name.endswith((".so", ".json"))}
    libraries = [name for name in files if name.endswith(".so")]
    if len(libraries) != 1:
        raise _refusal(path, "library", f"got {len(libraries)} shared libraries", "exactly one")
    return Library(libraries[0], files)


def _entries(path: str, view: memoryview) -> Iterator[_Entry]:
    """Yield the central directory, which must be all that lies between the last entry and the end records."""
    directory = _directory(path, view)
    at = directory.start
    for _ in range(directory.count):
        entry, at = _central_entry(path, view, at, directory.stop)
        yield entry
    if at != directory.stop:
        raise _refusal(path, "directory", f"got {directory.stop - at} bytes after its last entry", "none")


def _directory(path: str, view: memoryview) -> _Directory:
    """Return where the directory lies, from the end record and from the 64-bit one that torch writes before it: both must say the same."""
    end = len(view) - _END.size
    if end < 0:
        raise _refusal(path, "end of zip", f"got {len(view)} bytes", "a zip archive")
    signature, disk, start_disk, here, total, size, offset, comment = _END.unpack_from(view, end)
    if signature != _END_SIGNATURE or comment or disk or start_disk or here != total:
        raise _refusal(path, "end of zip", "got none at the end of the file", "a zip archive of one part without a comment")
    stop = offset + size
    if end - stop == _END64.size + _LOCATOR64.size:
        record = _END64.unpack_from(view, stop)
        locator = _LOCATOR64.unpack_from(view, stop + _END64.size)
        told = (record[0], record[1], *record[4:]) == (_END64_SIGNATURE, _END64.size - 12, 0, 0, total, total, size, offset)
        if told and locator == (_LOCATOR64_SIGNATURE, 0, stop, 1):
            end = stop
    if total > _MAX_ENTRIES or stop != end:
        raise _refusal(
            path,
            "directory",
            f"got {total} entries in {size} bytes at {offset}",
            "a directory that ends where the end records begin",
        )
    return _Directory(offset, stop, total)


def _central_entry(path: str, view: memoryview, at: int, end: int) -> tuple[_Entry, int]:
    if at + _CENTRAL.size > end:
        raise _refusal(path, "directory", "got less than its entries need", "a whole directory")
    fields = _CENTRAL.unpack_from(view, at)
    signature, flags, method, crc, packed, size = fields[0], fields[3], fields[4], *fields[7:10]
    name_size, extra_size, comment_size, disk, attributes, offset = *fields[10:14], fields[15], fields[16]
    next_at = at + _CENTRAL.size + name_size + extra_size + comment_size
    if signature != _CENTRAL_SIGNATURE or next_at > end:
        raise _refusal(path, "directory", "got something that is not an entry", "a whole directory")
    name = bytes(view[at + _CENTRAL.size : at + _CENTRAL.size + name_size]).decode("latin-1")
    mode = attributes >> 16 & 0o170000
    if flags & ~(_SIZES_FOLLOW | _UTF8) or method or packed != size or disk or mode not in (0, _REGULAR_FILE):
        raise _refusal(path, _show(name), "got a packed, encrypted or special entry", "a stored regular file")
    return _Entry(name, flags, method, crc, size, offset), next_at


def _check_names(path: str, names: list[str]) -> None:
    root = names[0].partition("/")[0] if names else ""
    for name in names:
        parts = name.split("/")
        if name.startswith("/") or "\\" in name or ".." in parts or re.match(r"[A-Za-z]:", name):
            raise _refusal(path, _show(name), "got a path that leaves the package", "one inside it")
        if parts[0] != root or not _COMPONENT.fullmatch(root) or not _KNOWN.fullmatch(name.partition("/")[2]):
            raise _refusal(
                path, _show(name), "got an entry of no known kind", "those of torch._inductor.aoti_compile_and_package only"
            )
        if names.count(name) > 1:
            raise _refusal(path, _show(name), "got this entry twice", "each name once")


def _data_start(path: str, view: memoryview, entry: _Entry) -> int:
    """Return where the entry's bytes begin; its local header must say what the directory says."""
    if entry.offset + _LOCAL.size > len(view):
        raise _refusal(path, _show(entry.name), f"got offset {entry.offset}", "one inside the file")
    signature, _, flags, method, _, _, _, packed, size, name_size, extra_size = _LOCAL.unpack_from(view, entry.offset)
    start = entry.offset + _LOCAL.size
    name = bytes(view[start : start + name_size]).decode("latin-1")
    told = (packed, size) == (entry.size, entry.size) or (bool(flags & _SIZES_FOLLOW) and (packed, size) == (0, 0))
    if signature != _LOCAL_SIGNATURE or name != entry.name or (flags, method) != (entry.flags, entry.method) or not told:
        raise _refusal(
            path, _show(entry.name), "got a header that differs from the directory", "the same name, kind and size in both"
        )
    return int(start + name_size + extra_size)


def _content(path: str, view: memoryview, entry: _Entry) -> memoryview:
    start = _data_start(path, view, entry)
    if start + entry.size > len(view):
        raise _refusal(
            path,
            _show(entry.name),
            f"got a size of {entry.size} bytes",
            f"at most the {max(len(view) - start, 0)} that are there",
        )
    content = view[start : start + entry.size]
    if zlib.crc32(content) != entry.crc:
        raise _refusal(path, _show(entry.name), "got bytes with another CRC-32", "those that the directory describes")
    return content


def _check_no_overlap(path: str, view: memoryview, entries: list[_Entry]) -> None:
    directory = _directory(path, view).start
    ordered = sorted(entries, key=lambda entry: entry.offset)
    limits = [*(other.offset for other in ordered), directory][1:]
    for entry, limit in zip(ordered, limits, strict=True):
        end = _data_start(path, view, entry) + entry.size
        if end > limit:
            raise _refusal(
                path, _show(entry.name), f"got bytes up to {end}", f"an end at or before {limit}, where the next part begins"
            )


def _show(name: str) -> str:
    return "entry '" + "".join(c if " " <= c <= "~" else "?" for c in name[:100]) + "'"


def _refusal(path: str, where: str, got: str, expected: str) -> FerryError:
    return FerryError(ExitCode.FORMAT, f"{path}: {where}: {got}, expected {expected}; export the bundle again")
