"""A classifier's picture with its label: read back by Pillow, it is the file's picture but for a box that shows the words."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFont
from torch import nn

import torchferry
from builders.contracts import contract, spec
from builders.programs import Finished, Program, assert_answered
from hostile.refusal import assert_error
from torchferry.bundle.contract import Array, Classes
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.annotated_sink import annotation_of, labelled
from torchferry.samples.picture import Picture

HEIGHT, WIDTH = 120, 160
NAMES = ["red", "green", "blue"]
COLOURS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
QUARTER_TURN = 6  # of EXIF: the first column is the upper row


class Tint(nn.Module):
    """Says which colour a picture has most of."""

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map uint8 [N,3,H,W] to probabilities [N,3] and label [N]."""
        means = image.to(torch.float32).mean((2, 3)) / 255
        return torch.softmax(means * 4, 1), means.argmax(1)


@pytest.fixture(scope="module")
def tint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of pictures of any size."""
    out = tmp_path_factory.mktemp("tint") / "tint"
    outputs = ["probabilities", "label"]
    torchferry.export(
        Tint().eval(), inputs={"image": "uint8[N,3,H,W]"}, outputs=outputs, classes=NAMES, out=out, to=["onnx"], stress=False
    )
    return out


def picture(tone: int, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> Array:
    """Return noise that has most of the colour `tone`."""
    pixels = np.random.default_rng(tone).integers(0, 200, (*shape, 3)).astype(np.uint8)
    pixels[..., tone] += 50
    return pixels


def score_of(pixels: Array, tone: int) -> float:
    """Return the probability in float64."""
    means = pixels.astype(np.float64).mean((0, 1)) / 255
    powers = np.exp(4 * means)
    return float(powers[tone] / powers.sum())


def written(program: Program, bundle: Path, *words: object) -> Array:
    """Return the pixels of the answer."""
    out = bundle.parent / "out.png"
    assert_answered(program("predict", bundle, "--engine", "onnxruntime", *words, "--output", out), "1 answer,")
    with Image.open(out) as image:
        return np.asarray(image)


def box_of(found: Array, pixels: Array) -> Array:
    """Return the box of the answer: what differs from the file's pixels lies in the upper left corner, and has its background."""
    rows, columns = np.nonzero((found != pixels).any(axis=2))
    height, width = rows.max() + 1, columns.max() + 1
    assert (found[0, :width] == 0).all()
    assert (found[:height, 0] == 0).all()
    return found[:height, :width]


def words_in(box: Array, candidates: list[str], size: int) -> str:
    """Return the candidate whose letters, drawn anew, are those of the box."""
    font = ImageFont.load_default(size)
    for text in candidates:
        mask = font.getmask(text)
        letters = np.asarray(mask, np.uint8).reshape(mask.size[1], mask.size[0])
        rows, columns = np.nonzero(box[..., 0])
        found = box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1, 0]
        wanted_rows, wanted_columns = np.nonzero(letters)
        wanted = letters[wanted_rows.min() : wanted_rows.max() + 1, wanted_columns.min() : wanted_columns.max() + 1]
        if found.shape == wanted.shape and np.abs(found.astype(int) - wanted).max() <= 2:
            return text
    return ""


@pytest.mark.parametrize("tone", range(3))
@pytest.mark.parametrize("kind", ["png", "bmp", "ppm"])
def test_the_picture_is_the_files_but_for_its_label(
    ferry_here: Program, tint: Path, tmp_path: Path, tone: int, kind: str
) -> None:
    pixels = picture(tone)
    Image.fromarray(pixels).save(tmp_path / f"in.{kind}")
    found = written(ferry_here, tint, "--input", tmp_path / f"in.{kind}")
    assert found.shape == pixels.shape
    box = box_of(found, pixels)
    assert box.shape[0] < HEIGHT // 5
    texts = [f"{name} {score_of(pixels, index):.3g}" for index, name in enumerate(NAMES)]
    assert words_in(box, texts, 8) == texts[tone]


def test_a_jpeg_is_drawn_upright_and_in_the_decoders_pixels(ferry_here: Program, tint: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = QUARTER_TURN
    Image.fromarray(picture(1)).save(tmp_path / "in.jpg", quality=95, exif=exif)
    with Image.open(tmp_path / "in.jpg") as image:
        pixels = np.rot90(np.asarray(image), -1)
    found = written(ferry_here, tint, "--input", tmp_path / "in.jpg")
    assert found.shape == (WIDTH, HEIGHT, 3)
    assert box_of(found, pixels).size


@pytest.mark.parametrize("batch", [1, 2, 256])
def test_a_folder_has_a_labelled_picture_for_each(ferry_here: Program, tint: Path, tmp_path: Path, batch: int) -> None:
    (tmp_path / "in").mkdir()
    for tone in (2, 0, 1):
        Image.fromarray(picture(tone)).save(tmp_path / "in" / f"{tone}.bmp")
    words = ("--input", tmp_path / "in", "--batch", batch, "--format", "png", "--output", f"{tmp_path}/out/")
    assert_answered(ferry_here("predict", tint, *words), "3 answers")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "1.png", "2.png"]
    for tone in range(3):
        with Image.open(tmp_path / "out" / f"{tone}.png") as image:
            box = box_of(np.asarray(image), picture(tone))
        assert words_in(box, [f"{name} {score_of(picture(tone), i):.3g}" for i, name in enumerate(NAMES)], 8).startswith(
            NAMES[tone]
        )


