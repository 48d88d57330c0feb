"""ONNX Runtime in C++ against ONNX Runtime in Python: the plugin's own declaration of the C ABI against the vendor's module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.programs import BUILD
from builders.subjects import CppEngine, PythonEngine, Question
from builders.zoo import SPECIES, Zoo
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle

SIDES = (PythonEngine("onnxruntime"), CppEngine("onnxruntime", BUILD))


@pytest.mark.parametrize("threads", [1, 2])
def test_both_languages_get_the_same_bits_from_the_reference_bundles(reference_bundle: Path, threads: int) -> None:
    bundle = open_bundle(reference_bundle)
    requests = [read_case(bundle, case).inputs for case in bundle.manifest.golden.cases]
    python, cpp = (side.ask(reference_bundle, requests, Question(threads=threads)) for side in SIDES)
    for ours, theirs in zip(cpp, python, strict=True):
        assert list(ours.only) == list(theirs.only)
        for name, array in theirs.only.items():
            np.testing.assert_array_equal(ours.only[name].view(np.uint8), array.view(np.uint8), err_msg=name)


@pytest.mark.parametrize("name", SPECIES)
def test_every_dtype_and_rank_crosses_in_both_languages_alike(zoo: Zoo, name: str) -> None:
    bundle = zoo.bundle(name, "onnxruntime")
    if bundle is None:
        pytest.skip(f"{name} has no ONNX artifact")
    requests = [SPECIES[name].inputs(rows) for rows in (1, 7)]
    python, cpp = (side.ask(bundle, requests, Question()) for side in SIDES)
    for ours, theirs in zip(cpp, python, strict=True):
        for output, array in theirs.only.items():
            assert (ours.only[output].dtype, ours.only[output].shape) == (array.dtype, array.shape)
            assert ours.only[output].tobytes() == array.tobytes(), output
