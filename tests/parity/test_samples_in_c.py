"""ferry_samples_open: files as samples in a program of one's own, with the elements and the refusals of `ferry-run predict`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

import torchferry
from builders.programs import BUILD, ROOT, Program
from torchferry import native
from torchferry.errors import ExitCode, FerryError

DIGITS, IRIS = ROOT / "exported" / "digits-mlp", ROOT / "exported" / "iris-adaline"
GOLDEN = DIGITS / "golden" / "batch-64.input.image.npy"
PLUGIN = BUILD / "lib" / "ferry" / "libferry_samples.so"

pytestmark = pytest.mark.skipif(not PLUGIN.exists(), reason="this build has no libferry_samples")


class Same(nn.Module):
    """Gives back what it is given."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image * 1


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("samples") / "colours"
    inputs = {"image": "uint8[N,H,W,3]"}
    torchferry.export(Same().eval(), inputs=inputs, outputs=["same"], out=out, to=["onnx"], stress=False, note=lambda _: None)
    return out


def pixels(height: int = 24, width: int = 40) -> NDArray[np.uint8]:
    """A picture [H, W, 3] of slopes, which JPEG keeps well."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 8, columns * 5, (rows + columns) * 3], -1).astype(np.uint8)


def refused(code: ExitCode, words: str) -> pytest.RaisesExc[FerryError]:
    return pytest.RaisesExc(FerryError, match=words, check=lambda error: error.code == code)


def test_an_array_comes_in_parts_until_its_end() -> None:
    samples = native.open_bundle(DIGITS).samples(GOLDEN)
    parts = [inputs["image"] for inputs in samples.batches(10)]
    assert [len(part) for part in parts] == [10] * 6 + [4]
    assert np.array_equal(np.concatenate(parts), np.load(GOLDEN))
    assert samples.read(1) is None


def test_an_array_whose_last_part_is_full_ends_too() -> None:
    assert len(list(native.open_bundle(DIGITS).samples(f"image={GOLDEN}").batches(32))) == 2


def test_a_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("petal length;petal width\n1.4;0.2\n4.7;1.5\n")
    ((inputs),) = native.open_bundle(IRIS).samples(tmp_path / "rows.csv").batches(5)
    assert np.array_equal(inputs["measurements"], np.array([[1.4, 0.2], [4.7, 1.5]], np.float32))


def test_pictures_are_those_that_pillow_sees(colours: Path, tmp_path: Path) -> None:
    Image.fromarray(pixels()).save(tmp_path / "a.png")
    Image.fromarray(pixels()[::-1]).save(tmp_path / "b.bmp")
    (inputs,) = native.open_bundle(colours).samples(tmp_path).batches(5)
    assert np.array_equal(inputs["image"], np.stack([pixels(), pixels()[::-1]]))


def test_a_jpeg_has_the_bits_of_both_programs(colours: Path, programs: dict[str, Program], tmp_path: Path) -> None:
    """The library is the shared one here, and the static one in ferry-run."""
    Image.fromarray(pixels()).save(tmp_path / "a.jpg", quality=90)
    (inputs,) = native.open_bundle(colours).samples(tmp_path / "a.jpg").batches(5)
    assert np.abs(inputs["image"][0].astype(int) - pixels()).max() < 16  # it is that picture
    for program in programs.values():
        words = ("--engine", "onnxruntime", "--input", tmp_path / "a.jpg", "--output", tmp_path / "y.npy")
        done = program("predict", colours, *words)
        assert done.code == 0, done.stderr
        assert np.array_equal(inputs["image"], np.load(tmp_path / "y.npy"))


def test_samples_are_what_a_session_takes() -> None:
    bundle = native.open_bundle(DIGITS)
    with bundle.session("onnxruntime") as session:
        answers = [session.run(inputs)["label"] for inputs in bundle.samples(GOLDEN).batches(16)]
    assert np.array_equal(np.concatenate(answers), np.load(DIGITS / "golden" / "batch-64.float64.label.npy"))


@pytest.mark.parametrize("content", [b"1,2,3\n", b"", b"GIF89a..........", b"\xff\xd8\xff\xe0 no picture"], ids=str)
def test_a_wrong_file_is_refused_in_the_words_of_ferry_run(content: bytes, ferry_run: Program, tmp_path: Path) -> None:
    file = tmp_path / "wrong"
    file.write_bytes(content)
    done = ferry_run("predict", IRIS, "--engine", "onnxruntime", "--input", file, "--output", tmp_path / "y.npy")
    with pytest.raises(FerryError) as error:
        list(native.open_bundle(IRIS).samples(file).batches(4))
    assert (f"error: {error.value}\n", error.value.code) == (done.stderr, done.code)


def test_what_no_program_should_ask_for_is_refused(tmp_path: Path) -> None:
    bundle = native.open_bundle(IRIS)
    with refused(ExitCode.IO, "nowhere"):
        bundle.samples(tmp_path / "nowhere.csv")
    with refused(ExitCode.USAGE, "files: got none"):
        bundle.samples()
    with refused(ExitCode.USAGE, "samples: got 0, expected 1 or more a read"):
        native.open_bundle(DIGITS).samples(GOLDEN).read(0)


def refusal_of(folder: Path) -> str:
    """What a process says whose libferry lies in `folder`: the code and the text."""
    code = (
        "import sys; from pathlib import Path; from torchferry import native; from torchferry.native import library\n"
        "library.own_library = lambda: Path(sys.argv[1])\n"
        "try: native.open_bundle(sys.argv[2]).samples(sys.argv[3])\n"
        "except Exception as error: print(int(error.code), error)"
    )
    shutil.copy(BUILD / "lib" / "libferry.so", folder / "libferry.so")
    words = [sys.executable, "-c", code, folder / "libferry.so", DIGITS, GOLDEN]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    return done.stdout


def test_a_libferry_alone_says_what_is_missing(tmp_path: Path) -> None:
    assert refusal_of(tmp_path).startswith("5 files as samples: got no libferry_samples.so in ")


def test_a_library_that_another_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ferry").mkdir()
    shutil.copy(PLUGIN, tmp_path / "ferry")
    (tmp_path / "ferry" / PLUGIN.name).chmod(0o777)
    said = refusal_of(tmp_path)
    assert said.startswith("5 files as samples: ")
    assert "got a plugin that another user may write" in said


def test_its_symbols_stay_inside() -> None:
    """A program's own libferry must not meet this copy of its objects."""
    done = subprocess.run(["nm", "-D", "--defined-only", PLUGIN], capture_output=True, text=True, check=True)
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["ferry_sample_library_entry"]
