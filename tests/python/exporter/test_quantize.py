"""int8 from Python and from the command line: what it is calibrated on, and what it is judged on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import torchferry
from builders.programs import run_here
from builders.trained_int8 import converted, samples
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.errors import ExitCode, FerryError

GOLDEN, TRAINING = (np.random.default_rng(seed).normal(size=(size, 8)).astype(np.float32) for seed, size in ((1, 600), (2, 2048)))
NETWORK = """
import torch

def network():
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3)).eval()
"""


def network() -> nn.Module:
    found: dict[str, Any] = {}
    exec(NETWORK, found)
    return found["network"]()  # type: ignore[no-any-return]


def export(out: Path, **options: Any) -> Bundle:
    given = {"inputs": {"x": "float32[N,8]"}, "to": ["c"], "quantize": "int8", "golden": GOLDEN, **options}
    return torchferry.export(network(), out=out, **given)


def reason_of(bundle: Bundle) -> str:
    return next(row.reason for row in bundle.manifest.tolerances if row.engine == "c-int8")


@pytest.mark.slow
def test_training_data_calibrate_and_every_golden_is_a_test(tmp_path: Path) -> None:
    assert "on the goldens and 600 test samples" in reason_of(export(tmp_path / "b", calibration={"x": TRAINING}))


@pytest.mark.slow
def test_half_of_the_goldens_calibrate_where_nothing_else_is_given(tmp_path: Path) -> None:
    assert "on the goldens and 300 test samples" in reason_of(export(tmp_path / "b"))


def test_random_goldens_are_no_test(tmp_path: Path) -> None:
    found = reason_of(export(tmp_path / "b", golden=None, calibration=TRAINING))
    assert "0 test samples that it was not calibrated on: of other samples nothing is known" in found


@pytest.mark.slow
def test_the_command_line_gives_the_same_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "int8_network.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(tmp_path)
    np.save(tmp_path / "golden.npy", GOLDEN)
    np.save(tmp_path / "training.npy", TRAINING)
    files = ["--golden", tmp_path / "golden.npy", "--calibration", tmp_path / "training.npy", "--out", tmp_path / "b"]
    done = run_here("export", "int8_network:network", "--input", "x=float32[N,8]", "--to", "c", "--quantize", "int8", *files)
    assert done.code == 0, done.stderr
    assert reason_of(open_bundle(tmp_path / "b")) == reason_of(export(tmp_path / "c", calibration=TRAINING))


def test_a_module_that_torchao_has_quantised_keeps_its_scales(tmp_path: Path) -> None:
    given = {"inputs": {"x": "float32[N,1,8,8]:-6..6"}, "golden": samples().numpy(), "to": ["c"], "quantize": "from-module"}
    bundle = torchferry.export(converted(), out=tmp_path / "b", **given)
    assert bundle.manifest.artifacts[0].requires["quantize"] == "int8"
    session = torchferry.Session(bundle, "c-int8", allow_native=True)
    assert torchferry.verify(bundle, session).status == "passed"
    own = converted()(samples()).numpy()
    (scores,) = session.run({"x": samples().numpy()}).values()
    step = np.diff(np.unique(own)).min()
    assert np.abs(scores - own).max() < 2.5 * step


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"calibration": GOLDEN}, ExitCode.BAD_INPUT, "got all 600 test samples among the calibration data, expected others"),
        ({"calibration": TRAINING[:, :4]}, ExitCode.BAD_INPUT, "calibration: input x: shape [2048,4]: dim 1: got 4, expected 8"),
        ({"calibration": {"y": TRAINING}}, ExitCode.BAD_INPUT, "calibration: "),
        ({"calibration": TRAINING, "quantize": None}, ExitCode.USAGE, "calibration: got inputs and no format in int8"),
        ({"quantize": "int4"}, ExitCode.USAGE, "quantize: got 'int4', expected from-module or int8"),
        ({"quantize": "from-module"}, ExitCode.FORMAT, "from-module: got a module that rounds no value to a grid of 8 bits"),
        ({"to": ["onnx"]}, ExitCode.USAGE, "quantize: got int8 with to onnx, expected it with c"),
    ],
)
def test_what_cannot_be_calibrated_is_one_line_and_nothing_is_written(
    tmp_path: Path, options: dict[str, Any], code: ExitCode, words: str
) -> None:
    with pytest.raises(FerryError) as caught:
        export(tmp_path / "b", **options)
    assert (caught.value.code, "\n" in str(caught.value)) == (code, False)
    assert words in str(caught.value)
    assert not (tmp_path / "b").exists()
