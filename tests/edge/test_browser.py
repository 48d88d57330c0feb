"""The browser example: one page from disk, digits drawn with the mouse, the bits of the definition in WebAssembly."""

from __future__ import annotations

import itertools
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from builders.chromium import PROGRAM, chromium
from builders.generated_c import Subject, write
from builders.spread import spread
from torchferry.cgen import generate, reference
from torchferry.course.train import load_run, train_recipe
from torchferry.intake.source import ExportSource

EXAMPLE = Path(__file__).resolve().parents[2] / "cpp" / "examples" / "browser"
ARTIFACTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
MISSING = [tool for tool in ("clang", "wasm-ld", "make") if shutil.which(tool) is None] + ([] if PROGRAM else ["chromium"])
Point = tuple[float, float]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} not installed; run `make setup-edge`")


@pytest.fixture(scope="module")
def model(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """784-100-10, trained for five epochs, as C."""
    folder = tmp_path_factory.mktemp("browser")
    train_recipe("mnist-mlp", out=folder / "run", data_root=data_root, changes={"epochs": 5})
    run = load_run(folder / "run", data_root)
    contract, images = run.recipe.contract(run.dataset), run.dataset.test_inputs[:64].numpy()
    program = ExportSource(run.module, contract, {"image": images[:4]}).program
    generated = generate(program, contract, name="mnist_mlp", goldens={"image": images})
    return Subject(run.module, contract, {"image": images}, program, generated)


@pytest.fixture(scope="module")
def page_file(model: Subject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "my page"
    folder.mkdir()
    write(model.generated, folder)
    command = ["make", "-s", "-f", str(EXAMPLE / "Makefile"), f"MODEL={folder}", f"BUILD={folder}"]
    subprocess.run(command, check=True, timeout=120)
    return folder / "digits.html"


def circle(x: float, y: float, width: float, height: float) -> list[Point]:
    angles = [2 * math.pi * step / 40 - math.pi / 2 for step in range(41)]
    return [(x + width * math.cos(angle), y + height * math.sin(angle)) for angle in angles]


def line(*corners: Point, steps: int = 12) -> list[Point]:
    points = [corners[0]]
    for (x0, y0), (x1, y1) in itertools.pairwise(corners):
        points += [(x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps) for step in range(1, steps + 1)]
    return points


STROKES: dict[int, list[list[Point]]] = {
    0: [circle(140, 140, 60, 85)],
    1: [line((140, 50), (140, 230))],
    4: [line((95, 50), (85, 140), (190, 140)), line((185, 50), (175, 235))],
    7: [line((80, 60), (195, 60), (125, 235))],
}


@pytest.mark.parametrize("colors", spread(["light", "dark"], 1))
def test_a_drawn_digit_is_classified_with_the_bits_of_the_definition(model: Subject, page_file: Path, colors: str) -> None:
    with chromium() as page:
        page.open(page_file.as_uri(), width=760, height=520)
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": colors}])
        pad = page.evaluate("(() => { const r = pad.getBoundingClientRect(); return [r.left, r.top]; })()")
        answers = {}
        for digit, strokes in STROKES.items():
            page.evaluate("document.getElementById('clear').click()")
            for stroke in strokes:
                page.drag([(pad[0] + x, pad[1] + y) for x, y in stroke])
            answers[digit] = page.evaluate("document.getElementById('answer').textContent")
            image = np.array(page.evaluate("Array.from(levels)"), np.uint8).reshape(1, 28, 28)
            shown = np.array(page.evaluate("Array.from(probabilities)"), np.float32)
            expected = dict(
                zip(("logits", "probabilities", "label"), reference.run(model.generated.graph, {"image": image}), strict=True)
            )
            assert image.max() > 200
            assert shown.tobytes() == np.asarray(expected["probabilities"], np.float32).tobytes()
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(ARTIFACTS / f"browser-{colors}.png")
        assert answers == {digit: str(digit) for digit in STROKES}
        assert page.problems == []
        assert page.requests == [page_file.as_uri()]


def test_the_page_clears_and_stays_silent_without_a_drawing(page_file: Path) -> None:
    with chromium() as page:
        page.open(page_file.as_uri())
        assert page.evaluate("document.getElementById('answer').textContent") == "?"
        page.evaluate("classify()")
        assert page.evaluate("document.getElementById('answer').textContent") == "?"
        assert page.problems == []
