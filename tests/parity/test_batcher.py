"""A Batcher in C++ on real engines: calls of many threads are joined, and each answer keeps the bits or the bound that it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from builders.programs import BUILD, Finished, run_program
from builders.spread import spread
from builders.trained import Trained
from torchferry.errors import ExitCode

HOST = BUILD / "tests" / "bin" / "ferry_batcher_host"
CALLS = 8 * 20 * 64  # threads, rounds, goldens


def run(bundle: Path, engine: str, keeps: str) -> Finished:
    return run_program([str(HOST)], bundle, engine, 8, keeps)


@pytest.mark.parametrize("engine", spread(["c", "c-int8"], 1))
def test_the_bits_are_those_of_calls_of_their_own(trained: Trained, engine: str) -> None:
    done = run(trained.bundle_for("digits-mlp", engine), engine, "bits")
    assert done.code == 0, done.stderr
    assert re.fullmatch(rf"calls {CALLS}, other bits 0, keeps bits 1, us \d+\n", done.stdout.decode())


def test_an_engine_that_may_change_them_is_refused_or_says_so(trained: Trained) -> None:
    bundle = trained.bundle_for("digits-mlp", "onnx")
    refused = run(bundle, "onnxruntime", "bits")
    assert (refused.code, refused.stderr.count("\n")) == (ExitCode.USAGE, 1)
    assert "got engine onnxruntime, whose bits for a sample may change with the size of a call" in refused.stderr
    done = run(bundle, "onnxruntime", "bound")
    assert done.code == 0, done.stderr
    assert re.fullmatch(rf"calls {CALLS}, other bits \d+, keeps bits 0, us \d+\n", done.stdout.decode())
