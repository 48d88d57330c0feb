"""Images of every accepted pixel format, written by Pillow or byte by byte. What C++ reads of them is compared in tests/parity."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from builders.contracts import spec
from torchferry.bundle.contract import Array, TensorSpec
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.image import is_image, read_image

SPEC = spec("image", "uint8", ("N", 2, 3))
GREY = np.array([[0, 1, 128], [200, 254, 255]], np.uint8)
COLOUR = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[255, 255, 255], [1, 2, 3], [0, 0, 0]]], np.uint8)
COLOUR_AS_GREY = [[76, 150, 29], [255, 2, 0]]  # (19595 R + 38470 G + 7471 B + 32768) >> 16


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def read(data: bytes, wanted: TensorSpec = SPEC) -> Array:
    assert is_image(data[:16])
    return read_image(io.BytesIO(data), wanted, where="x.png")


def refusal(data: bytes, wanted: TensorSpec = SPEC) -> str:
    with pytest.raises(FerryError) as caught:
        read(data, wanted)
    assert caught.value.code == ExitCode.BAD_INPUT
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM"])
def test_grey_levels_are_read_as_they_are(kind: str) -> None:
    image = read(encoded(Image.fromarray(GREY), kind))
    assert image.dtype == np.uint8
    assert image.shape == (1, 2, 3)
    assert np.array_equal(image[0], GREY)


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_colour_becomes_grey_by_the_formula(kind: str) -> None:
    assert read(encoded(Image.fromarray(COLOUR), kind))[0].tolist() == COLOUR_AS_GREY


def test_alpha_is_ignored() -> None:
    alpha = np.array([[0, 1, 255], [7, 0, 0]], np.uint8)
    with_alpha = np.dstack([COLOUR, alpha])
    assert read(encoded(Image.fromarray(with_alpha)))[0].tolist() == COLOUR_AS_GREY
    grey_alpha = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)])
    assert np.array_equal(read(encoded(grey_alpha))[0], GREY)


def test_a_palette_is_looked_up() -> None:
    palette = Image.fromarray(np.tile(COLOUR, (4, 4, 1)) + np.arange(96, dtype=np.uint8).reshape(8, 12, 1)).quantize(64)
    colours = np.asarray(palette.convert("RGB")).astype(int)
    expected = (19595 * colours[..., 0] + 38470 * colours[..., 1] + 7471 * colours[..., 2] + 32768) >> 16
    wanted = spec("image", "uint8", ("N", 8, 12))
    assert read(encoded(palette), wanted)[0].tolist() == expected.tolist()
    assert read(encoded(palette, "BMP"), wanted)[0].tolist() == expected.tolist()


def test_a_free_size_takes_every_image() -> None:
    assert read(encoded(Image.fromarray(GREY)), spec("image", "uint8", ("N", "H", 3))).shape == (1, 2, 3)


def test_a_pgm_may_have_comments() -> None:
    assert np.array_equal(read(b"P5 # a comment\n3 2\n255\n" + GREY.tobytes())[0], GREY)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            encoded(Image.fromarray(COLOUR).convert("CMYK"), "JPEG"),
            "a JPEG in CMYK, expected grey or red, green and blue; convert it",
        ),
        (encoded(Image.fromarray(GREY.T.copy())), "got 2 x 3 pixels, expected 3 x 2"),
        (encoded(Image.fromarray(GREY > 127), "BMP"), "a BMP of 1 bits"),
        (b"P5\n3 2\n65536\n" + bytes(12), "maximum 65536, expected 1 to 65535"),
        (b"P5\n3 2\n15\n" + bytes(5) + b"\x10", "a level above its maximum 15"),
        (b"P2\n3 2\n255\n0 1 2 3 4 5\n", "a PNM of kind P2"),
        (b"P5\n3\n", "without width, height and maximum"),
        (b"P5\n3 2\n255\n12345", "a PNM that is cut short"),
        (encoded(Image.fromarray(GREY))[:-20], "a PNG that is cut short"),
        (encoded(Image.fromarray(GREY))[:20], "a PNG that is cut short"),
        (encoded(Image.fromarray(GREY)).replace(b"IDAT", b"IDAU"), "wrong CRC"),
        (b"BM" + bytes(60), "a BMP without a Windows header"),
        (encoded(Image.fromarray(COLOUR), "BMP")[:-1], "a BMP that is cut short"),
    ],
)
def test_other_images_are_refused(data: bytes, words: str) -> None:
    assert words in refusal(data)


def png(rows: bytes, *, colour: int = 0, palette: bytes | None = None, depth: int = 8) -> bytes:
    """A PNG of 2 x 3 pixels with these rows, filters and all; `colour` 0: grey, 2: colours, 3: indexes of the palette."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 3, 2, depth, colour, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    if palette is not None:
        chunks.insert(1, (b"PLTE", palette))
    framed = (struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def test_png_rows_are_exactly_those_of_the_header() -> None:
    rows = b"\0\1\2\3\0\4\5\6"
    assert read(png(rows))[0].tolist() == [[1, 2, 3], [4, 5, 6]]
    for other in (rows[:-1], rows + b"\0", rows + bytes(4)):
        assert "data are not its rows" in refusal(png(other))


@pytest.mark.parametrize(("colour", "depth", "row_bytes"), [(2, 4, 5), (2, 2, 3), (4, 4, 3), (6, 4, 6), (3, 16, 6), (0, 3, 2)])
def test_a_depth_that_its_colours_do_not_have_is_refused(colour: int, depth: int, row_bytes: int) -> None:
    palette = bytes(9) if colour == 3 else None
    assert "unknown values" in refusal(png(bytes(2 * (1 + row_bytes)), colour=colour, palette=palette, depth=depth))


def test_an_index_beyond_the_palette_is_refused() -> None:
    rows = b"\0\0\1\2\0\2\1\0"
    assert read(png(rows, colour=3, palette=bytes(9)))[0].tolist() == [[0, 0, 0], [0, 0, 0]]
    for palette in (bytes(6), bytes(8), b""):
        assert "palette does not fit its pixels" in refusal(png(rows, colour=3, palette=palette))


@pytest.mark.parametrize(
    "wanted", [spec("image", "int64", ("N", 2, 3)), spec("image", "uint8", ("N", 6)), spec("image", "uint8", (1, 2, 3))]
)
def test_a_contract_for_something_else_wants_npy_or_csv(wanted: TensorSpec) -> None:
    assert "expected .npy or CSV" in refusal(encoded(Image.fromarray(GREY)), wanted)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (spec("image", "float32", ("N", 2, 3)), "has not the range 0..1 or 0..255, so the level of white is not known"),
        (spec("image", "uint8", ("N", 3, 2, 3)), "the channels of image uint8[N,3,2,3] may stand first or last"),
    ],
)
def test_a_contract_that_says_too_little_wants_npy(wanted: TensorSpec, words: str) -> None:
    assert words in refusal(encoded(Image.fromarray(GREY)), wanted)


def test_numbers_and_arrays_are_no_images() -> None:
    assert not is_image(b"1,2,3\n")
    assert not is_image(b"BMI,P5\n1,2\n")
    assert not is_image(b"P5 (kW),x\n1,2\n")
    assert not is_image(b"\x93NUMPY\x01\x00")
    assert not is_image(b"")
