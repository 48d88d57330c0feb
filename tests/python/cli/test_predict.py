"""`ferry predict` in Python alone; tests/parity compares its files with those of `ferry-run predict`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from builders.programs import Program
from torchferry.bundle.reader import open_bundle
from torchferry.engines import Session
from torchferry.errors import ExitCode


def golden_input(bundle: Path) -> Path:
    return next((bundle / "golden").glob("batch-64.input.*.npy"))


def test_the_outputs_are_those_of_a_session_in_batches(ferry_here: Program, reference_bundle: Path, tmp_path: Path) -> None:
    source = golden_input(reference_bundle)
    options = ["--engine", "eager", "--batch", 24, "--input", source, "--output", tmp_path / "out.npy"]
    assert ferry_here("predict", reference_bundle, *options).code == ExitCode.OK
    bundle = open_bundle(reference_bundle)
    session = Session(bundle, "eager")
    name = bundle.contract.inputs[0].name
    rows = np.load(source)
    parts = [session.run({name: rows[start : start + 24]}) for start in (0, 24, 48)]
    for output in parts[0]:
        expected = np.concatenate([part[output] for part in parts])
        assert np.load(tmp_path / f"out.{output}.npy").tobytes() == expected.tobytes()


def test_without_an_engine_the_bundles_first_that_runs_is_taken(ferry_here: Program, reference_bundle: Path) -> None:
    source = golden_input(reference_bundle)
    default = ferry_here("predict", reference_bundle, "--input", source)
    first = open_bundle(reference_bundle).manifest.artifacts[0].engine
    assert default.stdout == ferry_here("predict", reference_bundle, "--engine", first, "--input", source).stdout
    assert len(default.stdout.splitlines()) == 64


def test_stdin_to_stdout(ferry_here: Program, reference_bundle: Path) -> None:
    source = golden_input(reference_bundle)
    piped = ferry_here("predict", reference_bundle, "--input", "-", stdin=source.read_bytes())
    assert piped.code == ExitCode.OK
    assert piped.stdout == ferry_here("predict", reference_bundle, "--input", source).stdout
    assert "class" in json.loads(piped.stdout.splitlines()[0])


def test_a_selected_output_alone_may_go_to_stdout_as_an_array(
    ferry_here: Program, reference_bundle: Path, tmp_path: Path
) -> None:
    arguments = ["predict", reference_bundle, "--input", golden_input(reference_bundle), "--format", "npy"]
    assert ferry_here(*arguments).code == ExitCode.USAGE
    done = ferry_here(*arguments, "--select", "label")
    (tmp_path / "label.npy").write_bytes(done.stdout)
    assert np.load(tmp_path / "label.npy").shape == (64,)


def test_bad_input_leaves_no_output(ferry_here: Program, reference_bundle: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    done = ferry_here("predict", reference_bundle, "--input", tmp_path / "x.npy", "--output", tmp_path / "out.jsonl")
    assert done.code == ExitCode.BAD_INPUT
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]
