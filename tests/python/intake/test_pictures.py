"""`preprocess=ImagePreprocess(...)` for the pictures of a contract: what the modules are, and what is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import torchferry
from torchferry import ExitCode, FerryError, ImagePreprocess
from torchferry.intake.pictures import as_modules
from torchferry.intake.specs import parse_inputs, parse_symbols
from torchferry.preprocess import ChannelsFirst, UnitScale

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def modules(spec: str, described: object, symbols: dict[str, tuple[int, int | None]] | None = None) -> nn.Module:
    specs = parse_inputs({"image": spec})
    found = as_modules(described, {"image": specs[0]}, parse_symbols(symbols or {}, specs))  # type: ignore[arg-type]
    assert isinstance(found, nn.Module)
    return found


@pytest.mark.parametrize(
    ("spec", "axis", "white"),
    [
        ("uint8[N,H,W]", 0, 255),
        ("uint8[N,3,H,W]", 1, 255),
        ("uint8[N,40,50,3]:BGR", 3, 255),
        ("uint8[N,H,W,3]:0..255", 3, 255),
        ("float32[N,H,W,4]:0..255", 3, 255),
        ("float32[N,3,H,W]:0..1", 1, 1),  # `predict` has scaled them: they must not be scaled twice
    ],
)
def test_the_spec_says_where_the_channels_are_and_what_is_white(spec: str, axis: int, white: int) -> None:
    first, scale = modules(spec, ImagePreprocess())
    assert isinstance(first, ChannelsFirst)
    assert isinstance(scale, UnitScale)
    assert (first.axis, scale.maximum) == (axis, white)


def test_a_module_stays_as_it_is() -> None:
    given = nn.Identity()
    assert modules("float32[N,4]", given) is given


FITTING = [
    ("uint8[N,224,224,3]", {"crop": 224}, {}),
    ("uint8[N,H,W,3]", {"resize": 256, "crop": 256}, {}),
    ("uint8[N,480,W,3]", {"resize": 256, "crop": (224, 300)}, {"W": (570, None)}),  # at least 304 wide behind the resize
    ("uint8[N,H,W,3]", {"crop": 224}, {"H": (224, None), "W": (300, 400)}),
    ("uint8[N,H,W,3]", {"resize": (30, 40), "crop": (30, 40)}, {}),
]
TOO_LARGE = [
    ("uint8[N,224,223,3]", {"crop": 224}, {}, "got 224 x 224 (height x width), expected at most 224 x 223, the smallest picture"),
    ("uint8[N,H,W,3]", {"crop": 224}, {}, "got 224 x 224 (height x width), expected at most 1 x 1"),
    ("uint8[N,H,W,3]", {"resize": 256, "crop": 257}, {}, "expected at most 256 x 256"),
    ("uint8[N,480,640,3]", {"resize": 256, "crop": (224, 342)}, {}, "expected at most 256 x 341"),
    ("uint8[N,480,W,3]", {"resize": 256, "crop": (224, 305)}, {"W": (570, None)}, "expected at most 256 x 304"),
    ("uint8[N,H,W,3]", {"resize": 256, "crop": 300}, {"H": (10, 20), "W": (30, 40)}, "expected at most 256 x 384"),
    ("uint8[N,H,W,3]", {"resize": (30, 40), "crop": 31}, {}, "expected at most 30 x 40"),
]


@pytest.mark.parametrize(("spec", "options", "symbols"), FITTING)
def test_a_crop_inside_the_smallest_picture_is_taken(
    spec: str, options: dict[str, object], symbols: dict[str, tuple[int, int | None]]
) -> None:
    modules(spec, ImagePreprocess(**options), symbols)  # type: ignore[arg-type]


@pytest.mark.parametrize(("spec", "options", "symbols", "words"), TOO_LARGE)
def test_a_crop_larger_than_the_smallest_picture_is_refused(
    spec: str, options: dict[str, object], symbols: dict[str, tuple[int, int | None]], words: str
) -> None:
    with pytest.raises(FerryError) as caught:
        modules(spec, ImagePreprocess(**options), symbols)  # type: ignore[arg-type]
    assert caught.value.code == ExitCode.USAGE
    assert str(caught.value).startswith("preprocess: input image: crop: got ")
    assert words in str(caught.value)


class Sums(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image.float().sum(dim=(1, 2))


PICTURES = "uint8[N,H,W,3]"
REFUSED = [
    ("float32[N,4]", ImagePreprocess(), "got an ImagePreprocess, expected a module: image is float32[N,4], and images are"),
    ("int64[N,8,8]", ImagePreprocess(), "image is int64[N,8,8], and images are uint8 or float32"),
    ("uint8[1,8,8,3]", ImagePreprocess(), "image is uint8[1,8,8,3], and images are"),
    ("uint8[N,3,8,3]", ImagePreprocess(), "the channels of image uint8[N,3,8,3] may stand first or last; correct"),
    ("float32[N,3,8,8]", ImagePreprocess(), "has not the range 0..1 or 0..255, so the level of white is not known"),
    ("uint8[N,0,8,3]", ImagePreprocess(resize=4), "input image: got pictures of 0 x 8 pixels, expected at least 1 x 1"),
    ("uint8[N,H,W,4]", ImagePreprocess(**IMAGENET), "input image: mean: got 3 numbers, expected 4: one for each channel"),
    ("uint8[N,H,W]", ImagePreprocess(**IMAGENET), "input image: mean: got 3 numbers, expected 1"),
    (PICTURES, ImagePreprocess(mean=(0.5,), std=(1,)), "input image: mean: got 1 numbers, expected 3"),
    (PICTURES, ImagePreprocess(crop=224), "input image: crop: got 224 x 224"),
    (PICTURES, {"picture": ImagePreprocess()}, "got 'picture', expected names of inputs: ['image']"),
    (PICTURES, torch.relu, "got builtin_function_or_method, expected a torch.nn.Module or a torchferry.ImagePreprocess"),
    (PICTURES, {"image": None}, "got NoneType, expected a torch.nn.Module or a torchferry.ImagePreprocess"),
]


@pytest.mark.parametrize(("spec", "given", "words"), REFUSED)
def test_what_does_not_fit_the_input_is_refused_before_anything_is_written(
    spec: str, given: object, words: str, tmp_path: Path
) -> None:
    with pytest.raises(FerryError) as caught:
        torchferry.export(Sums().eval(), inputs={"image": spec}, out=tmp_path / "b", preprocess=given)  # type: ignore[arg-type]
    assert caught.value.code == ExitCode.USAGE
    assert str(caught.value).startswith("preprocess: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_one_description_for_two_inputs_is_refused(tmp_path: Path) -> None:
    inputs = {"left": PICTURES, "right": PICTURES}
    with pytest.raises(FerryError, match=r"preprocess: got one module for 2 inputs, expected a dictionary"):
        torchferry.export(nn.Bilinear(2, 2, 1).eval(), inputs=inputs, out=tmp_path / "b", preprocess=ImagePreprocess())
