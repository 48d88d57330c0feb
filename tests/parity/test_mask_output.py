"""`predict --output mask.png`: the class of each pixel, the same bytes from both programs, and what Pillow reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import torchferry
from builders.bundles import edit_manifest
from builders.contracts import spec
from builders.programs import Finished, Program, assert_answered
from torchferry.samples.png import decode_png

HEIGHT, WIDTH = 5, 7
NAMES = ("road", "car", "sky")
VOC = [(0, 0, 0), (128, 0, 0), (0, 128, 0)]  # the first colours of PASCAL VOC
NAN = 9  # the value for which a score is NaN
PIXELS = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)


class Masks(torch.nn.Module):
    """Gives the input back as masks of several kinds."""

    def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """`scores` are 1 for the class that `values` [N,H,W] says, and all equal where it is no class."""
        scores = torch.stack([(values == i).float() for i in range(len(NAMES))], dim=1)
        scores = torch.where((values == NAN).unsqueeze(1), scores / 0.0, scores)
        plain = values.to(torch.int32)
        return values + 0, scores, values + 0, plain, values > 0, scores + 0.0, scores[:, :, 0, 0], scores.permute(0, 2, 3, 1)


FLOATS: dict[str, Any] = {"dtype": "float32", "allow_nonfinite": True}
PROMISED = [  # what the contract alone can say of these outputs: the range of `wide`, that `picture` has colours, that floats may be NaN
    spec("label", "int64", ("N", HEIGHT, WIDTH)),
    spec("scores", shape=("N", 3, HEIGHT, WIDTH), **FLOATS),
    spec("wide", "int64", ("N", HEIGHT, WIDTH), range=(-1.0, 256.0)),
    spec("plain", "int32", ("N", HEIGHT, WIDTH)),
    spec("flag", "bool", ("N", HEIGHT, WIDTH)),
    spec("picture", shape=("N", 3, HEIGHT, WIDTH), channels="RGB", **FLOATS),
    spec("vector", shape=("N", 3), **FLOATS),
    spec("last", shape=("N", HEIGHT, WIDTH, 3), **FLOATS),
]


class Bands(torch.nn.Module):
    """Three classes of grey."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the class [N,H,W] of each pixel of uint8 [N,H,W]."""
        return image.to(torch.int64) // 100


class Copy(torch.nn.Module):
    """Gives one sample back."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mask [H,W] as it came."""
        return values + 0


def write_bundle(folder: Path, module: torch.nn.Module, **options: Any) -> Path:
    torchferry.export(module.eval(), out=folder, to=["onnx"], stress=False, note=lambda _: None, **options)
    return folder


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = write_bundle(
        tmp_path_factory.mktemp("masks") / "bundle",
        Masks(),
        inputs={"values": "int64[N,5,7]"},
        outputs=PROMISED,
        golden={"values": np.stack([PIXELS % 3, PIXELS % 2])},
        classes=("label", NAMES),
    )
    assert list(torchferry.open_bundle(bundle).contract.outputs) == PROMISED
    return bundle


@pytest.fixture(scope="module")
def bands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that takes pictures of any size, even of no rows."""
    bundle = write_bundle(
        tmp_path_factory.mktemp("bands") / "bundle",
        Bands(),
        inputs={"image": "uint8[N,H,W]"},
        outputs=["label"],
        classes=("label", NAMES),
    )
    edit_manifest(bundle, lambda manifest: manifest["contract"]["symbols"]["H"].update(min=0))
    return bundle


class Answers:
    """Both programs' answers to samples of values [N,H,W]."""

    def __init__(self, programs: dict[str, Program], bundle: Path, folder: Path) -> None:
        self._programs, self._bundle, self.folder = programs, bundle, folder

    def run(self, values: object, *options: object, output: str = "mask.png") -> tuple[list[Finished], list[Path]]:
        """Run both; returns what they said and where they wrote."""
        np.save(self.folder / "in.npy", np.asarray(values, np.int64))
        done, paths = [], []
        for language, program in self._programs.items():
            (self.folder / language).mkdir(exist_ok=True)
            paths.append(self.folder / language / output)
            place = f"{paths[-1]}{'/' if output.endswith('/') else ''}"
            done.append(
                program("predict", self._bundle, "--input", self.folder / "in.npy", "--output", place, *map(str, options))
            )
        return done, paths

    def picture(self, values: object, *options: object) -> Image.Image:
        """Return the picture that both wrote, with the same bytes."""
        done, paths = self.run(values, *options)
        for one in done:
            assert_answered(one, "1 sample ", "1 answer,")
        python, cpp = (path.read_bytes() for path in paths)
        assert python == cpp
        with Image.open(paths[0]) as picture:
            picture.load()
        return picture

    def refusal(self, values: object, *options: object, output: str = "mask.png") -> tuple[int, str]:
        """Return the exit code and words that both gave; neither wrote anything."""
        done, paths = self.run(values, *options, output=output)
        said = [(one.code, one.stderr.replace(str(path.parent), "")) for one, path in zip(done, paths, strict=True)]
        assert said[0] == said[1]
        assert [entry for path in paths for entry in path.parent.iterdir()] == []
        return said[0]


