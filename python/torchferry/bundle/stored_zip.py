"""Zip archives: `.npz` files, whose entries must be stored, and model archives. The C++ twin is cpp/archive/stored_zip.cpp.

Other readers search for the parts of an archive and skip what they do not know; here every byte in front of the directory
belongs to exactly one entry, so that no two readers can see different contents in one file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_ENTRIES = 500
_END = struct.Struct("<IHHHHIIH")
_END64 = struct.Struct("<IQHHIIQQQQ")
_LOCATOR64 = struct.Struct("<IIQI")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_EXTRA = struct.Struct("<HH")
_DESCRIPTORS = (struct.Struct("<IIQQ"), struct.Struct("<IIII"))
_END_SIGNATURE, _END64_SIGNATURE, _LOCATOR64_SIGNATURE = 0x06054B50, 0x06064B50, 0x07064B50
_CENTRAL_SIGNATURE, _LOCAL_SIGNATURE, _DESCRIPTOR_SIGNATURE = 0x02014B50, 0x04034B50, 0x08074B50
_ENCRYPTED, _SIZES_FOLLOW, _UTF8 = 0x0001, 0x0008, 0x0800
_STORED, _DEFLATED = 0, 8  # methods
_FILE_KIND, _REGULAR = 0o170000, 0o100000  # of the mode that Unix keeps in the upper half of the attributes
_ZIP64 = 0x0001  # kind of the extra field with the numbers that do not fit in 32 bits
_ELSEWHERE16, _ELSEWHERE32 = 0xFFFF, 0xFFFFFFFF  # stands for such a number
_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")  # of an archive with entries and of one without


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
    packed: int
    size: int
    offset: int


@dataclass(frozen=True)
class Rules:
    """What an archive may hold; the defaults are those of a `.npz`."""

    max_entries: int = MAX_ENTRIES
    allow_deflate: bool = False
    only_regular: bool = False  # no link and no folder: for what is unpacked into files
    check_crc: bool = True  # of the contents; without it where a stronger digest of the whole file has been checked


@dataclass(frozen=True)
class Member:
    """An entry: its bytes as they lie in the archive from `start`, and size and CRC-32 of its content, which differs if it is deflated."""

    start: int
    data: memoryview
    size: int
    crc: int
    is_deflated: bool


NPZ = Rules()


def is_zip(head: bytes) -> bool:
    """Say whether a file that starts with these bytes looks like a zip archive."""
    return head.startswith(_BEGINNINGS)


def read_entries(archive: memoryview) -> dict[str, memoryview]:
    """Return the contents of a `.npz` by name, as parts of `archive`. Raises ValueError that says what was got and expected."""
    return {name: member.data for name, member in read_members(archive, NPZ).items()}


def read_members(archive: memoryview, rules: Rules) -> dict[str, Member]:
    """Return the entries by name, as parts of `archive`. Raises ValueError that says what was got and expected."""
    directory = _find_directory(archive, rules.max_entries)
    entries = list(_read_directory(archive, directory, rules))
    body = archive[: directory.start]
    contents: dict[str, Member] = {}
    at = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.name in contents:
            raise entry_refusal(entry.name, "this entry twice", "each name once")
        if entry.offset != at:
            raise entry_refusal(entry.name, f"an offset of {entry.offset}", f"{at}, where the part before it ends")
        contents[entry.name], at = _read_entry(body, entry, rules)
    if at != len(body):
        raise ValueError(f"directory: got {len(body) - at} bytes in front of it that are of no entry, expected none")
    return contents


def _find_directory(archive: memoryview, max_entries: int) -> _Directory:
    end = len(archive) - _END.size
    fields = _END.unpack_from(archive, end) if end >= 0 else (0,)
    if fields[0] != _END_SIGNATURE or fields[1:3] != (0, 0) or fields[3] != fields[4] or fields[7]:
        raise ValueError("end of zip: got none at the end of the file, expected a whole archive of one part without a comment")
    stop, (count, size, start) = end, fields[4:7]
    locator = end - _LOCATOR64.size
    if locator >= _END64.size and _LOCATOR64.unpack_from(archive, locator)[0] == _LOCATOR64_SIGNATURE:
        stop, count, size, start = _read_end64(archive, locator, (count, size, start))
    if start + size != stop:
        raise ValueError(f"directory: got {size} bytes at {start}, expected one that ends at {stop}, where the end record begins")
    if not 0 < count <= max_entries:
        raise ValueError(f"directory: got {count} entries, expected 1 to {max_entries}")
    return _Directory(start, stop, count)


def _read_end64(archive: memoryview, locator: int, short: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Return where the 64-bit end record lies, and its count, size and start. The short record must repeat them or leave them open."""
    stop = locator - _END64.size
    signature, size, _, _, disk, start_disk, here, *numbers = _END64.unpack_from(archive, stop)
    is_whole = (signature, size, disk, start_disk) == (_END64_SIGNATURE, _END64.size - 12, 0, 0) and here == numbers[0]
    elsewhere = (_ELSEWHERE16, _ELSEWHERE32, _ELSEWHERE32)
    agrees = all(told in (number, mark) for told, number, mark in zip(short, numbers, elsewhere, strict=True))
    if _LOCATOR64.unpack_from(archive, locator)[1:] != (0, stop, 1) or not is_whole or not agrees:
        raise ValueError("end of zip: got a 64-bit record that differs from the other, expected the same in both")
    count, size, start = numbers
    return stop, count, size, start


def _read_directory(archive: memoryview, directory: _Directory, rules: Rules) -> Iterator[_Entry]:
    at = directory.start
    for _ in range(directory.count):
        entry, at = _read_directory_entry(archive[: directory.stop], at, rules)
        yield entry
    if at != directory.stop:
        raise ValueError(f"directory: got {directory.stop - at} bytes after its last entry, expected none")


