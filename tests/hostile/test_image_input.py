"""Images that are no grey or colour pictures of the contract's size are refused, and in Python as in C++ (FORMAT.md section 10)."""

from __future__ import annotations

import io
import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from builders.programs import Program
from builders.spread import spread
from hostile.acceptance import is_accepted
from hostile.pictures import PNG_MAGIC, bmp, chunk, header, png, random_bmp, random_pgm, random_png, scanlines
from hostile.refusal import assert_refused

FILES_A_KIND = 150
GREY = (np.arange(64, dtype=np.uint8) * 4).reshape(8, 8)
ROWS = zlib.compress(scanlines(random.Random(0), 0))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)  # type: ignore[arg-type]
    return stream.getvalue()


GOOD = encoded(Image.fromarray(GREY), "PNG")
BROKEN = {
    "cmyk jpeg": encoded(Image.fromarray(GREY).convert("CMYK"), "JPEG"),
    "gif": encoded(Image.fromarray(GREY), "GIF"),
    "tiff": encoded(Image.fromarray(GREY), "TIFF"),
    "webp": encoded(Image.fromarray(GREY), "WEBP", lossless=True),
    "too wide": encoded(Image.fromarray(np.zeros((8, 9), np.uint8)), "PNG"),
    "too high": encoded(Image.fromarray(np.zeros((9, 8), np.uint8)), "BMP"),
    "28 x 28": encoded(Image.fromarray(np.zeros((28, 28), np.uint8)), "PPM"),
    "3 bit": png(header(depth=3), chunk(b"IDAT", ROWS)),
    "4 bit colour": png(header(depth=4, colour=2), chunk(b"IDAT", ROWS)),
    "cut 16 bit pgm": b"P5\n8 8\n65535\n" + bytes(127),
    "ascii pgm": b"P2\n8 8\n255\n" + b"0 " * 64,
    "cut ppm": b"P6\n8 8\n255\n" + bytes(191),
    "a bitmap of lines": b"P4\n8 8\n" + bytes(8),
    "a level above the maximum": b"P5\n8 8\n100\n" + bytes(63) + b"e",
    "no maximum": b"P5\n8 8\n0\n" + bytes(64),
    "cut png": GOOD[:-1],
    "cut in its data": GOOD[:45],
    "cut in its header": GOOD[:20],
    "only the magic": PNG_MAGIC,
    "cut bmp": encoded(Image.fromarray(GREY), "BMP")[:-1],
    "bmp header only": encoded(Image.fromarray(GREY), "BMP")[:30],
    "cut pgm": b"P5\n8 8\n255\n" + bytes(63),
    "pgm header only": b"P5\n8 8",
    "a pgm without its height": b"P5\n88 255\n" + bytes(64),
    "a pgm with its numbers in a comment": b"P5\n#8 8 255\n" + bytes(64),
    "a width of ten digits": b"P5\n0000000008 8 255\n" + bytes(64),
    "a png and more": GOOD + b"\0",
    "two pngs": GOOD + GOOD,
    "flipped bit": GOOD[:50] + bytes([GOOD[50] ^ 1]) + GOOD[51:],
    "zero size": png(header(0, 0), chunk(b"IDAT", zlib.compress(b""))),
    "a gigapixel": png(header(2**15, 2**15), chunk(b"IDAT", ROWS)),
    "a decompression bomb": png(header(), chunk(b"IDAT", zlib.compress(bytes(1 << 24))), chunk(b"IDAT", b"")) [:-1],
    "no data": png(header()),
    "too little data": png(header(), chunk(b"IDAT", zlib.compress(b"\0" * 71))),
    "a bad filter": png(header(), chunk(b"IDAT", zlib.compress((b"\5" + bytes(8)) * 8))),
    "no zlib": png(header(), chunk(b"IDAT", bytes(72))),
    "no palette": png(header(colour=3), chunk(b"IDAT", ROWS)),
    "no header": png(chunk(b"IDAT", ROWS)),
    "two headers": png(header(), header(), chunk(b"IDAT", ROWS)),
    "a critical chunk of another kind": png(header(), chunk(b"ABCD"), chunk(b"IDAT", ROWS)),
    "run-length bmp": bmp(compression=1),
    "16 bit bmp": bmp(bits=16),
    "a chunk that claims 4 GiB": PNG_MAGIC + b"\xff\xff\xff\xffIHDR" + bytes(40),
    "an empty first chunk": PNG_MAGIC + chunk(b"IHDR"),
}  # fmt: skip


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_another_image_is_refused(quick_program: Program, digits: Path, data: bytes) -> None:
    (digits.parent / "picture.png").write_bytes(data)
    options = ["--input", digits.parent / "picture.png", "--output", digits.parent / "out.jsonl"]
    assert_refused(
        quick_program, "predict", digits, "--engine", "torchscript", *options, code=7, named="picture.png", under=digits.parent
    )


