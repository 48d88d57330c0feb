"""Image files of all accepted kinds: both programs see the same grey levels, and the same as in an array."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from builders.programs import Program, assert_answered
from builders.sides import ALLOW, REFERENCE_BUNDLES
from builders.spread import spread

DIGITS = REFERENCE_BUNDLES[1]
LEVELS = np.load(DIGITS / "golden" / "batch-64.input.image.npy")[:6]
RANDOM = np.random.default_rng(6)
COLOUR = RANDOM.integers(0, 256, (6, 8, 8, 3), np.uint8)
ALPHA = RANDOM.integers(0, 256, (6, 8, 8, 1), np.uint8)
Write = Callable[[Path, int], object]


def save(make: Callable[[int], Image.Image], ending: str) -> Write:
    return lambda folder, index: make(index).save(folder / f"{index}.{ending}")


def grey(index: int) -> Image.Image:
    return Image.fromarray(LEVELS[index])


def colour(index: int) -> Image.Image:
    return Image.fromarray(COLOUR[index])


def palette(index: int) -> Image.Image:
    return colour(index).quantize(64)


def with_alpha(index: int) -> Image.Image:
    return Image.fromarray(np.dstack([COLOUR[index], ALPHA[index]]))


def grey_with_alpha(index: int) -> Image.Image:
    return Image.merge("LA", [grey(index), Image.fromarray(ALPHA[index, ..., 0])])


def write_interlaced(folder: Path, index: int) -> None:
    """Adam7, written by hand: Pillow writes none."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b"".join(b"\0" + row.tobytes() for y, x, dy, dx in passes for row in LEVELS[index, y::dy, x::dx])
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    (folder / f"{index}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def write_gamma(folder: Path, index: int) -> None:
    """A gamma chunk changes what a screen shows, not the grey levels."""
    path = folder / f"{index}.png"
    grey(index).save(path)
    data, chunk = path.read_bytes(), b"gAMA" + struct.pack(">I", 45455)
    path.write_bytes(data[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:])


KINDS: dict[str, tuple[Write, bool]] = {
    "grey.png": (save(grey, "png"), True),
    "grey.bmp": (save(grey, "bmp"), True),
    "grey.pgm": (save(grey, "pgm"), True),
    "grey with alpha.png": (save(grey_with_alpha, "png"), True),
    "interlaced.png": (write_interlaced, True),
    "gamma.png": (write_gamma, True),
    "colour.png": (save(colour, "png"), False),
    "colour.bmp": (save(colour, "bmp"), False),
    "colour with alpha.png": (save(with_alpha, "png"), False),
    "colour with alpha.bmp": (save(with_alpha, "bmp"), False),
    "palette.png": (save(palette, "png"), False),
    "palette.bmp": (save(palette, "bmp"), False),
}


def answers(program: Program, sources: list[Path]) -> bytes:
    inputs = [word for path in sources for word in ("--input", path)]
    done = program("predict", DIGITS, "--engine", "torchscript", ALLOW, *inputs, "--select", "logits", "--format", "npy")
    assert_answered(done)
    return done.stdout


@pytest.mark.parametrize("kind", spread(KINDS, 4))
def test_both_programs_read_the_same_pixels(ferry_here: Program, ferry_run: Program, tmp_path: Path, kind: str) -> None:
    write, is_exact = KINDS[kind]
    for index in range(len(LEVELS)):
        write(tmp_path, index)
    files = sorted(tmp_path.iterdir())
    ours, theirs = answers(ferry_here, files), answers(ferry_run, files)
    assert ours[-240:] == theirs[-240:]  # 6 x 10 float32 behind the header
    if is_exact:
        np.save(tmp_path / "levels.npy", LEVELS)
        assert answers(ferry_here, [tmp_path / "levels.npy"])[-240:] == ours[-240:]


@pytest.mark.parametrize("kind", ["colour.png", "colour with alpha.png", "colour.bmp"])
def test_colour_is_the_formula_and_nothing_else(ferry_run: Program, tmp_path: Path, kind: str) -> None:
    for index in range(len(COLOUR)):
        KINDS[kind][0](tmp_path, index)
    files = sorted(tmp_path.iterdir())
    red, green, blue = np.moveaxis(COLOUR.astype(np.int64), -1, 0)
    np.save(tmp_path / "levels.npy", ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8))
    assert answers(ferry_run, files)[-240:] == answers(ferry_run, [tmp_path / "levels.npy"])[-240:]


@pytest.mark.parametrize("batch", [1, 4])
def test_images_are_cut_into_batches_like_arrays(ferry_here: Program, ferry_run: Program, tmp_path: Path, batch: int) -> None:
    for index in range(len(LEVELS)):
        save(grey, "png")(tmp_path, index)
    files = [word for path in sorted(tmp_path.iterdir()) for word in ("--input", path)]
    done = [
        program("predict", DIGITS, "--engine", "torchscript", *files, "--batch", batch) for program in (ferry_here, ferry_run)
    ]
    assert [finished.code for finished in done] == [0, 0]
    assert len(done[0].stdout.splitlines()) == len(done[1].stdout.splitlines()) == len(LEVELS)