def refused(program: Program, bundle: Path, *words: object) -> Finished:
    """Return what was said; nothing is written."""
    out = bundle.parent / "refused.png"
    done = program("predict", bundle, "--engine", "onnxruntime", *words, "--output", out)
    assert not out.exists()
    return done


def test_what_has_no_picture_or_no_room_is_refused(ferry_here: Program, tint: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", picture(0).transpose(2, 0, 1)[np.newaxis])
    done = refused(ferry_here, tint, "--input", tmp_path / "in.npy")
    assert_error(done, ExitCode.USAGE, "in.npy, which is no picture, expected PNG, JPEG, BMP, PGM or PPM; write .jsonl")
    Image.fromarray(picture(0, (10, 10))).save(tmp_path / "small.png")
    done = refused(ferry_here, tint, "--input", tmp_path / "small.png")
    assert_error(done, ExitCode.USAGE, "got 10 x 10 pixels, expected at least ", "for the words 'red\\n")
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    done = refused(ferry_here, tint, "--input", tmp_path / "a.png", "--input", tmp_path / "a.png")
    assert_error(done, ExitCode.USAGE, "got several samples, expected one, as a .png holds one picture")
    done = refused(ferry_here, tint, "--input", tmp_path / "a.png", "--select", "probabilities")
    assert_error(done, ExitCode.USAGE, "probabilities: got float32[N,3] for .png, expected a mask")


def test_ferry_run_refuses_it_by_name(ferry_run: Program, tint: Path, tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    for words in ((), ("--select", "label")):
        done = refused(ferry_run, tint, "--input", tmp_path / "a.png", *words)
        assert_error(
            done, ExitCode.UNAVAILABLE, "for a picture with its label, which ferry-run does not draw", "use ferry predict"
        )
    assert_error(
        refused(ferry_run, tint, "--input", tmp_path / "a.png", "--select", "probabilities"), ExitCode.USAGE, "expected a mask"
    )


def names_with(**changes: Any) -> tuple[Any, list[str]]:
    """Return the contract of a classifier of pictures, changed, and the names of its outputs."""
    inputs = changes.get("inputs", (spec("image", "uint8", ("N", "H", "W")),))
    outputs = (spec("scores", shape=("N", 2)), spec("label", "int64", changes.get("label", ("N",))), *changes.get("more", ()))
    classes = Classes(output="label", names=("a", "b")) if changes.get("classes", True) else None
    return contract(inputs, outputs, classes=classes), [output.name for output in outputs]


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": False},
        {"label": ("N", 3)},
        {"more": (spec("mask", "uint8", ("N", "H", "W")),)},
        {"inputs": (spec("rows"),)},
        {"inputs": (spec("one", "uint8", ("N", "H", "W")), spec("two", "uint8", ("N", "H", "W")))},
    ],
    ids=["no classes", "a label of rows", "a mask", "no pictures", "two pictures"],
)
def test_the_contract_decides(changes: dict[str, Any]) -> None:
    assert annotation_of(*names_with()) is not None
    assert annotation_of(*names_with(**changes)) is None


def test_a_mask_beside_the_label_leaves_the_choice_to_its_user() -> None:
    whole, _ = names_with(more=(spec("mask", "uint8", ("N", "H", "W")),))
    assert annotation_of(whole, ["label"]) is not None
    assert annotation_of(whole, ["mask"]) is None


@pytest.mark.parametrize(("channels", "mode"), [(1, "RGB"), (2, "RGBA"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize("maximum", [1, 15, 255, 65535])
def test_alpha_and_levels_are_kept(channels: int, mode: str, maximum: int) -> None:
    levels = np.random.default_rng(channels).integers(0, maximum + 1, (HEIGHT, WIDTH, channels)).astype(np.uint16)
    with Image.open(io.BytesIO(labelled(Picture(levels, maximum), "a", "0.5", where="x"))) as image:
        found = np.asarray(image)
    assert image.mode == mode
    wanted = np.floor(levels.astype(np.float64) * 255 / maximum + 0.5)[HEIGHT // 2 :]
    assert np.array_equal(found[HEIGHT // 2 :, :, 0], wanted[..., 0])
    if mode == "RGBA":
        assert np.array_equal(found[HEIGHT // 2 :, :, 3], wanted[..., -1])
        assert found[0, 0].tolist() == [0, 0, 0, 255]


def test_a_long_name_goes_on_two_lines_and_is_then_cut() -> None:
    name = "sulphur-crested cockatoo, Kakatoe galerita"
    heights = []
    name_width = int(ImageFont.load_default(8).getlength(name)) + 4  # with a margin
    for width in (2 * name_width, name_width, name_width // 2):
        picture_ = Picture(np.full((100, width, 3), 200, np.uint8), 255)
        with Image.open(io.BytesIO(labelled(picture_, name, "0.93", where="x"))) as image:
            dark = np.nonzero((np.asarray(image) != 200).any(axis=2))
        heights.append(dark[0].max() + 1)
        assert dark[1].max() < width
    assert heights[0] < min(heights[1:]) < 2.5 * heights[0]
    with pytest.raises(FerryError, match="got 20 x 100 pixels, expected at least"):
        labelled(Picture(np.zeros((100, 20, 3), np.uint8), 255), name, "0.93", where="x")