@pytest.fixture
def answers(programs: dict[str, Program], masks: Path, tmp_path: Path) -> Answers:
    return Answers(programs, masks, tmp_path)


@pytest.mark.parametrize("name", ["label", "scores"])
def test_named_classes_have_the_colours_of_pascal_voc(answers: Answers, name: str) -> None:
    picture = answers.picture([PIXELS % 3], "--select", name)
    assert picture.mode == "P"
    assert np.array_equal(np.asarray(picture), PIXELS % 3)
    colours = np.asarray(picture.convert("RGB"))
    assert [tuple(colours[0, i]) for i in range(3)] == VOC


def test_of_equal_scores_the_first_class_is_taken(answers: Answers) -> None:
    assert np.asarray(answers.picture([PIXELS * 0 + 5], "--select", "scores")).max() == 0


@pytest.mark.parametrize(
    ("name", "values", "mode", "wanted"),
    [
        ("plain", PIXELS * 7, "L", PIXELS * 7),
        ("wide", PIXELS * 7 + 60_000, "I;16", PIXELS * 7 + 60_000),
        ("wide", PIXELS, "I;16", PIXELS),
        ("flag", PIXELS % 2, "L", PIXELS % 2),
    ],
)
def test_the_contract_says_how_many_bits_a_grey_level_has(
    answers: Answers, name: str, values: object, mode: str, wanted: object
) -> None:
    picture = answers.picture([values], "--select", name)
    assert (picture.mode, np.array_equal(np.asarray(picture), np.asarray(wanted))) == (mode, True)


def test_our_own_reader_reads_it(answers: Answers) -> None:
    answers.picture([PIXELS * 7], "--select", "plain")
    data = (answers.folder / "python" / "mask.png").read_bytes()
    assert np.array_equal(decode_png(data, lambda *_: None).levels[..., 0], PIXELS * 7)


@pytest.mark.parametrize(
    ("name", "value", "code", "words"),
    [
        ("label", 3, 1, "label: got class 3, expected 0 to 2; the artifact breaks the contract, export again"),
        ("label", -1, 1, "label: got class -1, expected 0 to 2; the artifact breaks the contract, export again"),
        ("plain", 256, 2, "plain: got the value 256, expected 0 to 255 in this .png; write .npy"),
        ("plain", -1, 2, "plain: got the value -1, expected 0 to 255 in this .png; write .npy"),
        ("wide", 65_536, 2, "wide: got the value 65536, expected 0 to 65535 in this .png; write .npy"),
        ("wide", -(2**63), 2, f"wide: got the value {-(2**63)}, expected 0 to 65535 in this .png; write .npy"),
        ("scores", NAN, 2, "scores: got nan as a score, expected numbers; write .npy"),
    ],
)
def test_a_value_that_no_pixel_holds_is_refused(answers: Answers, name: str, value: int, code: int, words: str) -> None:
    values = PIXELS % 3
    values[HEIGHT - 1, WIDTH - 1] = value
    assert answers.refusal([values], "--select", name) == (code, f"error: /mask.png: {words}\n")


@pytest.mark.parametrize("name", ["picture", "vector", "last"])
def test_an_output_that_is_no_mask_is_refused(answers: Answers, name: str) -> None:
    code, words = answers.refusal([PIXELS % 3], "--select", name)
    assert (code, f"--output: {name}: got float32[N," in words, "expected a mask: " in words) == (2, True, True)


def test_several_outputs_or_samples_are_refused(answers: Answers) -> None:
    code, words = answers.refusal([PIXELS % 3])
    assert (code, words) == (2, "error: --output: got /mask.png for 8 outputs, expected one mask a .png; add --select NAME\n")
    for batch in (1, 2):
        code, words = answers.refusal([PIXELS % 3] * 2, "--select", "label", "--batch", batch)
        assert (code, words.startswith("error: /mask.png: got several samples, expected one, as a .png holds one mask")) == (
            2,
            True,
        )


