"""Rust, Go, Java and Node over the C ABI: the same bits, verdicts, words and exit codes as everywhere."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bindings.languages import LANGUAGES, example_of
from builders.bundles import reseal
from builders.programs import ROOT, Program, run_program
from builders.spread import spread
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.engines.base import Session

REFERENCES = ["digits-mlp", "iris-adaline"]
ENGINES = ["onnxruntime", "torchscript"]


@pytest.fixture(scope="module", params=list(LANGUAGES))
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    language: str = request.param
    return example_of(language, tmp_path_factory.mktemp("bindings") / language)


def goldens(name: str) -> NDArray[Any]:
    """The one input of the largest golden case: 64 samples."""
    bundle = open_bundle(ROOT / "exported" / name)
    cases = [read_case(bundle, case) for case in bundle.manifest.golden.cases]
    (largest,) = max(cases, key=lambda case: len(next(iter(case.inputs.values())))).inputs.values()
    return largest


def hash_in_python(name: str, engine: str) -> str:
    """The hash of what Python's own engine, which knows nothing of libferry, answers to the goldens."""
    bundle = open_bundle(ROOT / "exported" / name)
    outputs = Session(bundle, engine).run({bundle.contract.inputs[0].name: goldens(name)})
    return hashlib.sha256(b"".join(outputs[spec.name].tobytes() for spec in bundle.contract.outputs)).hexdigest()


@pytest.mark.parametrize("engine", spread(ENGINES, 1))
@pytest.mark.parametrize("name", spread(REFERENCES, 1))
def test_64_goldens_give_one_hash(example: list[str], name: str, engine: str) -> None:
    assert len(goldens(name)) == 64
    done = run_program(example, "run", ROOT / "exported" / name, engine, stdin=goldens(name).tobytes())
    assert done.code == 0, done.stderr
    assert hashlib.sha256(done.stdout).hexdigest() == hash_in_python(name, engine)


@pytest.mark.parametrize("name", spread(REFERENCES, 1))
def test_the_verdict_is_that_of_ferry_run(example: list[str], ferry_run: Program, name: str) -> None:
    done = run_program(example, "verify", ROOT / "exported" / name)
    assert done.code == 0, done.stderr
    told = ferry_run("verify", ROOT / "exported" / name, "--json", "--no-isolate")
    assert json.loads(done.stdout) == json.loads(told.stdout)
    assert json.loads(done.stdout)["passed"]


def test_a_flipped_bit_is_refused(example: list[str], ferry_run: Program, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(ROOT / "exported" / "digits-mlp", bundle)
    content = bytearray((bundle / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / "model.onnx").write_bytes(content)
    done = run_program(example, "verify", bundle)
    assert done.code == 4
    assert done.stdout == b""
    assert done.stderr == ferry_run("verify", bundle).stderr


def test_a_wrong_weight_is_a_mismatch_with_a_report(example: list[str], tmp_path: Path) -> None:
    """A golden that says something else, with the digest that fits: the check of the digests cannot see it."""
    bundle = tmp_path / "bundle"
    shutil.copytree(ROOT / "exported" / "iris-adaline", bundle)
    golden = bundle / "golden" / "batch-64.float64.net_input.npy"
    values = np.load(golden)
    values[0] += 0.01
    np.save(golden, values)
    reseal(bundle)
    done = run_program(example, "verify", bundle)
    assert done.code == 1, done.stderr
    assert not json.loads(done.stdout)["passed"]
    assert done.stderr.startswith("error: iris-adaline: "), done.stderr


@pytest.mark.parametrize(
    ("verb", "code", "word"), [("bundle", 6, "no such folder"), ("engine", 5, "engine 'absent'"), ("input", 7, "got 63")]
)
def test_bad_input_gives_the_code_and_one_line(example: list[str], verb: str, code: int, word: str) -> None:
    bundle = "/nowhere" if verb == "bundle" else ROOT / "exported" / "digits-mlp"
    done = run_program(example, "run", bundle, "absent" if verb == "engine" else "onnxruntime", stdin=bytes(63))
    assert done.code == code, done.stderr
    assert done.stdout == b""
    assert word in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
