"""Image files of 8 x 8 pixels made by hand, right and wrong in every field; equal seeds give equal files."""

from __future__ import annotations

import random
import struct
import zlib

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
SIDE = 8
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(kind: bytes, body: bytes = b"", *, crc: int | None = None) -> bytes:
    """Length, type, data and CRC."""
    check = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def header(width: int = SIDE, height: int = SIDE, depth: int = 8, colour: int = 0, *rest: int) -> bytes:
    """The chunk IHDR; `rest` are compression, filter and interlace."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, *(rest or (0, 0, 0))))


def scanlines(random_: random.Random, colour: int, *, filters: tuple[int, ...] = (0, 1, 2, 3, 4), levels: int = 256) -> bytes:
    """Rows of random bytes, each after its filter type."""
    width = SIDE * CHANNELS.get(colour, 1)
    if levels < 256:  # indexes of a palette: filters would carry them beyond it
        filters = (0,)
    return b"".join(
        bytes([random_.choice(filters)]) + bytes(random_.randrange(levels) for _ in range(width)) for _ in range(SIDE)
    )


def png(*chunks: bytes, tail: bytes = b"") -> bytes:
    """A whole file; IEND is added."""
    return PNG_MAGIC + b"".join(chunks) + chunk(b"IEND") + tail


METHODS = ((1, 0, 0), (0, 1, 0), (0, 0, 2), (0, 0, 255))
SIZES = ((7, 8), (8, 9), (0, 8), (8, 0), (2**31, 8), (2**32 - 1, 2**32 - 1))
ANCILLARY = (b"gAMA", b"pHYs", b"tEXt", b"zTXt", b"iCCP", b"abCd", b"eXIf", b"sBIT", b"acTL", b"tRNS", b"bKGD", b"fdAT")
UNKNOWN = (b"ABCD", b"CgBI", b"IDAt", b"\0\0\0\0", b"I AT", b"JDAT")
PALETTE_BYTES = (0, 1, 3, 48, 766, 768, 769, 771)


class RandomPng:
    """The parts of a PNG, to be spoilt one by one."""

    def __init__(self, random_: random.Random) -> None:
        self._random = random_
        self.colour = random_.choice((0, 0, 2, 3, 4, 6))
        entries = random_.choice((256, 256, 16)) if self.colour == 3 else 256
        self.data = zlib.compress(scanlines(random_, self.colour, levels=entries))
        self.start = [header(colour=self.colour)]
        self.palette = [chunk(b"PLTE", random_.randbytes(3 * entries))] if self.colour == 3 else []
        self.body = [chunk(b"IDAT", self.data)]
        self.tail = b""

    def file(self) -> bytes:
        """The whole file, one in twenty cut short."""
        whole = png(*self.start, *self.palette, *self.body, tail=self.tail)
        return whole[: self._random.randrange(20, len(whole))] if self._random.random() < 0.05 else whole

    def spoil_header(self) -> None:
        """Another colour type, depth, method or size."""
        pick = self._random.choice
        self.start[-1] = pick(
            (
                header(colour=pick((1, 5, 7, 8, 255))),
                header(depth=pick((0, 1, 2, 4, 16, 32)), colour=self.colour),
                header(SIDE, SIDE, 8, self.colour, *pick(METHODS)),
                header(*pick(SIZES), 8, self.colour),
            )
        )

    def spoil_order(self) -> None:
        """A chunk more, twice, or in another place."""
        strange = (
            chunk(b"IDAT"),
            header(colour=self.colour),
            chunk(b"PLTE", bytes(768)),
            chunk(b"tRNS", bytes(2)),
            chunk(b"IEND"),
        )
        where = self._random.choice((self.start, self.palette, self.body))
        where.insert(self._random.randrange(len(where) + 1), self._random.choice(strange))

    def add_chunk(self) -> None:
        """One that readers skip, or one that they must know."""
        kind = self._random.choice(ANCILLARY if self._random.random() < 0.7 else UNKNOWN)
        where = self._random.choice((self.start, self.body))
        where.insert(self._random.randrange(len(where) + 1), chunk(kind, self._random.randbytes(self._random.randrange(20))))

    def split_data(self) -> None:
        """Two chunks of data; one may be empty."""
        at = self._random.randrange(len(self.data) + 1)
        self.body = [chunk(b"IDAT", self.data[:at]), chunk(b"IDAT", self.data[at:])]

    def spoil_data(self) -> None:
        """A zlib stream that is cut, too long, of other rows, or none."""
        rows = scanlines(self._random, self.colour, filters=(5, 0))
        streams = (
            self.data[:-1],
            self.data[:-4],
            self.data[: len(self.data) // 2],
            self.data + b"\0",
            b"",
            self.data[2:-4],
            self.data[:-4] + bytes(4),
        )
        others = (rows, rows[:-1], rows[:-9], rows + bytes(9), rows * 40, b"")
        data = self._random.choice((*streams, *map(zlib.compress, others)))
        self.body = [chunk(b"IDAT", data)]

    def spoil_crc(self) -> None:
        """A checksum of other bytes."""
        self.body = [chunk(b"IDAT", self.data, crc=self._random.getrandbits(32))]

    def spoil_palette(self) -> None:
        """A palette of another size, or where there should be none."""
        self.palette = [chunk(b"PLTE", self._random.randbytes(self._random.choice(PALETTE_BYTES)))]

    def add_tail(self) -> None:
        """Bytes behind the end."""
        self.tail = self._random.choice((b"\0", b"more", PNG_MAGIC))


def random_png(random_: random.Random) -> bytes:
    """A PNG with nothing to two things wrong or unusual."""
    made = RandomPng(random_)
    spoils = (
        made.spoil_header,
        made.spoil_order,
        made.add_chunk,
        made.split_data,
        made.spoil_data,
        made.spoil_crc,
        made.spoil_palette,
    )
    for _ in range(random_.choice((0, 1, 1, 2))):
        random_.choice((*spoils, made.add_chunk, made.spoil_data, made.add_tail))()
    return made.file()


def bmp(
    *, bits: int = 8, width: int = SIDE, height: int = SIDE, size: int = 40, planes: int = 1, compression: int = 0, used: int = 0,
    entries: int | None = None, offset: int | None = None, pixels: bytes | None = None,
) -> bytes:  # fmt: skip
    """A file with a Windows header; `used` is what it says of its palette, `entries` what is there."""
    entries = (256 if bits == 8 else 0) if entries is None else entries
    palette = b"".join(bytes((i, i, i, 0)) for i in range(entries))
    start = 14 + max(size, 12) + len(palette) if offset is None else offset
    row_bytes = (abs(width) * bits + 31) // 32 * 4
    rows = bytes(i * 37 % 251 for i in range(row_bytes * abs(height))) if pixels is None else pixels
    fields = struct.pack("<IiiHHIIiiII", size, width, height, planes, bits, compression, len(rows), 2835, 2835, used, 0)
    extra = bytes(max(0, size - 40))
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + fields + extra + palette + rows


def random_bmp(random_: random.Random) -> bytes:
    """A BMP with nothing to two things wrong or unusual."""
    options: dict[str, object] = {"bits": random_.choice((8, 8, 24, 32))}
    for _ in range(random_.choice((0, 1, 1, 2))):
        name = random_.choice(("bits", "width", "height", "size", "planes", "compression", "used", "entries", "offset", "pixels"))
        options[name] = random_.choice(
            {
                "bits": (0, 1, 4, 16, 24, 32, 64),
                "width": (-8, 0, 7, 9, 2**31 - 1, -(2**31)),
                "height": (-8, 0, 7, -7, 2**31 - 1, -(2**31)),
                "size": (0, 12, 16, 40, 52, 56, 64, 108, 124, 128, 2**32 - 1),
                "planes": (0, 2, 65535),
                "compression": (1, 2, 3, 4, 5, 6, 11, 2**32 - 1),
                "used": (1, 16, 256, 257, 2**32 - 1),
                "entries": (0, 1, 16, 128, 255),
                "offset": (0, 10, 53, 54, 55, 58, 70, 1078, 1082, 2**31, 2**32 - 1000),
                "pixels": (b"", bytes(63), bytes(64), bytes(191), bytes(192), bytes(255), bytes(400)),
            }[name]
        )
    size, width, height = (int(options.get(key, default)) for key, default in (("size", 40), ("width", 8), ("height", 8)))  # type: ignore[call-overload]
    if size > 1000 or abs(width) > 100 or abs(height) > 100:
        options.setdefault("pixels", bytes(256))
    if size > 1000:
        return bmp(**{**options, "size": 40}).replace(struct.pack("<I", 40), struct.pack("<I", size), 1)  # type: ignore[arg-type]
    return bmp(**options)  # type: ignore[arg-type]


WHITE = [b" ", b" ", b"\n", b"\n", b"\t", b"\r\n", b"  ", b"\v", b"\f", b"", b"\n# a comment\n", b"#\n", b" # 9\n", b"#"]
NUMBERS = [
    b"08",
    b"7",
    b"9",
    b"0",
    b"-8",
    b"+8",
    b"8.0",
    b"",
    b"x",
    b"256",
    b"65535",
    b"254",
    b"8" * 10,
    b"0" * 12 + b"8",
    b"255x",
]


def random_pgm(random_: random.Random) -> bytes:
    """A PGM whose header has other white space, comments and numbers."""
    numbers = [b"8", b"8", b"255"]
    if random_.random() < 0.3:
        numbers[random_.randrange(3)] = random_.choice(NUMBERS)
    magic = random_.choice((b"P2", b"P6", b"P4", b"P7", b"p5")) if random_.random() < 0.2 else b"P5"
    fields = b"".join((random_.choice(WHITE) if random_.random() < 0.3 else b"\n") + number for number in numbers)
    end = random_.choice((b" ", b"\r", b"x", b"\r\n", b"")) if random_.random() < 0.3 else b"\n"
    return magic + fields + end + random_.randbytes(random_.choice((64, 64, 64, 64, 64, 63, 65, 0, 128)))
