"""The browser example: one page from disk, digits drawn with the mouse, the bits of the definition in WebAssembly."""

from __future__ import annotations

import itertools
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import torchferry
from builders.chromium import PROGRAM, Page, chromium
from builders.edge_networks import FILE, edge_case
from builders.programs import ROOT
from builders.spread import spread
from torchferry.bundle.contract import Array
from torchferry.course.export import export_run
from torchferry.course.train import load_run, train_recipe
from torchferry.engines.base import Session

EXAMPLE = ROOT / "cpp" / "examples" / "browser"
ARTIFACTS = ROOT / "build" / "screenshots"
MISSING = [tool for tool in ("clang", "wasm-ld", "make") if shutil.which(tool) is None] + ([] if PROGRAM else ["chromium"])
Point = tuple[float, float]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} not installed; run `make setup-edge`")


@pytest.fixture(scope="module")
def bundle(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """784-100-10, trained for five epochs, as C, in a folder whose name has a space."""
    folder = tmp_path_factory.mktemp("browser")
    train_recipe("mnist-mlp", out=folder / "run", data_root=data_root, changes={"epochs": 5})
    out = folder / "my bundle"
    export_run(load_run(folder / "run", data_root), name="mnist-mlp", formats=("c",), out=out, force=False)
    return out


@pytest.fixture(scope="module")
def page_file(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(bundle, tmp_path_factory.mktemp("page") / "my page")


def build(bundle: Path, folder: Path, *options: str) -> Path:
    """Make the page of a bundle, as a user does."""
    command = ["make", "-s", "-f", str(EXAMPLE / "Makefile"), f"BUNDLE={bundle}", f"BUILD={folder}", *options]
    subprocess.run(command, check=True, timeout=300)
    return folder / "page.html"


def computed(bundle: Path, inputs: dict[str, Array]) -> dict[str, bytes]:
    """Return the bytes of each output of engine `c`, compiled for this processor."""
    session = Session(torchferry.open_bundle(bundle), "c", allow_native=True)
    return {name: array.tobytes() for name, array in session.run(inputs).items()}


def shown(page: Page, name: str, dtype: str) -> bytes:
    """Return the bytes of an output in the page."""
    numbers = page.evaluate(f"Array.from(outputs[{name!r}].values, Number)")
    return np.array(numbers, dtype).tobytes()


def said(page: Page) -> str:
    return str(page.evaluate("document.getElementById('answer').textContent"))


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
def test_a_drawn_digit_is_classified_with_the_bits_of_the_engine(bundle: Path, page_file: Path, colors: str) -> None:
    with chromium() as page:
        page.open(page_file.as_uri(), width=760, height=760)
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": colors}])
        pad = page.evaluate(
            "(() => { const r = document.querySelector('.pad').getBoundingClientRect(); return [r.left, r.top]; })()"
        )
        answers = {}
        for digit, strokes in STROKES.items():
            page.evaluate("document.querySelector('.clear').click()")
            for stroke in strokes:
                page.drag([(pad[0] + x, pad[1] + y) for x, y in stroke])
            answers[digit] = said(page)
            image = np.array(page.evaluate("Array.from(inputs.image.values)"), np.uint8).reshape(1, 28, 28)
            assert image.max() > 200
            assert shown(page, "probabilities", "float32") == computed(bundle, {"image": image})["probabilities"]
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(ARTIFACTS / f"browser-{colors}.png")
        assert answers == {digit: str(digit) for digit in STROKES}
        assert page.problems == []
        assert page.requests == [page_file.as_uri()]


def test_the_page_says_unsure_below_its_margin_and_nothing_without_an_input(page_file: Path, bundle: Path) -> None:
    with chromium() as page:
        page.open(page_file.as_uri())
        assert said(page) == "?"
        page.evaluate("inputs.image.values.fill(0); answer()")
        scores = np.sort(np.frombuffer(computed(bundle, {"image": np.zeros((1, 28, 28), np.uint8)})["probabilities"], np.float32))
        assert (said(page) == "unsure") == (scores[-1] - scores[-2] < 0.2)
        page.evaluate("show({ names: ['a', 'b', 'c'], shares: [0.45, 0.26, 0.29] })")
        assert said(page) == "unsure"
        page.evaluate("show({ names: ['a', 'b', 'c'], shares: [0.52, 0.31, 0.17] })")
        assert said(page) == "a"
        page.evaluate("document.querySelector('.clear').click()")
        assert said(page) == "?"
        assert page.problems == []


@pytest.mark.parametrize("numbers", ["1 2 three", "1, 2"])
def test_numbers_that_do_not_fit_are_told_in_a_line(page_file: Path, numbers: str) -> None:
    with chromium() as page:
        page.open(page_file.as_uri())
        typed = "document.querySelector('textarea')"
        page.evaluate(f"{typed}.value = {numbers!r}; {typed}.dispatchEvent(new Event('change'))")
        assert "expected 784" in page.evaluate("document.getElementById('note').textContent")
        assert said(page) == "?"
        assert page.problems == []


@pytest.mark.slow
@pytest.mark.skipif(not FILE.exists(), reason=f"{FILE} is not here; set FERRY_CASES")
@pytest.mark.parametrize("name", ["keyword_spotting", "image_classification"])
def test_the_page_takes_networks_that_people_ship(name: str, tmp_path: Path) -> None:
    module, inputs, golden = edge_case(name)
    out = tmp_path / "b"
    torchferry.export(module, inputs=inputs, golden=golden, out=out, to=["c"], outputs=["probabilities"], note=lambda _: None)
    with chromium() as page:
        page.open(build(out, tmp_path / "page").as_uri())
        page.evaluate("document.querySelector('.example').click()")
        first = {key: array[:1] for key, array in golden.items()}
        assert shown(page, "probabilities", "float32") == computed(out, first)["probabilities"]
        assert page.evaluate("document.querySelectorAll('#bars li').length") == 10  # of 12 words the best, all of 10 pictures
        assert page.problems == []


def test_a_folder_without_c_is_refused_in_one_line(tmp_path: Path) -> None:
    command = ["make", "-s", "-f", str(EXAMPLE / "Makefile"), f"BUNDLE={tmp_path}", f"BUILD={tmp_path / 'build'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert f"error: {tmp_path}/model.h: got no model, expected a bundle with C; export it with --to c\n" in done.stderr
    assert list(tmp_path.iterdir()) == []
