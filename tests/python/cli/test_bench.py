"""`ferry bench`: the words and columns of `ferry-run bench`, with times that can be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from builders.programs import Program
from torchferry.bundle.contract import Contract, SymbolRange, TensorSpec
from torchferry.proof.bench import tiled

OPTIONS = ("--batch", "1,7", "--calls", "20")


def test_both_programs_print_the_same_columns(ferry_here: Program, ferry_run: Program, reference_bundle: Path) -> None:
    ours, theirs = (done("bench", reference_bundle, "--engine", "torchscript", *OPTIONS) for done in (ferry_here, ferry_run))
    assert (ours.code, theirs.code) == (0, 0), ours.stderr + theirs.stderr
    tables = [done.stdout.decode().splitlines() for done in (ours, theirs)]
    assert tables[0][1].split() == tables[1][1].split()
    assert [row.split()[:2] for row in tables[0][2:]] == [row.split()[:2] for row in tables[1][2:]] == [["1", "20"], ["7", "20"]]


def test_both_programs_write_the_same_json(ferry_here: Program, ferry_run: Program, reference_bundle: Path) -> None:
    ours, theirs = (
        json.loads(done("bench", reference_bundle, "--engine", "torchscript", *OPTIONS, "--json").stdout)
        for done in (ferry_here, ferry_run)
    )
    assert list(ours) == list(theirs)
    assert list(ours["batches"][0]) == list(theirs["batches"][0])
    for entry in ours["batches"]:
        assert 0 < entry["p50_us"] <= entry["p99_us"]
        assert entry["samples_per_s"] == pytest.approx(entry["batch"] / entry["p50_us"] * 1e6)


def test_samples_are_repeated_in_order_up_to_the_batch() -> None:
    spec = TensorSpec(name="x", dtype="float32", shape=("N", 2), range=None, unit=None, allow_nonfinite=False)
    fixed = TensorSpec(name="y", dtype="float32", shape=(2,), range=None, unit=None, allow_nonfinite=False)
    contract = Contract.model_construct(
        inputs=(spec, fixed), outputs=(), symbols={"N": SymbolRange(min=0, max=None)}, classes=None
    )
    golden = {"x": np.arange(6, dtype=np.float32).reshape(3, 2), "y": np.zeros(2, dtype=np.float32)}
    found = tiled(contract, golden, 5)
    assert found["x"][:, 0].tolist() == [0, 2, 4, 0, 2]
    assert found["y"] is golden["y"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0", "--batch: got 0, expected at least 1\n"),
        ("x", "--batch: got 'x', expected a whole number\n"),
        ("9" * 20, f"--batch: got '{'9' * 20}', expected a whole number from -9007199254740992 to 9007199254740992\n"),
        ("9007199254740993", "expected a whole number from -9007199254740992 to 9007199254740992\n"),
        ("9" * 20 + "x", f"--batch: got '{'9' * 20}x', expected a whole number\n"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_alike(program: Program, reference_bundle: Path, given: str, expected: str) -> None:
    done = program("bench", reference_bundle, "--engine", "torchscript", "--batch", given)
    assert done.code == 2
    assert expected in done.stderr
