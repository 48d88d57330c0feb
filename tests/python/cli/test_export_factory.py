"""`ferry export package.module:factory`: modules and weights of users, from the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from builders.programs import Program
from builders.spread import spread
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode

SOURCE = """
import torch
from torch import nn

from torchferry import ImagePreprocess

pixels = ImagePreprocess(resize=12, crop=8, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))


def described():
    return pixels


def larger():
    return ImagePreprocess(crop=9)


def wrong():
    return ImagePreprocess(crop=0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.drop = nn.Dropout()
        self.head = nn.Linear(4, 5)

    def forward(self, image):
        features = self.conv(image.float() / 255).relu().mean((2, 3))
        logits = self.head(self.drop(features))
        return {"logits": logits, "label": logits.argmax(1)}


class Brighter(nn.Module):
    def forward(self, image):
        return image + 1


def broken():
    return [][3]


def leaving():
    raise SystemExit(3)


def text():
    return "no module"


number = 3
"""
INPUT = ("--input", "image=uint8[N,3,8,8]")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the user's code, weights and goldens."""
    (tmp_path / "usercode.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    import usercode  # type: ignore[import-not-found]

    torch.manual_seed(0)
    net = usercode.Net()
    torch.save(net.state_dict(), "weights.pt")
    torch.save({"state_dict": net.state_dict(), "epoch": 3}, "checkpoint.pt")
    torch.save(net, "pickled.pt")
    torch.save(torch.nn.Linear(2, 2).state_dict(), "other.pt")
    torch.save({**net.state_dict(), "head.bias": torch.zeros(6)}, "shape.pt")
    (tmp_path / "text.pt").write_text("no weights")
    images = np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8), dtype=np.uint8)
    np.savez("inputs.npz", image=images)
    np.savez("wrong.npz", image=images[:, :2])
    np.save("inputs.npy", images)
    yield tmp_path
    del sys.modules["usercode"]


def test_a_factory_with_weights_and_goldens_becomes_a_bundle(ferry_here: Program, work: Path) -> None:
    done = ferry_here(
        "export", "usercode:Net", "--weights", "weights.pt", *INPUT, "--golden", "inputs.npz", "--classes", "a,b,c,d,e"
    )
    assert done.code == ExitCode.OK, done.stderr
    bundle = open_bundle(work / "exported" / "net")
    assert bundle.manifest.name == "net"
    assert [spec.name for spec in bundle.contract.outputs] == ["logits", "label"]
    assert bundle.contract.classes is not None
    assert bundle.manifest.golden.source == "real"
    case = read_case(bundle, bundle.manifest.golden.cases[0])
    import usercode

    net = usercode.Net()
    net.load_state_dict(torch.load("weights.pt", weights_only=True))
    with torch.inference_mode():
        expected = net.eval()(torch.from_numpy(np.array(case.inputs["image"])))["logits"].numpy()
    assert np.array_equal(case.float32["logits"], expected)


@pytest.mark.parametrize(
    "options", [["--weights", "checkpoint.pt"], ["--golden", "inputs.npy"], ["--output", "logits", "--output", "label=int64[N]"]]
)
@pytest.mark.usefixtures("work")
def test_checkpoints_single_arrays_and_output_specs_are_taken(ferry_here: Program, options: list[str]) -> None:
    assert ferry_here("export", "usercode:Net", *INPUT, "--to", "torchscript", "--out", "b", *options).code == ExitCode.OK


@pytest.mark.slow
@pytest.mark.usefixtures("work")
def test_a_contract_that_the_module_contradicts_is_told_in_one_line(ferry: Program) -> None:
    done = ferry("export", "usercode:Net", "--input", "image=uint8[N,4,8,8]", "--out", "b")  # torch's own log must stay quiet too
    assert done.code == ExitCode.BAD_INPUT
    assert done.stderr.count("\n") == 1
    assert "4 channels" in done.stderr


def test_without_goldens_it_says_synthetic(ferry_here: Program, work: Path) -> None:
    done = ferry_here("export", "usercode:Net", *INPUT, "--to", "torchscript", "--out", "b", "--seed", "7")
    assert "synthetic" in done.stdout.decode()
    golden = open_bundle(work / "b").manifest.golden
    assert (golden.source, golden.description) == ("synthetic", "random inside the contract, seed 7")
    assert b"synthetic goldens" in ferry_here("verify", "b").stdout


@pytest.mark.usefixtures("work")
def test_metadata_given_at_export_is_shown_by_both_programs(ferry_here: Program, ferry_run: Program) -> None:
    texts = ["--metadata", "licence=MIT", "--metadata", "contact=a=b <c@d>"]
    done = ferry_here("export", "usercode:Net", *INPUT, "--to", "torchscript", "--out", "b", *texts)
    assert done.code == ExitCode.OK, done.stderr
    for program in (ferry_here, ferry_run):
        assert json.loads(program("inspect", "b", "--json").stdout)["manifest"]["metadata"] == {
            "licence": "MIT",
            "contact": "a=b <c@d>",
        }
        text = program("inspect", "b").stdout.decode()
        assert "contact: a=b <c@d>\n" in text
        assert "licence: MIT\n" in text


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("text", ["licence", "=MIT", "licence=", "1=MIT", "a b=c", "a=" + 4097 * "x"])
def test_metadata_outside_the_rules_is_a_usage_error(ferry_here: Program, text: str) -> None:
    done = ferry_here("export", "usercode:Net", *INPUT, "--to", "torchscript", "--out", "b", "--metadata", text)
    assert (done.code, done.stderr.count("\n"), Path("b").exists()) == (ExitCode.USAGE, 1, False), done.stderr
    assert "metadata" in done.stderr


