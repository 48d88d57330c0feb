"""A refusal names the options of `ferry export` to its user, and the arguments of `torchferry.export` to a program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import nn

import torchferry
from builders.programs import run_here
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.keywords import as_keywords


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("use --force to replace the bundle", "use force=True to replace the bundle"),
        ("--force replaces bundles only: remove it yourself", "force=True replaces bundles only: remove it yourself"),
        ("--max-bytes applies to format c only (got --to onnx)", "max_bytes applies to format c only (got to=onnx)"),
        ("raise --max-ram or make that layer smaller", "raise max_ram or make that layer smaller"),
        ("--separate-weights applies", "separate_weights=True applies"),
        ("leave out --quantize int8", "leave out quantize=int8"),
        ("leave out --quantize, or calibrate", "leave out quantize, or calibrate"),
        ("leave executorch out of --to", "leave executorch out of to"),
        ("choose another --out", "choose another out"),
        ("rename it with --input NAME=...", 'rename it with inputs={"NAME": ...}'),
        ("rename it with --output NAME, or the bundle with --name", 'rename it with outputs=["NAME"], or the bundle with name'),
        ("leave the case out (--no-stress)", "leave the case out (stress=False)"),
        ("a flag --force-all of another program", "a flag --force-all of another program"),
    ],
)
def test_an_option_becomes_an_argument(said: str, wanted: str) -> None:
    assert as_keywords(said) == wanted


def test_the_same_refusal_names_the_argument_in_python_and_the_option_in_the_shell(tmp_path: Path) -> None:
    out = tmp_path / "taken"
    out.mkdir()
    with pytest.raises(FerryError) as caught:
        torchferry.export(nn.Linear(4, 3).eval(), inputs={"x": "float32[N,4]"}, out=out)
    line = f"{out}: got an existing path, expected none; use {{}} to replace the bundle"
    assert (caught.value.code, str(caught.value)) == (ExitCode.IO, line.format("force=True"))
    done = run_here("export", "builders.models:Classifier", "--input", "image=uint8[N,4,4]:0..255", "--out", out)
    assert (done.code, done.stderr) == (ExitCode.IO, f"error: {line.format('--force')}\n")


@pytest.mark.parametrize("limit", [1.5, True, 0, "9"])
def test_a_size_that_is_no_whole_number_is_refused(tmp_path: Path, limit: Any) -> None:
    for sizes in ({"max_ram": limit}, {"max_bytes": limit}):
        with pytest.raises(
            FerryError, match=rf"^{next(iter(sizes))}: got {limit}, expected a whole number, at least 1$"
        ) as caught:
            torchferry.export(nn.Linear(4, 3).eval(), inputs={"x": "float32[N,4]"}, to=["c"], out=tmp_path / "x", **sizes)
        assert caught.value.code == ExitCode.USAGE


def test_a_size_that_is_too_small_names_the_argument_in_python_and_the_option_in_the_shell(tmp_path: Path) -> None:
    with pytest.raises(FerryError, match=r"^max_bytes applies to format c only \(got to=onnx\)$"):
        torchferry.export(nn.Linear(4, 3).eval(), inputs={"x": "float32[N,4]"}, to=["onnx"], max_bytes=9, out=tmp_path / "x")
    options = ["--input", "image=uint8[N,4,4]:0..255", "--to", "onnx", "--max-bytes", 9, "--out", tmp_path / "x"]
    done = run_here("export", "builders.models:Classifier", *options)
    assert done.stderr.splitlines()[-1] == "error: --max-bytes applies to format c only (got --to onnx)"
