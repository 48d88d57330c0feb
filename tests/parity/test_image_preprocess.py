"""A picture's file to answers: `predict` in both programs is PIL, torchvision and the module in eager, in every format."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor, nn

import torchferry
import torchferry.mixed_builds  # a torchvision of another build
from builders.programs import Program, assert_answered
from builders.sides import ALLOW, engines_here
from torchferry import ImagePreprocess
from torchferry.bundle.contract import Array
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.engines.c_build import find_compiler

v2 = pytest.importorskip("torchvision.transforms.v2")

RESIZE, CROP, MEAN, STD = 64, (56, 60), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PREPROCESS = ImagePreprocess(resize=RESIZE, crop=CROP, mean=MEAN, std=STD)
CONTRACTS = {
    "fixed": ("uint8[N,427,640,3]", ["torchscript", "onnx", "export", "c", "executorch"]),
    "fixed-bgr": ("uint8[N,3,427,640]:BGR", ["torchscript", "onnx", "export", "c"]),
    "free": ("uint8[N,H,W,3]", ["torchscript", "onnx", "export"]),
    "free-scaled": ("float32[N,3,H,W]:0..1", ["torchscript", "onnx", "export"]),
}
RANDOM = np.random.default_rng(9)
WORST = 1e-5  # of float32 eager against torchvision in float64


class Net(nn.Module):
    """A small classifier of [N, 3, 56, 60]."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU())
        self.head = nn.Linear(8 * 13 * 14, 5)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Score [N, 3, 56, 60] for 5 classes."""
        logits = self.head(self.features(image).flatten(1))
        return {"logits": logits, "label": logits.argmax(dim=1)}


def net() -> nn.Module:
    torch.manual_seed(4)
    return Net().eval()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Bundle]:
    """The bundle of a contract, exported when it is first asked for."""
    folder = tmp_path_factory.mktemp("preprocessed")

    def make(name: str) -> Bundle:
        spec, formats = CONTRACTS[name]
        missing = {"c": find_compiler() is None, "executorch": find_spec("executorch") is None}
        formats = [item for item in formats if not missing.get(item)]
        out, options = folder / name, {"preprocess": PREPROCESS, "symbols": {"N": (0, 4)}, "note": lambda _: None}
        if not out.exists():
            torchferry.export(net(), inputs={"image": spec}, to=formats, out=out, **options)
        return open_bundle(out)

    return make


def files(folder: Path) -> list[list[Path]]:
    """Pictures of one size in each list: two photos as JPEG, three of noise as PNG, tall, wide and smaller than the resize."""
    photos = [folder / "china.jpg", folder / "flower.jpg"]
    for path, pixels in zip(photos, load_sample_images().images, strict=True):
        Image.fromarray(pixels).save(path, quality=90)
    noise = [folder / f"{height}x{width}.png" for height, width in ((301, 90), (65, 1000), (20, 31))]
    for path in noise:
        height, width = map(int, path.stem.split("x"))
        Image.fromarray(RANDOM.integers(0, 256, (height, width, 3), np.uint8)).save(path)
    return [photos, *([path] for path in noise)]


def logits_of(paths: list[Path], *, order: str, double: bool = False) -> Array:
    """PIL, torchvision and the module: nothing of torchferry."""
    dtype = torch.float64 if double else torch.float32
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB")) for path in paths])
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().to(dtype) / 255
    if order == "BGR":
        x = x.flip(1)
    x = v2.functional.center_crop(v2.functional.resize(x, [RESIZE], antialias=True), list(CROP))
    module = net().double() if double else net()
    with torch.inference_mode():
        found: Array = module(v2.functional.normalize(x, list(MEAN), list(STD)))["logits"].numpy()
    return found


def predicted(program: Program, bundle: Bundle, engine: str, paths: list[Path], out: Path) -> Array:
    inputs = [word for path in paths for word in ("--input", path)]
    done = program("predict", bundle.folder, "--engine", engine, ALLOW, *inputs, "--select", "logits", "--output", out)
    assert_answered(done, f"{len(paths)} answer")
    found: Array = np.load(out)
    return found


@pytest.mark.parametrize("language", ["python", "c++"])
@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name != "free")) for name in CONTRACTS])
def test_predict_on_a_file_is_pil_torchvision_and_eager(
    made: Callable[[str], Bundle], programs: dict[str, Program], tmp_path: Path, name: str, language: str
) -> None:
    bundle = made(name)
    order = bundle.contract.inputs[0].channels or "RGB"
    ran = [item.engine for item in bundle.manifest.artifacts if item.engine in engines_here(language)]
    assert {"torchscript", "onnxruntime"} <= set(ran)
    for paths in files(tmp_path) if name.startswith("free") else files(tmp_path)[:1]:
        single, exact = logits_of(paths, order=order), logits_of(paths, order=order, double=True)
        assert np.abs(single - exact).max() < WORST
        for engine in ran:
            answers = predicted(programs[language], bundle, engine, paths, tmp_path / "answers.npy")
            row = bundle.manifest.tolerance(
                engine=engine, device="cpu", output="logits", numerics=bundle.manifest.golden.numerics
            )
            assert row is not None
            assert row.kind == ("bits" if engine in ("eager", "torchscript") else "absolute")
            if row.kind == "bits":
                assert answers.tobytes() == single.tobytes(), (engine, paths)
            else:
                assert np.abs(answers - exact).max() <= row.bound, (engine, paths)


def test_a_float_input_that_predict_has_scaled_is_not_scaled_twice(
    made: Callable[[str], Bundle], programs: dict[str, Program], tmp_path: Path
) -> None:
    levels, scaled = (
        predicted(programs["c++"], made(name), "torchscript", files(tmp_path)[0], tmp_path / f"{name}.npy")
        for name in ("free", "free-scaled")
    )
    assert levels.tobytes() == scaled.tobytes()


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler is here")
def test_generated_c_refuses_free_sizes_by_name(tmp_path: Path) -> None:
    with pytest.raises(torchferry.FerryError, match=r"^c: image: shape: got uint8\[N,H,W,3\], expected .* fixed dims"):
        torchferry.export(net(), inputs={"image": "uint8[N,H,W,3]"}, to=["c"], out=tmp_path / "b", preprocess=PREPROCESS)
    assert list(tmp_path.iterdir()) == []
