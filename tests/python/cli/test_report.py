"""`ferry report`: one HTML file that holds everything and trusts nothing. tests/edge opens it in a browser."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import torchferry
from builders.bundles import edit_manifest, fill_bundle, reseal
from builders.modules import MODULES
from builders.programs import BUILD, Program
from torchferry.errors import ExitCode
from torchferry.report.page import without_folders

FERRY_RUN = BUILD / "bin" / "ferry-run"
EVIL = '</title></svg><script>alert(1)</script><img src=x onerror="alert(2)">\'"{{ 7 * 7 }}$\\frac{1}$\x1b[2J\x07\u202e'


class Page(HTMLParser):
    """The tags and attributes of a page, as a browser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


def report(program: Program, bundle: Path, folder: Path, code: int = ExitCode.OK) -> Page:
    done = program("report", bundle, "-o", folder / "report.html", "--ferry-run", FERRY_RUN)
    assert done.code == code, done.stderr
    assert [path.name for path in folder.iterdir()] == ["report.html"]
    page = Page((folder / "report.html").read_text())
    for place in (BUILD, bundle.parent, folder, Path.home()):
        assert f"{place}/" not in page.words, "a folder of this machine"
    return page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "got no libx.so in /work/a b/build/lib, /opt/ferry/lib, expected",
            "got no libx.so in \u2026/a b/build/lib, \u2026/lib, expected",
        ),
        ("/tmp/x/model.pt: size: got 1", "\u2026/model.pt: size: got 1"),
        ("1/2 of golden/batch-1.npy, https://a.b/c/d", "1/2 of golden/batch-1.npy, https://a.b/c/d"),
    ],
)
def test_folders_of_this_machine_are_left_out(text: str, shown: str) -> None:
    assert without_folders(text) == shown


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_the_report_holds_what_it_promises_and_refers_to_nothing_outside(
    ferry_here: Program, reference_bundle: Path, folder: Path
) -> None:
    page = report(ferry_here, reference_bundle, folder)
    manifest = json.loads((reference_bundle / "manifest.json").read_text())
    for heading in (
        "Contract",
        "Verdicts",
        "Errors against their bounds",
        "Layer by layer",
        "Labels",
        "Latency and size",
        "Digests",
    ):
        assert heading in page.words
    for words in (manifest["golden"]["description"], manifest["artifacts"][0]["files"][0]["sha256"], "PASSED", "not here (1)"):
        assert words in page.words
    assert page.tags["svg"] >= 4
    assert page.tags["script"] == page.tags["iframe"] == page.tags["object"] == 0
    assert page.tags["img"] == (12 if "digits" in reference_bundle.name else 0)
    outside = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "srcset", "action")]
    assert all(value is not None and value.startswith(("data:", "#")) for value in outside)
    styles = (folder / "report.html").read_text()
    assert "@import" not in styles
    assert styles.count("url(") == styles.count("url(#")


def test_a_failure_is_red_and_keeps_its_exit_code(ferry_here: Program, bundle_copy: Path, folder: Path) -> None:
    for reference in ("float32", "float64"):
        path = bundle_copy / "golden" / f"batch-64.{reference}.label.npy"
        labels = np.load(path)
        labels[5] = (labels[5] + 1) % 10
        np.save(path, labels)
    reseal(bundle_copy)
    page = report(ferry_here, bundle_copy, folder, ExitCode.MISMATCH)
    assert "FAILED" in page.words
    assert "63 of 64 as the golden" in page.words
    assert ("class", "wrong") in page.attributes
    assert "call 1, label: at [5] got" in page.words


@pytest.mark.slow
def test_what_a_manifest_says_is_text_and_never_markup(ferry_here: Program, bundle_copy: Path, folder: Path) -> None:
    """The tags of the page are those of its template; a picture for each sample, and what matplotlib draws."""

    def poison(value: dict[str, dict[str, object]]) -> None:
        value["golden"].update(description=EVIL, numerics=EVIL)
        value["contract"]["classes"]["names"][0] = EVIL  # type: ignore[index]
        value["contract"]["inputs"][0]["unit"] = EVIL  # type: ignore[index]
        value["artifacts"][0].update(producer=EVIL, requires={EVIL: EVIL})  # type: ignore[index]
        value["training"].update(recipe=EVIL, dataset=EVIL, metrics={EVIL: 1.0})
        for row in value["tolerances"]:
            row["reason"] += EVIL  # type: ignore[index]

    edit_manifest(bundle_copy, poison)
    page = report(ferry_here, bundle_copy, folder)
    assert page.tags["img"] == 12
    assert page.tags["title"] == page.tags["body"] == page.tags["header"] == 1
    assert page.tags["script"] == 0
    assert page.words.count("<script>alert(1)</script>") > 8
    assert "{{ 7 * 7 }}" in page.words
    text = (folder / "report.html").read_text()
    assert not any(mark in text for mark in "\x1b\x07\u202e"), "a control character or a mark of direction reaches the page"
    assert not any(name.startswith("on") for name, _ in page.attributes)


@pytest.mark.slow
def test_a_bundle_without_classes_or_layers_has_a_report_too(ferry_here: Program, tmp_path: Path, folder: Path) -> None:
    sample = MODULES["several"]
    torchferry.export(sample.module(), inputs=sample.inputs, outputs=sample.outputs, out=tmp_path / "b", note=lambda _: None)
    page = report(ferry_here, tmp_path / "b", folder)
    assert "synthetic goldens" in page.words
    assert page.tags["img"] == 0


class Colours(nn.Module):
    """A classifier of coloured images, whose classes nobody has named."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.net(image.float() / 255)
        return {"logits": logits, "label": logits.argmax(1)}


@pytest.mark.slow
def test_coloured_images_are_shown_and_labels_without_names_are_counted(
    ferry_here: Program, tmp_path: Path, folder: Path
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 3, 8, 10), dtype=np.uint8)
    torchferry.export(
        Colours().eval(),
        inputs={"image": "uint8[N,3,8,10]"},
        golden=image,
        to=("torchscript",),
        out=tmp_path / "b",
        note=lambda _: None,
    )
    page = report(ferry_here, tmp_path / "b", folder)
    assert page.tags["img"] == 9
    assert "9 of 9 as the golden" in page.words
    address = next(value for name, value in page.attributes if name == "src")
    assert address is not None
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
    assert np.array_equal(pixels, image[0].transpose(1, 2, 0))


def test_a_target_that_cannot_be_written_is_told_before_anything_runs(
    ferry_here: Program, reference_bundle: Path, tmp_path: Path
) -> None:
    for target in (tmp_path, tmp_path / "nowhere" / "report.html"):
        done = ferry_here("report", reference_bundle, "-o", target)
        assert (done.code, done.stdout, done.stderr.count("\n")) == (ExitCode.IO, b"", 1)
        assert "choose another -o" in done.stderr


def test_a_bundle_that_nothing_can_run_has_no_report(ferry_here: Program, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "b").mkdir()
    fill_bundle(tmp_path / "b", artifacts={"abacus": b"beads"})
    assert ferry_here("report", tmp_path / "b", "-o", folder / "r.html").code == ExitCode.UNAVAILABLE
    assert list(folder.iterdir()) == []