@pytest.mark.parametrize("option", [["--top", 2], ["--id", "n"]], ids=str)
def test_words_are_refused_alike(answers: Answers, option: list[object]) -> None:
    code, words = answers.refusal([PIXELS % 3], "--select", "label", *option)
    assert (code, words.count("\n")) == (2, 1)


def test_a_full_disk_is_refused_alike(answers: Answers, masks: Path, programs: dict[str, Program]) -> None:
    np.save(answers.folder / "in.npy", np.asarray([PIXELS % 3]))
    words = ["predict", masks, "--input", answers.folder / "in.npy", "--select", "label", "--format", "png", "--output"]
    said = [program(*words, "/dev/full") for program in programs.values()]
    assert said[0] == said[1]
    assert (said[0].code, "error: /dev/full: got No space left on device" in said[0].stderr) == (6, True)


def test_it_goes_through_a_pipe(answers: Answers, masks: Path, programs: dict[str, Program]) -> None:
    answers.picture([PIXELS % 3], "--select", "label")
    whole = (answers.folder / "python" / "mask.png").read_bytes()
    words = ["predict", masks, "--input", answers.folder / "in.npy", "--select", "label", "--format", "png"]
    assert [program(*words).stdout for program in programs.values()] == [whole, whole]


def test_a_folder_has_a_mask_of_the_name_of_each_picture(programs: dict[str, Program], bands: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    levels = np.random.default_rng(0).integers(0, 256, (3, 40, 30), np.uint8)
    for name, picture in zip("abc", levels, strict=True):
        Image.fromarray(picture).save(tmp_path / "in" / f"{name}.bmp")
    for language, program in programs.items():
        place = f"{tmp_path}/{language}/"
        assert_answered(
            program("predict", bands, "--input", tmp_path / "in", "--batch", 2, "--output", place, "--format", "png"), "3 answers"
        )
    for name, picture in zip("abc", levels, strict=True):
        files = [(tmp_path / language / f"{name}.png").read_bytes() for language in programs]
        assert files[0] == files[1]
        with Image.open(tmp_path / "python" / f"{name}.png") as mask:
            assert np.array_equal(np.asarray(mask), picture // 100)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 65_534), (1, 65_535), (300, 401), (401, 5)])
def test_a_picture_of_several_blocks_is_whole(
    programs: dict[str, Program], bands: Path, tmp_path: Path, height: int, width: int
) -> None:
    levels = np.random.default_rng(height).integers(0, 256, (1, height, width), np.uint8)
    np.save(tmp_path / "in.npy", levels)
    for language, program in programs.items():
        assert_answered(program("predict", bands, "--input", tmp_path / "in.npy", "--output", tmp_path / f"{language}.png"))
    assert (tmp_path / "python.png").read_bytes() == (tmp_path / "c++.png").read_bytes()
    with Image.open(tmp_path / "c++.png") as mask:
        assert np.array_equal(np.asarray(mask), levels[0] // 100)


def test_no_pixels_are_refused_alike(programs: dict[str, Program], bands: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", np.zeros((1, 0, 4), np.uint8))
    said = [
        program("predict", bands, "--input", tmp_path / "in.npy", "--output", tmp_path / "mask.png")
        for program in programs.values()
    ]
    assert said[0] == said[1]
    assert (said[0].code, "label: got 0 x 4 pixels, expected 1 to 2147483647 on each side" in said[0].stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["in.npy"]


def test_a_model_without_a_batch_gives_one_mask(programs: dict[str, Program], tmp_path: Path) -> None:
    bundle = write_bundle(
        tmp_path / "bundle", Copy(), inputs={"values": "int64[5,7]"}, outputs=["label"], golden={"values": PIXELS % 3}
    )
    np.save(tmp_path / "in.npy", PIXELS)
    for language, program in programs.items():
        assert_answered(program("predict", bundle, "--input", tmp_path / "in.npy", "--output", tmp_path / f"{language}.png"))
    assert (tmp_path / "python.png").read_bytes() == (tmp_path / "c++.png").read_bytes()
    with Image.open(tmp_path / "c++.png") as mask:
        assert np.array_equal(np.asarray(mask), PIXELS)
