"""`ferry export --to c` from the command line: what it writes, and what it refuses in one line without writing anything."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from builders.programs import Program
from builders.spread import spread
from torchferry.bundle.reader import open_bundle
from torchferry.engines.c_build import find_compiler
from torchferry.engines.machine import built_for
from torchferry.errors import ExitCode

WORKSPACE = r"note: c: workspace: \d+ bytes(, most in layer \d+ .*)?\n"
SOURCE = """
import torch
from torch import nn


def net(value=None):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    if value is not None:
        module[2].weight.data[1, 2] = value
    return module.eval()


def plain():
    return nn.Sequential(nn.Linear(6, 3)).eval()


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(6, 4, batch_first=True, proj_size=2)

    def forward(self, x):
        return self.rnn(x.unsqueeze(1))[0].flatten(1)


def recurrent():
    return Recurrent().eval()


class Products(nn.Module):
    def forward(self, x):
        return torch.cumprod(x, 2)


def products():
    return nn.Sequential(Products(), nn.Flatten()).eval()


def nan():
    return net(float("nan"))


def infinite():
    return net(float("inf"))


class Doubles(nn.Module):
    def forward(self, x):
        return x * 2


def doubles():
    return Doubles().eval()
"""
INPUT = ("--input", "x=float32[N,6]")
OUTPUT = ("--output", "y")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the user's code."""
    (tmp_path / "netcode.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    sys.modules.pop("netcode", None)


def test_the_bundle_has_the_c_and_an_object_for_this_machine(ferry_here: Program, work: Path) -> None:
    done = ferry_here("export", "netcode:net", "--to", "c", *INPUT, *OUTPUT, "--out", "bundle")
    assert done.code == ExitCode.OK, done.stderr
    assert re.fullmatch(WORKSPACE, done.stderr)
    artifact = open_bundle(work / "bundle").artifact("c")
    native = [f"native/{built_for(of_bytes=False)}/model.so"] if find_compiler() else []
    assert [file.path for file in artifact.files] == ["engine.c", "model.c", "model.h", "model.cmake", *native]
    header = (work / "bundle" / "model.h").read_text()
    assert "net_run(const net_input *input" in header
    assert "Bundle net, written by torchferry" in header
    row = next(row for row in open_bundle(work / "bundle").manifest.tolerances if row.engine == "c")
    assert (row.kind, row.reference, row.numerics) == ("absolute", "float64", "any")
    assert "certified" in row.reason
    assert "same bits on every processor" in row.reason


def test_a_plain_module_needs_no_names(ferry_here: Program, work: Path) -> None:
    done = ferry_here("export", "netcode:plain", "--to", "c", *INPUT, "--out", "bundle")
    assert done.code == ExitCode.OK, done.stderr
    assert re.fullmatch(WORKSPACE, done.stderr)
    assert "float output[3];" in (work / "bundle" / "model.h").read_text()


def test_two_exports_are_equal_to_the_byte(ferry_here: Program, work: Path) -> None:
    for name in ("one", "two"):
        assert ferry_here("export", "netcode:net", "--to", "c", *INPUT, *OUTPUT, "--out", name).code == ExitCode.OK
    one, two = (open_bundle(work / name).artifact("c") for name in ("one", "two"))
    assert one == two


def test_without_a_compiler_the_c_is_written_with_a_note_and_no_object(
    ferry_here: Program, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "/nonexistent/cc")
    done = ferry_here("export", "netcode:net", "--to", "c", *INPUT, *OUTPUT, "--out", "bundle")
    assert done.code == ExitCode.OK
    assert re.match(WORKSPACE + "note: c: got no C compiler", done.stderr)
    assert [file.path for file in open_bundle(work / "bundle").artifact("c").files][-1] == "model.cmake"
    done = ferry_here("verify", work / "bundle", "--engine", "c", "--allow-native")
    assert (done.code, done.stderr.count("\n")) == (ExitCode.UNAVAILABLE, 1)
    assert "no C compiler" in done.stderr


REFUSED: dict[str, tuple[tuple[str, ...], int, str]] = {
    "an unknown operator": (
        ("netcode:products", "--input", "x=float32[N,9,4]", *OUTPUT),
        ExitCode.FORMAT,
        r"c: 0 \(Products\) at netcode\.py:\d+: .*got operator aten\.cumprod",
    ),
    "an operator inside a module of torch": (
        ("netcode:recurrent", *INPUT, *OUTPUT),
        ExitCode.FORMAT,
        r"c: rnn \(LSTM\) at netcode\.py:\d+: return self\.rnn\(.*: got an LSTM with proj_size",
    ),
    "an output that is a type": (
        ("netcode:net", *INPUT, "--output", "size_t"),
        ExitCode.FORMAT,
        "output name: got 'size_t', expected a C identifier.*--output NAME",
    ),
    "an input that is a macro": (
        ("netcode:net", "--input", "FLT_MAX=float32[N,6]", *OUTPUT),
        ExitCode.FORMAT,
        "input name: got 'FLT_MAX', expected a C identifier.*--input NAME=",
    ),
    "an output with the bundle's name": (
        ("netcode:net", *INPUT, "--output", "NET_LANES", "--name", "net"),
        ExitCode.FORMAT,
        "output name: got 'NET_LANES', expected a name that does not begin with NET_.*--name",
    ),
    "another dtype": (("netcode:doubles", "--input", "x=float64[N,6]", *OUTPUT), ExitCode.FORMAT, "x: dtype: got float64"),
    "a free dim besides the batch": (("netcode:doubles", "--input", "x=float32[N,T]", *OUTPUT), ExitCode.FORMAT, "x: shape: got"),
    "no batch": (("netcode:doubles", "--input", "x=float32[6]", *OUTPUT), ExitCode.FORMAT, "expected the batch N first"),
    "a weight that is NaN": (("netcode:nan", *INPUT, *OUTPUT), ExitCode.BAD_INPUT, ""),
    "a weight that is infinite": (("netcode:infinite", *INPUT, *OUTPUT), ExitCode.BAD_INPUT, ""),
    "tables that are too large": (("netcode:net", *INPUT, *OUTPUT, "--max-bytes", "100"), ExitCode.BAD_INPUT, "--max-bytes"),
    "a workspace that is too large": (
        ("netcode:net", *INPUT, *OUTPUT, "--max-ram", "8"),
        ExitCode.BAD_INPUT,
        r"c: workspace: got \d+ bytes, most in layer \d .*, expected at most 8; raise --max-ram",
    ),
    "a workspace of nothing": (("netcode:net", *INPUT, *OUTPUT, "--max-ram", "0"), ExitCode.USAGE, "--max-ram: got 0"),
    "a limit of nothing": (("netcode:net", *INPUT, *OUTPUT, "--max-bytes", "0"), ExitCode.USAGE, "--max-bytes: got 0"),
    "an output that is a keyword": (
        ("netcode:net", *INPUT, "--output", "int"),
        ExitCode.FORMAT,
        "'int', expected a C identifier",
    ),
    "an input that is a keyword": (
        ("netcode:net", "--input", "while=float32[N,6]", *OUTPUT),
        ExitCode.FORMAT,
        "'while', expected a C identifier",
    ),
    "a bundle that is a keyword": (("netcode:net", *INPUT, *OUTPUT, "--name", "double"), ExitCode.FORMAT, "name: got 'double'"),
    "a bundle that starts with a digit": (
        ("netcode:net", *INPUT, *OUTPUT, "--name", "3net"),
        ExitCode.FORMAT,
        "name: got '3net'",
    ),
}


@pytest.mark.parametrize("what", spread(REFUSED, 8))
def test_what_c_cannot_take_is_refused_in_one_line_and_nothing_is_written(ferry_here: Program, work: Path, what: str) -> None:
    arguments, code, words = REFUSED[what]
    done = ferry_here("export", *arguments, "--to", "c", "--out", "bundle")
    assert (done.code, done.stderr.count("\n")) == (code, 1), done.stderr
    assert done.stderr.startswith("error: ")
    assert re.search(words, done.stderr), done.stderr
    assert done.stdout == b""
    assert [path.name for path in work.iterdir() if path.name != "__pycache__"] == ["netcode.py"]


@pytest.mark.parametrize("option", ["--max-bytes", "--max-ram"])
def test_the_limit_belongs_to_c(option: str, ferry_here: Program, work: Path) -> None:
    done = ferry_here("export", "netcode:net", *INPUT, *OUTPUT, "--to", "onnx", option, "5000", "--out", "bundle")
    assert (done.code, done.stderr.count("\n")) == (ExitCode.USAGE, 1)
    assert f"{option} applies to format c only (got --to onnx)" in done.stderr
    assert not (work / "bundle").exists()


@pytest.mark.slow
def test_a_model_at_the_limit_is_written(ferry_here: Program, work: Path) -> None:
    size = re.search(r"Tables (\d+) bytes", self_description(ferry_here, work))
    assert size is not None
    fits = ferry_here("export", "netcode:net", "--to", "c", *INPUT, *OUTPUT, "--max-bytes", size[1], "--out", "fits")
    assert fits.code == ExitCode.OK, fits.stderr


@pytest.mark.slow
def test_the_export_says_what_a_call_needs_and_a_limit_of_that_is_kept(ferry_here: Program, work: Path) -> None:
    said = ferry_here("export", "netcode:net", "--to", "c", *INPUT, *OUTPUT, "--out", "any").stderr
    found = re.search(r"note: c: workspace: (\d+) bytes, most in layer \d+ \(.+\)\n", said)
    assert found is not None, said
    assert f"_WORKSPACE_BYTES {found[1]}u" in (work / "any" / "model.h").read_text()
    fits = ferry_here("export", "netcode:net", "--to", "c", *INPUT, *OUTPUT, "--max-ram", found[1], "--out", "fits")
    assert fits.code == ExitCode.OK, fits.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "more", [(), ("--quantize", "int8"), ("--quantize", "int8", "--io", "bytes")], ids=["float32", "int8", "bytes"]
)
def test_separate_weights_lie_beside_the_code_and_the_engine_runs_it(
    more: Sequence[str], ferry_here: Program, work: Path
) -> None:
    np.savez(work / "golden.npz", x=np.random.default_rng(0).standard_normal((600, 6)).astype(np.float32))
    given = ("export", "netcode:net", "--to", "c", *INPUT, *OUTPUT, "--golden", "golden.npz", *more)
    done = ferry_here(*given, "--separate-weights", "--out", "apart")
    assert done.code == ExitCode.OK, done.stderr
    assert ferry_here(*given, "--out", "inside").code == ExitCode.OK
    verdict = ferry_here("verify", "apart", "--engine", "c-int8" if more else "c", "--allow-native")
    assert (verdict.code, b"PASSED c" in verdict.stdout) == (ExitCode.OK, True), verdict.stderr
    assert (work / "apart" / "model.weights.bin").read_bytes()[:8] == b"FERRYWTS"
    table = re.compile(r"static const \w+_TABLE ")
    for folder, found in (("inside", True), ("apart", False)):
        code = (work / folder / "model.c").read_text().partition("Self-test ---")[0]
        assert bool(table.search(code)) == found


def self_description(ferry_here: Program, work: Path) -> str:
    assert ferry_here("export", "netcode:net", "--to", "c", *INPUT, *OUTPUT, "--out", "any").code == ExitCode.OK
    return (work / "any" / "model.c").read_text()
