"""Pictures of every kind for every contract of pictures: both programs see the same elements, and those that Pillow sees."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import nn

import torchferry
from builders.programs import Finished, Program
from hostile.refusal import assert_error
from torchferry.bundle.contract import Array

HEIGHT, WIDTH = 11, 13
CONTRACTS = {
    "grey": "uint8[N,H,W]",
    "grey with an axis": "uint8[N,1,H,W]",
    "channels first": "uint8[N,3,H,W]",
    "channels last": f"uint8[N,{HEIGHT},{WIDTH},3]:BGR",
    "scaled to 1": "float32[N,3,H,W]:0..1",
    "scaled to 255": "float32[N,H,W,4]:0..255:BGRA",
}
RANDOM = np.random.default_rng(16)
COLOURS = RANDOM.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
DEEP = RANDOM.integers(0, 65536, (HEIGHT, WIDTH, 4), np.uint16)
PASSES = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]  # Adam7: y, x, dy, dx


class Same(nn.Module):
    """Gives back what it is given."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image * 1


@pytest.fixture(scope="module", params=CONTRACTS)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose answers are the pictures that it is given."""
    out = tmp_path_factory.mktemp("pictures") / request.param.replace(" ", "-")
    inputs = {"image": CONTRACTS[request.param]}
    torchferry.export(Same().eval(), inputs=inputs, outputs=["same"], out=out, to=["onnx"], stress=False, note=lambda _: None)
    return out


def spec_of(bundle: Path) -> str:
    return CONTRACTS[bundle.name.replace("-", " ")]


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def packed(levels: Array, depth: int) -> bytes:
    """The rows of levels [H,W,C], each behind a filter of kind 0."""
    rows = []
    for row in levels.reshape(len(levels), -1):
        bits = "".join(f"{level:0{depth}b}" for level in row)
        rows.append(b"\0" + int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big"))
    return b"".join(rows)


def png(levels: Array, depth: int, colour: int, *, interlaced: bool = False) -> bytes:
    """A PNG written by hand: Pillow writes neither 16 bits in colour nor Adam7."""
    parts = [levels[y::dy, x::dx] for y, x, dy, dx in PASSES] if interlaced else [levels]
    data = zlib.compress(b"".join(packed(part, depth) for part in parts if part.size))
    return png_of(WIDTH, HEIGHT, data, depth, colour, interlaced=interlaced)


def png_of(width: int, height: int, data: bytes, depth: int = 8, colour: int = 0, *, interlaced: bool = False) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def oriented(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def pictures() -> Iterator[tuple[str, bytes, Array, int]]:
    """Name, file, pixels [H,W,C] upright and the level of white."""
    colour, grey = Image.fromarray(COLOURS), Image.fromarray(COLOURS[..., 0])
    alpha = np.dstack([COLOURS, COLOURS[..., :1]])
    for kind, ending in (("PNG", "png"), ("BMP", "bmp"), ("PPM", "ppm")):
        yield f"colour.{ending}", encoded(colour, kind), COLOURS, 255
        yield f"grey.{ending}", encoded(grey, kind), COLOURS[..., :1], 255
    yield "alpha.png", encoded(Image.fromarray(alpha)), alpha, 255
    yield "grey-alpha.png", encoded(Image.fromarray(alpha).convert("LA")), np.asarray(Image.fromarray(alpha).convert("LA")), 255
    for bits in (1, 2, 4, 8):
        palette = colour.quantize(2**bits)
        yield f"palette-{bits}.png", encoded(palette, bits=bits), np.asarray(palette.convert("RGB")), 255
        levels = (COLOURS[..., :1] >> (8 - bits)).astype(np.uint8)
        for interlaced in (False, True):
            yield f"grey-{bits}-{interlaced}.png", png(levels, bits, 0, interlaced=interlaced), levels, 2**bits - 1
    for colour_type, channels in ((0, 1), (2, 3), (4, 2), (6, 4)):
        yield (
            f"deep-{channels}.png",
            png(DEEP[..., :channels], 16, colour_type, interlaced=channels == 3),
            DEEP[..., :channels],
            65535,
        )
    yield "deep-filtered.png", encoded(Image.fromarray(DEEP[..., 0])), DEEP[..., :1], 65535
    for maximum, dtype in ((1, "u1"), (100, "u1"), (1000, ">u2")):
        levels = RANDOM.integers(0, maximum + 1, (HEIGHT, WIDTH, 3)).astype(dtype)
        yield f"maximum-{maximum}.ppm", f"P6\n{WIDTH} {HEIGHT}\n{maximum}\n".encode() + levels.tobytes(), levels, maximum
    for number in range(1, 9):
        file = encoded(colour if number < 5 else Image.fromarray(COLOURS.swapaxes(0, 1)), exif=oriented(number))
        yield f"turned-{number}.png", file, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(file)))), 255


def expected(pixels: Array, maximum: int, spec: str) -> Array:
    """What the contract wants of a picture, by the formulas of FORMAT.md section 10 in integers and float64."""
    channels = 4 if ",4]" in spec else 3 if "3" in spec.partition("]")[0].partition("[")[2].replace("13", "") else 1
    levels = pixels.astype(np.int64)
    if channels == 1 and levels.shape[2] > 2:
        levels = (19595 * levels[..., :1] + 38470 * levels[..., 1:2] + 7471 * levels[..., 2:3] + 32768) >> 16
    elif channels > 1:
        alpha = levels[..., -1:] if levels.shape[2] in (2, 4) else np.full_like(levels[..., :1], maximum)
        colours = levels[..., :3] if levels.shape[2] > 2 else np.repeat(levels[..., :1], 3, axis=2)
        levels = np.concatenate([colours[..., ::-1] if "BGR" in spec else colours, alpha], axis=2)
    levels = levels[..., :channels]
    if spec.startswith("uint8"):
        found = np.floor(levels * 255 / maximum + 0.5).astype(np.uint8)
    else:
        top = 1 if "..1" in spec else 255
        found = (levels * top / maximum).astype(np.float32)
    return found[..., 0] if spec == "uint8[N,H,W]" else np.moveaxis(found, 2, 0) if "H,W]" in spec else found


def answers(program: Program, bundle: Path, *inputs: object) -> tuple[Finished, Array | None]:
    output = bundle.parent / "answers.npy"
    output.unlink(missing_ok=True)
    words = [word for path in inputs for word in ("--input", path)]
    done = program("predict", bundle, "--engine", "onnxruntime", "--no-isolate", *words, "--output", output)
    return done, np.load(output) if output.exists() else None


def both(programs: tuple[Program, Program], bundle: Path, *inputs: object) -> tuple[Finished, Array | None]:
    """What both programs say and answer."""
    (python, rows), (cpp, others) = (answers(program, bundle, *inputs) for program in programs)
    assert python == cpp
    assert (rows is None) == (others is None)
    assert rows is None or (rows.dtype == others.dtype and rows.shape == others.shape and rows.tobytes() == others.tobytes())  # type: ignore[union-attr]
    return python, rows


@pytest.fixture
def programs(ferry_here: Program, ferry_run: Program) -> tuple[Program, Program]:
    return ferry_here, ferry_run


def test_both_programs_see_a_folder_of_every_kind_as_pillow_does(
    programs: tuple[Program, Program], bundle: Path, tmp_path: Path
) -> None:
    files = sorted(pictures())
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, data, _, _ in files:
        (folder / name).write_bytes(data)
    (folder / ".hidden").write_text("no picture")
    done, rows = both(programs, bundle, folder)
    assert done.code == 0, done
    assert (
        f"predict: {len(files)} samples from {folder}/{files[0][0]} and {len(files) - 1} more, {len(files)} answers"
        in done.stderr
    )
    assert rows is not None
    for (name, _, pixels, maximum), row in zip(files, rows, strict=True):
        assert np.array_equal(row, expected(pixels, maximum, spec_of(bundle))), name


def test_several_files_a_folder_and_a_list_are_read_in_order(
    programs: tuple[Program, Program], bundle: Path, tmp_path: Path
) -> None:
    names = ["b.png", "B.png", "a10.png", "a9.png", "é.png"]
    for level, name in enumerate(names):
        Image.fromarray(np.full((HEIGHT, WIDTH), level * 50, np.uint8)).save(tmp_path / name)
    in_order = sorted(names, key=str.encode)
    (tmp_path / ".list").write_bytes("\r\n".join(f"{tmp_path}/{name}" for name in in_order).encode() + b"\n\n")
    found = [
        both(programs, bundle, *inputs)[1]
        for inputs in ([f"{tmp_path}/{name}" for name in in_order], [tmp_path], [f"{tmp_path}/"], [f"image=@{tmp_path}/.list"])
    ]
    for rows in found:
        assert rows is not None
        assert rows.tobytes() == found[0].tobytes()  # type: ignore[union-attr]


SAMPLINGS = ["444", "422", "420", "440", "411"]


def jpegs(draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """JPEGs of all samplings, baseline and progressive, grey and in colours, with and without restarts and orientations."""
    simplejpeg = pytest.importorskip("simplejpeg")
    for number in range(100):
        smooth = np.add.outer(np.arange(HEIGHT) * draw.randint(0, 20), np.arange(WIDTH) * draw.randint(0, 15))[..., None]
        pixels = ((smooth * draw.randint(1, 3) + RANDOM.integers(0, draw.choice((2, 60, 256)), (HEIGHT, WIDTH, 3))) % 256).astype(
            np.uint8
        )
        options = {"quality": draw.randint(1, 100)}
        yield (
            f"{number}-a.jpg",
            simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), colorsubsampling=draw.choice(SAMPLINGS), **options),
        )
        image = Image.fromarray(pixels[..., 0] if number % 5 == 0 else pixels)
        options |= {"subsampling": draw.choice((0, 1, 2)), "progressive": draw.random() < 0.5, "optimize": draw.random() < 0.5}
        if draw.random() < 0.3:
            options["restart_marker_blocks"] = 2
        yield f"{number}-b.jpg", encoded(image, "JPEG", exif=oriented(draw.choice((1, 2, 3, 4))), **options)


def test_both_programs_see_200_jpegs_as_pillow_does(programs: tuple[Program, Program], bundle: Path, tmp_path: Path) -> None:
    files = sorted(jpegs(random.Random(200)))
    assert len(files) == 200
    for name, data in files:
        (tmp_path / name).write_bytes(data)
    done, rows = both(programs, bundle, tmp_path)
    assert done.code == 0, done
    assert rows is not None
    for (name, data), row in zip(files, rows, strict=True):
        pixels = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
        assert np.array_equal(row, expected(pixels.reshape(HEIGHT, WIDTH, -1), 255, spec_of(bundle))), name


def frame(marker: int, bits: int = 8, components: int = 3) -> bytes:
    body = struct.pack(">BHHB", bits, HEIGHT, WIDTH, components) + bytes((1, 0x11, 0)) * components
    return b"\xff\xd8\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


GOOD = encoded(Image.fromarray(COLOURS), "JPEG")
REFUSED = {
    "CMYK": (encoded(Image.fromarray(COLOURS).convert("CMYK"), "JPEG"), "got a JPEG in CMYK, expected grey or red, green and blue; convert it to RGB"),
    "12 bits": (frame(0xC1, 12), "got a JPEG of 12 bits, expected 8 bits; save it again as PNG"),
    "lossless": (frame(0xC3), "got a JPEG with frame SOF3, expected a baseline or progressive one with Huffman codes"),
    "arithmetic": (frame(0xC9), "got a JPEG with frame SOF9, expected"),
    "two components": (frame(0xC0, components=2), "got a JPEG of 2 components, expected 1 or 3"),
    "60,000 x 60,000": (GOOD.replace(struct.pack(">HH", HEIGHT, WIDTH), struct.pack(">HH", 60000, 60000), 1), "got 60000 x 60000 pixels, expected"),
    "a large PNG": (png_of(60000, 60000, b"x"), "got 60000 x 60000 pixels, expected"),
    "an orientation of 9": (encoded(Image.fromarray(COLOURS), "JPEG", exif=oriented(9)), "got an EXIF block that is damaged, expected an orientation"),
    "a JPEG of zeros": (b"\xff\xd8\xff" + bytes(200), "got a JPEG whose header is damaged, expected a whole file"),
    "no scan": (GOOD[: GOOD.index(b"\xff\xda")], "got a JPEG whose header is damaged"),
    "a filter of kind 5": (png_of(WIDTH, HEIGHT, zlib.compress((b"\5" + bytes(WIDTH)) * HEIGHT)), "got a PNG with a filter of kind 5"),
    "two PNGs": (2 * encoded(Image.fromarray(COLOURS), "PNG"), "got a PNG with bytes behind its end, expected one picture a file"),
    "a PGM without its height": (f"P5\n{WIDTH} 255\n".encode() + bytes(WIDTH * HEIGHT), "got a PNM without width, height and maximum"),
    "a width of ten digits": (f"P5\n{WIDTH:010} {HEIGHT} 255\n".encode() + bytes(WIDTH * HEIGHT), "got a PNM without width, height and"),
    "a comment of numbers": (f"P5\n#{WIDTH} {HEIGHT} 255\n".encode() + bytes(WIDTH * HEIGHT), "got a PNM without width, height and maximum"),
    "levels above white": (f"P5\n{WIDTH} {HEIGHT}\n100\n".encode() + b"\x65" * WIDTH * HEIGHT, "got a PNM with a level above its maximum 100"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["JPEG", "BMP"])
@pytest.mark.parametrize("more", ["a byte", "a film", "a second picture"])
def test_what_a_phone_puts_behind_a_picture_has_no_effect(
    programs: tuple[Program, Program], bundle: Path, tmp_path: Path, kind: str, more: str
) -> None:
    data = encoded(Image.fromarray(COLOURS), kind)
    tails = {
        "a byte": b"\0",
        "a film": b"\0\0\0\x18ftypmp42" + 4000 * b"\xff\xd9",
        "a second picture": encoded(Image.fromarray(255 - COLOURS), kind),
    }
    (tmp_path / "plain").write_bytes(data)
    (tmp_path / "more").write_bytes(data + tails[more])
    answers = [both(programs, bundle, tmp_path / name)[1] for name in ("plain", "more")]
    assert answers[0] is not None
    assert answers[1] is not None
    assert answers[0].tobytes() == answers[1].tobytes()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_that_both_read_is_refused_in_the_same_words(
    programs: tuple[Program, Program], bundle: Path, tmp_path: Path, name: str
) -> None:
    data, words = REFUSED[name]
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    (tmp_path / "b.picture").write_bytes(data)
    done, rows = both(programs, bundle, tmp_path)
    assert rows is None
    assert_error(done, 7, f"{tmp_path}/b.picture: image: {words}")


@pytest.mark.parametrize("bundle", ["scaled to 1"], indirect=True)  # cuts are found before the contract is asked
@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("BMP", {}), ("PPM", {}), ("JPEG", {}), ("JPEG", {"progressive": True})]
)
def test_a_picture_that_is_cut_at_64_places_is_refused(
    programs: tuple[Program, Program], bundle: Path, tmp_path: Path, kind: str, options: dict[str, object]
) -> None:
    data = encoded(Image.fromarray(COLOURS), kind, **options)
    for place in np.linspace(16, len(data) - 1, 64).astype(int):
        (tmp_path / "cut").write_bytes(data[:place])
        done, rows = both(programs, bundle, tmp_path / "cut")
        assert rows is None, place
        assert_error(done, 7, "cut: image: got ")


def test_an_entry_that_cannot_be_read_is_named_and_nothing_is_written(
    programs: tuple[Program, Program], bundle: Path, tmp_path: Path
) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    (tmp_path / "b").mkdir()
    done, rows = both(programs, bundle, tmp_path)
    assert rows is None
    assert_error(done, 6, f"{tmp_path}/b: got Is a directory")
    (tmp_path / "b").rmdir()
    (tmp_path / "c.txt").write_text("Thumbs")
    assert_error(both(programs, bundle, tmp_path)[0], 7, "c.txt: image: got a file of another kind than the first")
    (tmp_path / "list").write_text(f"{tmp_path}/a.png\n{tmp_path}/gone.png\n")
    assert_error(both(programs, bundle, f"@{tmp_path}/list")[0], 6, "gone.png: got No such file or directory")
    (tmp_path / "empty").mkdir()
    assert_error(both(programs, bundle, tmp_path / "empty")[0], 7, f"{tmp_path}/empty: got no files, expected at least one")
    (tmp_path / "list").write_bytes(b"a\0b\n")
    assert_error(both(programs, bundle, f"@{tmp_path}/list")[0], 7, "list: list: got a byte 0, expected one file's name a line")
