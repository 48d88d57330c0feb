"""Preprocessing of pictures, held to torchvision (to the bit) and to Pillow (to its roundings)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor, nn

import torchferry.mixed_builds  # noqa: F401  a torchvision of another build
from torchferry.bundle.contract import Array
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.quiet import quiet
from torchferry.preprocess import CenterCrop, ChannelsFirst, ImagePreprocess, Normalize, Resize, UnitScale

v2 = pytest.importorskip("torchvision.transforms.v2")

RANDOM = np.random.default_rng(2)
PHOTOS = load_sample_images().images  # two of 427 x 640
NOISE = [RANDOM.integers(0, 256, (*size, 3), np.uint8) for size in ((1, 1), (1, 2), (7, 13), (64, 48), (255, 257), (33, 500))]
SIZES = [1, 5, 32, 224, 299, (17, 90), (224, 224), (300, 211)]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ROUNDINGS = 2  # Pillow rounds to whole levels behind the columns and behind the rows: half a level each, so one level in all
COEFFICIENTS = 2e-3  # levels; of its fixed-point weights (22 bits) and our float32 ones


def pictures() -> Iterator[Array]:
    yield from PHOTOS
    yield from NOISE


def scaled(picture: Array) -> Tensor:
    """[1, 3, H, W] of 0..1."""
    found: Tensor = UnitScale(255)(ChannelsFirst(3)(torch.from_numpy(picture.copy())[None]))
    return found


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_resize_is_that_of_torchvision_to_the_bit(size: int | tuple[int, int]) -> None:
    for picture in pictures():
        theirs = v2.functional.resize(scaled(picture).contiguous(), list(np.atleast_1d(size)), antialias=True)
        assert torch.equal(Resize(size)(scaled(picture)), theirs), picture.shape


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_resize_is_within_the_two_roundings_of_pillow(size: int | tuple[int, int]) -> None:
    for picture in pictures():
        ours = Resize(size)(scaled(picture))[0].permute(1, 2, 0).double().numpy() * 255
        height, width = ours.shape[:2]
        theirs = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)).astype(np.float64)
        assert np.abs(ours - theirs).max() <= ROUNDINGS * 0.5 + COEFFICIENTS, picture.shape


@pytest.mark.parametrize("size", [(32, 47), (224, 335), (600, 899)], ids=str)
def test_with_the_roundings_of_pillow_resize_gives_its_pixels(size: tuple[int, int]) -> None:
    for picture in PHOTOS:
        x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].double()
        lines = (Resize((len(picture), size[1]))(x) + 0.5).floor()
        twice, once = ((Resize(size)(given) + 0.5).floor()[0].permute(1, 2, 0).numpy() for given in (lines, x))
        theirs = np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling.BILINEAR))
        assert (twice != theirs).mean() < 0.005  # values so near to a half that Pillow's fixed-point weights decide
        assert (once != theirs).mean() > 0.05


def test_without_antialias_it_would_be_another_picture() -> None:
    x = scaled(PHOTOS[0])
    aliased = nn.functional.interpolate(x, size=(32, 47), mode="bilinear")
    assert (Resize(32)(x) - aliased).abs().max() > 10 / 255


@pytest.mark.parametrize("size", [(1, 1), (8, 6), (7, 6), (8, 13), (5, 7), 3, 4], ids=str)
def test_the_crop_takes_the_pixels_that_torchvision_takes(size: int | tuple[int, int]) -> None:
    for height, width in ((8, 13), (9, 14), (10, 15), (11, 16)):
        x = torch.arange(height * width).reshape(1, 1, height, width)
        assert torch.equal(CenterCrop(size)(x), v2.functional.center_crop(x, list(np.atleast_1d(size))))


def test_a_crop_larger_than_the_picture_is_an_error_and_no_padding() -> None:
    for size in (9, (8, 14), (100, 1)):
        with pytest.raises((RuntimeError, IndexError), match=r"exceeds dimension size|start out of range"):
            CenterCrop(size)(torch.zeros(1, 3, 8, 13))


def test_normalize_is_that_of_torchvision_to_the_bit() -> None:
    x = scaled(PHOTOS[1])
    assert torch.equal(Normalize(MEAN, STD)(x), v2.functional.normalize(x, list(MEAN), list(STD)))


def chain() -> nn.Module:
    described = ImagePreprocess(resize=32, crop=(28, 30), mean=MEAN, std=STD)
    return nn.Sequential(ChannelsFirst(3), UnitScale(255), *described.modules()).eval()


def test_one_export_takes_pictures_of_all_sizes() -> None:
    """Neither which side is the shorter nor where the middle is may be frozen at the sizes of the export."""
    module, example = chain(), torch.from_numpy(np.stack([NOISE[3]] * 2))
    free = dict.fromkeys(range(3), torch.export.Dim.DYNAMIC)
    exported = torch.export.export(module, (example,), dynamic_shapes=(free,)).module()
    with quiet():  # torch calls both deprecated
        compiled = [torch.jit.script(module), torch.jit.trace(module, (example,))]
    for picture in (*NOISE[2:], PHOTOS[0]):
        x = torch.from_numpy(np.stack([picture, picture[::-1]]))
        expected = module(x)
        assert expected.shape == (2, 3, 28, 30)
        assert all(torch.equal(other(x), expected) for other in (exported, *compiled)), picture.shape


def test_after_double_the_whole_chain_computes_in_float64() -> None:
    x = torch.from_numpy(NOISE[4][None])
    single, double = chain()(x), chain().double()(x)
    assert double.dtype == torch.float64
    assert 0 < (single - double).abs().max() < 1e-4


@pytest.mark.parametrize("axis", [0, 1, 3])
def test_the_channels_come_first(axis: int) -> None:
    x = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    given = {0: x[:, 1], 1: x, 3: x.permute(0, 2, 3, 1).contiguous()}[axis]
    found = ChannelsFirst(axis)(given)
    assert torch.equal(found, x[:, 1:2] if axis == 0 else x)
    assert axis == 0 or found.is_contiguous()  # of channels that lie last, convolutions give other bits than in a training


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"resize": 0}, "resize: got 0, expected 1 to 16384 pixels"),
        ({"resize": -5}, "resize: got -5, expected"),
        ({"resize": 16385}, "resize: got 16385, expected"),
        ({"resize": 256.0}, "resize: got 256.0, expected"),
        ({"resize": True}, "resize: got True, expected"),
        ({"resize": "256"}, "resize: got '256', expected"),
        ({"resize": (256, 0)}, "resize: got (256, 0), expected"),
        ({"resize": ()}, "resize: got (), expected"),
        ({"resize": (1, 2, 3)}, "resize: got (1, 2, 3), expected"),
        ({"crop": 0}, "crop: got 0, expected 1 to 16384 pixels, e.g. 224 or (224, 320): height, width"),
        ({"mean": MEAN}, "mean: got it without std, expected both or neither"),
        ({"std": STD}, "std: got it without mean, expected both or neither"),
        ({"mean": MEAN, "std": (1, 1)}, "std: got 2 numbers for 3 means, expected as many"),
        ({"mean": MEAN, "std": (1, 0, 1)}, "std: got 0, expected numbers that float32 holds above 0"),
        ({"mean": MEAN, "std": (1, -0.5, 1)}, "std: got -0.5, expected"),
        ({"mean": MEAN, "std": (1, 1e-50, 1)}, "std: got 1e-50, expected"),
        ({"mean": (), "std": ()}, "mean: got (), expected a finite number for each channel"),
        ({"mean": 0.5, "std": 0.5}, "mean: got 0.5, expected a finite number for each channel"),
        ({"mean": (float("nan"),), "std": (1,)}, "mean: got (nan,), expected a finite number"),
        ({"mean": (0.5,), "std": (float("inf"),)}, "std: got (inf,), expected a finite number"),
        ({"mean": ("0.5",), "std": (1,)}, "mean: got ('0.5',), expected a finite number"),
        ({"mean": (1e39,), "std": (1,)}, "mean: got (1e+39,), expected a finite number"),
        ({"mean": torch.ones(2, 2), "std": (1,)}, "mean: got tensor([[1., 1.], [1., 1.]]), expected a finite number"),
        ({"mean": (None,), "std": (1,)}, "mean: got (None,), expected a finite number"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(options: dict[str, object], words: str) -> None:
    with pytest.raises(FerryError) as caught:
        ImagePreprocess(**options)  # type: ignore[arg-type]
    assert caught.value.code == ExitCode.USAGE
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