def test_a_cmyk_jpeg_is_refused_by_name_and_a_wrong_size_by_both_sizes(quick_program: Program, digits: Path) -> None:
    for kind, words in {"cmyk jpeg": ("JPEG in CMYK", "RGB"), "28 x 28": ("28 x 28", "8 x 8")}.items():
        (digits.parent / "x.png").write_bytes(BROKEN[kind])
        assert_refused(
            quick_program, "predict", digits, "--input", digits.parent / "x.png", code=7, named=words, under=digits.parent
        )


def test_an_image_for_a_contract_of_numbers_is_refused(quick_program: Program, iris: Path) -> None:
    (iris.parent / "x.png").write_bytes(GOOD)
    assert_refused(quick_program, "predict", iris, "--input", iris.parent / "x.png", code=7, named="x.png", under=iris.parent)


def test_a_bad_image_among_good_ones_is_named(quick_program: Program, digits: Path) -> None:
    (digits.parent / "good.png").write_bytes(GOOD)
    (digits.parent / "bad.png").write_bytes(BROKEN["cut png"])
    files = [word for name in ("good", "bad", "good") for word in ("--input", digits.parent / f"{name}.png")]
    assert_refused(quick_program, "predict", digits, *files, code=7, named="bad.png", under=digits.parent)


def test_a_table_among_images_is_refused(quick_program: Program, digits: Path) -> None:
    (digits.parent / "good.png").write_bytes(GOOD)
    (digits.parent / "x.csv").write_text("0," * 63 + "0\n")
    files = ["--input", digits.parent / "good.png", "--input", digits.parent / "x.csv"]
    assert_refused(quick_program, "predict", digits, *files, code=7, named="x.csv", under=digits.parent)


@pytest.mark.parametrize("make", spread([random_png, random_bmp, random_pgm], 1))
def test_python_and_cpp_accept_the_same_images_and_see_the_same_levels(
    digits: Path, ferry_here: Program, ferry_run: Program, make: Callable[[random.Random], bytes]
) -> None:
    random_, accepted = random.Random(make.__name__), []
    for number in range(FILES_A_KIND):
        file = digits.parent / f"{number}.picture"
        file.write_bytes(make(random_))
        verdicts = [is_accepted(program, digits, file) for program in (ferry_here, ferry_run)]
        assert verdicts[0] == verdicts[1], f"Python {verdicts[0]}, C++ {verdicts[1]}: {file.read_bytes()[:400]!r}"
        if verdicts[0]:
            accepted.append(file)
    assert FILES_A_KIND // 8 < len(accepted) < FILES_A_KIND
    files = [word for file in accepted for word in ("--input", file)]
    answers = [program("predict", digits, "--engine", "torchscript", *files) for program in (ferry_here, ferry_run)]
    assert [answer.code for answer in answers] == [0, 0], answers
    rows = [[json.loads(line) for line in answer.stdout.splitlines()] for answer in answers]
    assert len(rows[0]) == len(accepted)
    for file, here, there in zip(accepted, *rows, strict=True):
        assert here == there, file.read_bytes()