def test_preprocessing_limits_and_a_name_may_be_given(ferry_here: Program, work: Path) -> None:
    options = ["--preprocess", "usercode:Brighter", "--name", "bright", "--symbol", "N=0..9", "--golden", "inputs.npz"]
    done = ferry_here("export", "usercode:Net", *INPUT, "--to", "torchscript", "--out", "b", *options)
    assert done.code == ExitCode.OK, done.stderr
    manifest = open_bundle(work / "b").manifest
    assert manifest.name == "bright"
    assert manifest.contract.symbols["N"].max == 9


@pytest.mark.parametrize("described", spread(["usercode:pixels", "usercode:described"], 1))
def test_preprocessing_may_be_a_description_of_what_is_done_to_pictures(ferry_here: Program, work: Path, described: str) -> None:
    arguments = ["--input", "image=uint8[N,H,W,3]", "--to", "torchscript", "--out", "b", "--preprocess", described]
    done = ferry_here("export", "usercode:Net", "--weights", "weights.pt", *arguments)
    assert done.code == ExitCode.OK, done.stderr
    assert open_bundle(work / "b").contract.inputs[0].shape == ("N", "H", "W", 3)
    options = ["--engine", "torchscript", "--run", "usercode:Net", "--weights", "weights.pt", "--preprocess", described]
    assert ferry_here("diff", "b", *options).code == ExitCode.OK


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ["usercode:Net", "--weights", "other.pt"],
            7,
            "missing conv.bias, conv.weight, head.bias, head.weight, unexpected bias, weight",
        ),
        (["usercode:Net", "--weights", "shape.pt"], 7, "head.bias: got shape [6], expected [5]"),
        (["usercode:Net", "--weights", "pickled.pt"], 7, "only running code could restore"),
        (["usercode:Net", "--weights", "text.pt"], 7, "--weights text.pt"),
        (["usercode:Net", "--weights", "absent.pt"], 6, "no such file"),
        (
            ["usercode:Net", "--weights", "separate"],
            2,
            "expected the file of a state_dict; the weights of the C are in its code, and with --separate-weights in",
        ),
        (["iris-adaline", "--weights", "built-in"], 2, "--weights: got built-in, expected the file of a state_dict"),
        (["usercode:Net", "--golden", "absent.npz"], 6, "no such file"),
        (["usercode:Net", "--golden", "wrong.npz"], 7, "golden: input image"),
        (["usercode:Net", "--golden", "usercode.py"], 7, "--golden usercode.py"),
        (["usercode:broken"], 7, "IndexError: list index out of range at usercode.py:41: return [][3]"),
        (["usercode:text"], 7, "got str, expected a torch.nn.Module"),
        (["usercode:Net", "--preprocess", "usercode:text"], 7, "got str, expected a torch.nn.Module or an ImagePreprocess"),
        (["usercode:Net", "--preprocess", "usercode:wrong"], 7, "FerryError: crop: got 0, expected 1 to 16384 pixels"),
        (["usercode:Net", "--preprocess", "usercode:number"], 2, "--preprocess: got 'usercode:number', a int"),
        (["usercode:Net", "--preprocess", "usercode:larger"], 2, "preprocess: input image: crop: got 9 x 9"),
        (["usercode:pixels"], 2, "a ImagePreprocess, expected a class or function"),
        (["usercode:leaving"], 7, "got SystemExit: 3 at usercode.py"),
        ([":Net"], 2, "name both the module and the factory"),
        (["usercode:"], 2, "name both the module and the factory"),
        (["usercode:Net", "--weights", "."], 6, "got a folder"),
        (["usercode:Net", "--input", "other=uint8[N,3]:0..256"], 2, "numbers that uint8 has"),
        (["usercode:Net", "--to", ""], 2, "got no format"),
        (["usercode:absent"], 2, "usercode has no 'absent'"),
        (["usercode:number"], 2, "a int"),
        (["nowhere:Net"], 2, "no module named 'nowhere'"),
        (["usercode:Net", "--input", "image"], 2, "NAME=VALUE"),
        (["usercode:Net", "--input", "image=uint8[N,3,8,8]"], 2, "'image' twice"),
        (["usercode:Net", "--output", "label", "--output", "label"], 2, "'label' twice"),
        (["usercode:Net", "--output", "logits=float32[N,6]", "--output", "label"], 7, "got float32[N,5] from the module"),
        (["usercode:Net", "--output", "logits=float99[N,5]", "--output", "label"], 2, "output logits: dtype: got float99"),
        (["usercode:Net", "--to", "tflite"], 2, "tflite"),
        (["usercode:Net", "--symbol", "N"], 2, "T=1..512"),
        (["iris-adaline", "--weights", "weights.pt"], 2, "package.module:factory only"),
    ],
)
def test_what_cannot_be_exported_is_told_in_one_line(
    ferry_here: Program, work: Path, arguments: list[str], code: int, words: str
) -> None:
    done = ferry_here("export", *arguments, *INPUT, "--out", "b")
    assert done.code == code
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (work / "b").exists()


def test_a_name_that_had_to_change_is_told(ferry_here: Program, work: Path) -> None:
    done = ferry_here("export", "usercode:Net", *INPUT, "--name", "My Net", "--out", "out")
    assert done.code == ExitCode.OK, done.stderr
    assert "note: name: got 'My Net'; the bundle is called my-net: " in done.stderr
    assert open_bundle(work / "out").manifest.name == "my-net"


def test_a_taken_place_is_told_before_the_users_code_runs(ferry_here: Program, work: Path) -> None:
    (work / "out").mkdir()
    (work / "loud.py").write_text("print('the code ran')\n")
    done = ferry_here("export", "loud:Net", *INPUT, "--out", "out")
    assert (done.code, done.stdout) == (ExitCode.IO, b"")
    assert "got an existing path" in done.stderr