def _read_directory_entry(archive: memoryview, at: int, rules: Rules) -> tuple[_Entry, int]:
    """Return the entry at `at`, and where the next one begins."""
    if at + _CENTRAL.size > len(archive):
        raise ValueError("directory: got less than its entries need, expected a whole directory")
    fields = _CENTRAL.unpack_from(archive, at)
    flags, method, crc, disk = fields[3], fields[4], fields[7], fields[13]
    name_stop = at + _CENTRAL.size + fields[10]
    extra_stop = name_stop + fields[11]
    stop = extra_stop + fields[12]
    if fields[0] != _CENTRAL_SIGNATURE or stop > len(archive):
        raise ValueError("directory: got something that is not an entry, expected a whole directory")
    name = _text(archive[at + _CENTRAL.size : name_stop])
    if rules.only_regular:
        _require_regular(name, flags, method, fields[15] >> 16 & _FILE_KIND)
    _require_plain(name, flags, method, rules)
    size, packed, offset = _widen(archive[name_stop:extra_stop], (fields[9], fields[8], fields[16]))
    if (packed != size and method == _STORED) or disk:
        raise entry_refusal(name, f"{packed} stored bytes for {size}", "as many, in one part")
    return _Entry(name, flags, method, crc, packed, size, offset), stop


def _require_plain(name: str, flags: int, method: int, rules: Rules) -> None:
    if flags & _ENCRYPTED:
        raise entry_refusal(name, "an encrypted entry", "one that anybody can read")
    if method not in ((_STORED, _DEFLATED) if rules.allow_deflate else (_STORED,)):
        expected = "a stored or deflated one" if rules.allow_deflate else "a stored one, not one of numpy.savez_compressed"
        raise entry_refusal(name, f"a compressed entry (method {method})", expected)
    if flags & ~(_SIZES_FOLLOW | _UTF8):
        raise entry_refusal(name, f"flags {flags:#06x}", "those of a stored file")


def _require_regular(name: str, flags: int, method: int, kind: int) -> None:
    if flags & ~(_SIZES_FOLLOW | _UTF8) or method != _STORED or kind not in (0, _REGULAR):
        raise entry_refusal(name, "a packed, encrypted or special entry", "a stored regular file")


def _widen(extra: memoryview, numbers: Sequence[int]) -> list[int]:
    """Return the numbers, where those that do not fit in 32 bits are taken from the zip64 field, in this order."""
    wide = iter(_zip64_numbers(extra))
    return [next(wide, number) if number == _ELSEWHERE32 else number for number in numbers]


def _zip64_numbers(extra: memoryview) -> list[int]:
    at = 0
    while at + _EXTRA.size <= len(extra):
        kind, size = _EXTRA.unpack_from(extra, at)
        at += _EXTRA.size
        if kind == _ZIP64:
            field = extra[at : at + size]
            return [number for (number,) in struct.iter_unpack("<Q", field[: len(field) // 8 * 8])]
        at += size
    return []


def _read_entry(body: memoryview, entry: _Entry, rules: Rules) -> tuple[Member, int]:
    """Return the bytes, and where the entry ends. The header in front of them must say what the directory says."""
    start = _content_start(body, entry)
    if entry.packed > len(body) - start:
        raise entry_refusal(
            entry.name, f"a size of {entry.packed} bytes", f"at most the {max(len(body) - start, 0)} that are there"
        )
    stop = start + entry.packed
    if rules.check_crc and entry.method == _STORED and zlib.crc32(body[start:stop]) != entry.crc:
        raise entry_refusal(entry.name, "bytes with another CRC-32", "those that were written")
    member = Member(start, body[start:stop], entry.size, entry.crc, entry.method == _DEFLATED)
    return member, _skip_descriptor(body, stop, entry) if entry.flags & _SIZES_FOLLOW else stop


def _content_start(body: memoryview, entry: _Entry) -> int:
    at = entry.offset + _LOCAL.size
    fields = _LOCAL.unpack_from(body, entry.offset) if at <= len(body) else (0,) * 11
    signature, _, flags, method, _, _, crc, packed, size, name_size, extra_size = fields
    start = at + name_size + extra_size
    told = (crc, *_widen(body[at + name_size : start], (size, packed)))
    truth = (entry.crc, entry.size, entry.packed)
    are_equal = all(number == true or (number == 0 and flags & _SIZES_FOLLOW) for number, true in zip(told, truth, strict=True))
    is_same = (signature, flags, method) == (_LOCAL_SIGNATURE, entry.flags, entry.method) and _text(
        body[at : at + name_size]
    ) == entry.name
    if not is_same or not are_equal:
        raise entry_refusal(
            entry.name, "a header that differs from the directory", "the same name, kind, size and CRC-32 in both"
        )
    return int(start)


def _skip_descriptor(body: memoryview, at: int, entry: _Entry) -> int:
    """Return the place behind the size and CRC-32, which follow a content that was written to a pipe."""
    for form in _DESCRIPTORS:
        wanted = (_DESCRIPTOR_SIGNATURE, entry.crc, entry.packed, entry.size)
        if at + form.size <= len(body) and form.unpack_from(body, at) == wanted:
            return at + form.size
    raise entry_refusal(entry.name, "another descriptor behind its bytes", "the size and CRC-32 of the directory")


def _text(part: memoryview) -> str:
    return bytes(part).decode("latin-1")


def entry_refusal(name: str, got: str, expected: str) -> ValueError:
    """Return the error for a faulty entry, whose name may be anything."""
    shown = "".join(c if " " <= c <= "~" else "?" for c in name[:100])
    return ValueError(f"entry '{shown}': got {got}, expected {expected}")
