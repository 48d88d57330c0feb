"""Stored zips: an archive of Python's zipfile is read, and one that another reader could see otherwise is refused."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from torchferry.bundle.stored_zip import Rules, is_zip, read_entries, read_members

PARTS = {"a.npy": b"the first", "b.npy": b"the second one"}
END, CENTRAL, LOCAL = 22, 46, 30


def archive_of(parts: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in parts:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return stream.getvalue()


HONEST = archive_of(list(PARTS.items()))
DIRECTORY = struct.unpack_from("<I", HONEST, len(HONEST) - END + 16)[0]


def entry_at(name: str) -> int:
    """Where the directory's entry of that name begins."""
    return HONEST.rindex(name.encode()) - CENTRAL


def changed(at: int, data: bytes) -> bytes:
    return HONEST[:at] + data + HONEST[at + len(data) :]


def refusal(data: bytes, rules: Rules | None = None) -> str:
    with pytest.raises(ValueError, match=r"got .*, expected ") as caught:
        read_members(memoryview(data), rules or Rules())
    return str(caught.value)


def test_each_content_is_found_by_its_name() -> None:
    assert {name: bytes(part) for name, part in read_entries(memoryview(HONEST)).items()} == PARTS
    assert is_zip(HONEST[:10])
    assert not is_zip(b"PK,1,2")


def test_a_deflated_entry_is_handed_out_where_that_is_allowed() -> None:
    packed = archive_of([("a", b"x" * 100)], zipfile.ZIP_DEFLATED)
    (member,) = read_members(memoryview(packed), Rules(allow_deflate=True)).values()
    assert (member.size, member.is_deflated) == (100, True)
    assert len(member.data) < 100
    assert "a compressed entry (method 8)" in refusal(packed)


@pytest.mark.parametrize("mode", [0o120777, 0o040755, 0o020666])
def test_a_link_a_folder_or_a_device_is_refused_where_entries_become_files(mode: int) -> None:
    special = changed(entry_at("a.npy") + 38, struct.pack("<I", mode << 16))
    assert "a packed, encrypted or special entry" in refusal(special, Rules(only_regular=True))
    assert set(read_members(memoryview(special), Rules())) == set(PARTS)
    regular = changed(entry_at("a.npy") + 38, struct.pack("<I", 0o100644 << 16))
    assert set(read_members(memoryview(regular), Rules(only_regular=True))) == set(PARTS)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused() -> None:
    assert "this entry twice" in refusal(archive_of([("a.npy", b"one"), ("a.npy", b"two")]))


@pytest.mark.parametrize("size", range(len(HONEST)))
def test_an_archive_that_is_cut_is_refused(size: int) -> None:
    assert refusal(HONEST[:size])


@pytest.mark.parametrize("at", range(len(PARTS["b.npy"])))
def test_a_damaged_byte_is_refused(at: int) -> None:
    start = HONEST.index(PARTS["b.npy"])
    assert "CRC-32" in refusal(changed(start + at, b"#"))


def moved(at: int) -> bytes:
    """One more byte in front of the directory, whose place is told as it is."""
    longer = HONEST[:at] + b"x" + HONEST[at:]
    told = len(longer) - END + 16
    return longer[:told] + struct.pack("<I", DIRECTORY + 1) + longer[told + 4 :]


def test_no_byte_lies_in_front_between_or_behind_the_parts() -> None:
    second = HONEST.index(b"PK\x03\x04", 1)
    between = moved(second)
    offset = between.rindex(b"b.npy") - CENTRAL + 42
    between = between[:offset] + struct.pack("<I", second + 1) + between[offset + 4 :]
    assert "where the part before it ends" in refusal(between)
    assert "1 bytes in front of it that are of no entry" in refusal(moved(DIRECTORY))
    assert "where the end record begins" in refusal(HONEST[:-END] + b"x" + HONEST[-END:])
    assert refusal(b"x" + HONEST)
    assert refusal(HONEST + b"x")


@pytest.mark.parametrize(
    ("at", "data", "words"),
    [
        (entry_at("b.npy") + 8, b"\x01", "an encrypted entry"),
        (entry_at("b.npy") + 8, b"\x20", "flags 0x0020"),
        (entry_at("b.npy") + 34, b"\x01", "as many, in one part"),
        (LOCAL, b"c.npy", "a header that differs from the directory"),
        (8, b"\x08", "a header that differs from the directory"),
        (6, b"\x08", "a header that differs from the directory"),
        (22, b"\x01", "a header that differs from the directory"),
        (14, b"\x00\x00\x00\x01", "a header that differs from the directory"),
    ],
)
def test_both_headers_of_an_entry_say_the_same_and_nothing_unusual(at: int, data: bytes, words: str) -> None:
    assert words in refusal(changed(at, data))


def test_a_size_beyond_the_archive_is_refused() -> None:
    """Told in both headers, so that nothing differs."""
    large = struct.pack("<II", len(HONEST), len(HONEST))
    at = entry_at("b.npy") + 20
    second = HONEST.index(b"PK\x03\x04", 1)
    lying = changed(at, large)
    lying = lying[: second + 18] + large + lying[second + 26 :]
    assert f"a size of {len(HONEST)} bytes, expected at most" in refusal(lying)
    one_more = struct.pack("<II", len(PARTS["b.npy"]) + 1, len(PARTS["b.npy"]) + 1)
    lying = changed(at, one_more)
    lying = lying[: second + 18] + one_more + lying[second + 26 :]
    assert f"a size of {len(PARTS['b.npy']) + 1} bytes, expected at most the {len(PARTS['b.npy'])}" in refusal(lying)


def test_there_are_as_many_entries_as_are_allowed() -> None:
    parts = [(str(i), b"") for i in range(3)]
    assert len(read_members(memoryview(archive_of(parts)), Rules(max_entries=3))) == 3
    assert "3 entries, expected 1 to 2" in refusal(archive_of(parts), Rules(max_entries=2))
    assert "0 entries" in refusal(archive_of([]))
