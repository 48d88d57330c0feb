"""Mutants of a bundle's form: of the folder and its links, and of the bytes of the one file."""

from __future__ import annotations

import io
import os
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

# Names inside the folder: whatever is made or removed in a folder of a test has one of these.
INSIDE = [
    "README.md", "LICENSE", "MLmodel", "model.sig", "manifest.json.minisig", ".minisig", ".gitattributes", "..data", "extra",
    "golden/README.md", "golden/.hidden", "golden/a.minisig", "golden/extra.npy", "readme.md", "manifest.json", "model.onnx",
]  # fmt: skip
# Of entries of an archive, which is a text: nothing of that name is ever made.
ENTRIES = [
    *INSIDE, "..", ".", "native/x.so", ".cache/x", "x/.y", "golden", "/absolute", "../outside", "a\\b", "caf\u00e9", "a\nb",
]  # fmt: skip
NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0xFFFFFFFF)


def changed_folder(folder: Path, chance: random.Random) -> None:
    """Make one to three changes to what lies in a folder: files become links, folders, pipes or others, or are added and removed."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        files = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
        path = chance.choice(files) if files and chance.random() < 0.6 else folder / chance.choice(INSIDE)
        if not path.parent.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{path} is outside {folder}: a test changes its own files only")
        if not path.is_symlink() and path.is_dir():
            continue
        path.unlink(missing_ok=True)
        chance.choice((_nothing, _bytes, _link, _link, _link, _folder, _pipe))(path, folder, chance)


def _nothing(path: Path, folder: Path, chance: random.Random) -> None:
    del path, folder, chance


def _bytes(path: Path, folder: Path, chance: random.Random) -> None:
    others = sorted(other for other in folder.rglob("*") if os.path.isfile(other))  # noqa: PTH113 (no error for a bad link)
    path.write_bytes(chance.choice(others).read_bytes() if others and chance.random() < 0.5 else b"")


def _link(path: Path, folder: Path, chance: random.Random) -> None:
    others = [os.path.relpath(other, path.parent) for other in sorted(folder.rglob("*"))]
    path.symlink_to(
        chance.choice(
            [
                *others,
                path.name,
                "nowhere",
                ".",
                "/",
                "/dev/null",
                "/dev/zero",
                "../iris-adaline/manifest.json",
                "..data/x",
                "a" * 300,
            ]
        )
    )


def _folder(path: Path, folder: Path, chance: random.Random) -> None:
    del folder
    path.mkdir()
    if chance.random() < 0.5:
        (path / "inside").write_bytes(b"")


def _pipe(path: Path, folder: Path, chance: random.Random) -> None:
    del folder, chance
    os.mkfifo(path)


def archives(folder: Path, chance: random.Random, count: int) -> Iterator[bytes]:
    """Give `count` archives that are nearly the folder: half with other bytes, half with other entries."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    whole = _zipped(list(files.items()))
    places = _headers(whole)
    for number in range(count):
        yield _other_bytes(whole, places, chance) if number % 2 else _other_entries(files, chance)


def _zipped(entries: list[tuple[str, bytes]], method: Callable[[], int] = lambda: zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method()
            archive.writestr(info, data)
    return stream.getvalue()


def _headers(whole: bytes) -> list[int]:
    """Return the places of all bytes that are not content: those of the headers, the directory and the end record."""
    contents: set[int] = set()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        for info in archive.infolist():
            start = info.header_offset + 30 + len(info.filename.encode())
            contents.update(range(start, start + info.file_size))
    return [place for place in range(len(whole)) if place not in contents]


def _other_bytes(whole: bytes, places: list[int], chance: random.Random) -> bytes:
    data = bytearray(whole)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at, size = min(chance.choice(places), len(data)), chance.choice((1, 1, 2, 4, 8))
        kind = chance.randrange(6)
        if kind == 0:
            data[at : at + 1] = bytes([data[at] ^ 1 << chance.randrange(8)]) if at < len(data) else b"x"
        elif kind == 1:
            data[at : at + size] = (chance.choice(NUMBERS) & (1 << 8 * size) - 1).to_bytes(size, "little")
        elif kind == 2:
            data[at : at + size] = b""
        elif kind == 3:
            data[at:at] = data[max(0, at - size) : at]
        elif kind == 4:
            del data[at:]
        else:
            data += chance.choice((b"\0", b"PK\x05\x06", bytes(whole[at:])))
    return bytes(data)


def _other_entries(files: dict[str, bytes], chance: random.Random) -> bytes:
    entries = list(files.items())
    for _ in range(chance.choice((1, 1, 2))):
        at = chance.randrange(len(entries))
        name, data = entries[at]
        kind = chance.randrange(5)
        if kind == 0:
            del entries[at]
        elif kind == 1:
            entries.insert(at, (chance.choice(ENTRIES), chance.choice((b"", data))))
        elif kind == 2:
            entries[at] = (name, bytes([data[0] ^ 1]) + data[1:] if data else b"x")
        elif kind == 3:
            entries[at] = (chance.choice((name + "/", "./" + name, name.upper(), name.replace("/", "//"), *ENTRIES)), data)
        else:
            chance.shuffle(entries)
    return _zipped(entries, lambda: zipfile.ZIP_DEFLATED if chance.random() < 0.01 else zipfile.ZIP_STORED)
