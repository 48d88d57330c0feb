"""The comment at the top: bounds where they are known, what becomes of inputs that are no numbers, and that this is true."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from builders.contracts import contract, spec
from builders.generated_c import Array, load, quantized
from builders.networks import dense, fork, image_net
from torchferry.cgen import generate
from torchferry.compare.tolerance import Bound
from torchferry.errors import FerryError
from torchferry.exporter.exporter import BundleRequest, GoldenInputs, export_bundle
from torchferry.intake.source import ExportSource

NUMBERS = "A float input may be NaN or infinite"


def comment_of(text: str) -> str:
    return text.partition("*/\n")[0]


def test_the_bound_of_each_output_stands_in_both_comments() -> None:
    torch.manual_seed(0)
    kinds, x = contract((spec(),), (spec("y"),)), {"x": np.zeros((2, 2), np.float32)}
    source = ExportSource(nn.Linear(2, 2).eval(), kinds, x).with_bounds({"y": Bound(1.2345e-6, "certified: ...")})
    generated = generate(source.program, kinds, name="net", goldens=x, bounds=source.bounds)
    for name in ("model.c", "model.h"):
        assert "Bounds, against float64" in comment_of(generated.files[name])
        assert " *   y: at most 1.23e-06\n" in comment_of(generated.files[name])
    assert "Bounds" not in generate(source.program, kinds, name="net", goldens=x).files["model.c"]


def test_a_source_with_bounds_keeps_the_program_that_was_made() -> None:
    source = ExportSource(nn.Linear(2, 2).eval(), contract((spec(),), (spec("y"),)), {"x": np.zeros((2, 2), np.float32)})
    program = source.program
    assert source.with_bounds({"y": Bound(1.0, "")}).program is program
    assert source.bounds == {}


def test_only_models_with_float_inputs_speak_of_nan() -> None:
    assert NUMBERS in comment_of(dense(4, 3).generated.files["model.h"])
    assert NUMBERS not in comment_of(image_net(4, 4, 5).generated.files["model.h"])


def test_an_int8_model_names_the_range_beyond_which_inputs_saturate(tmp_path: Path) -> None:
    subject = quantized(dense(13, 17, 5, activation=nn.Tanh))
    found = re.search(r" \*   x: (\S+) to (\S+)\n", comment_of(subject.generated.files["model.h"]))
    assert found is not None
    low, high = float(found[1]), float(found[2])
    assert low < subject.samples["x"].min() * 0.9 < 0 < subject.samples["x"].max() * 0.9 < high
    compiled = load(subject, tmp_path)

    def answer(value: float) -> Array:
        return compiled.run({"x": np.full((1, 13), value, np.float32)})["y"]

    assert np.array_equal(answer(low * 1.01), answer(low * 100))
    assert np.array_equal(answer(high * 1.01), answer(np.inf))
    assert not np.array_equal(answer(high * 0.5), answer(high))
    assert np.array_equal(answer(np.nan), answer(0))


def test_nan_and_infinity_are_defined_and_every_nan_is_the_quiet_one(tmp_path: Path) -> None:
    subject = fork()
    wild = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, -0.0, 1], np.float32)
    x = np.random.default_rng(0).choice(wild, (500, 7))
    trap = ("-O1", "-fsanitize=undefined,float-cast-overflow,bounds", "-fsanitize-undefined-trap-on-error")
    outputs = load(subject, tmp_path, "gcc", *trap).run({"x": x})
    nans = 0
    for array in outputs.values():
        if array.dtype == np.float32:
            nans += int(np.isnan(array).sum())
            assert set(array.view(np.uint32)[np.isnan(array)]) <= {0x7FC00000}
    assert nans > 1000


@pytest.mark.filterwarnings("error")
def test_bounds_of_a_weight_that_is_no_number_warn_nobody_before_it_is_refused(tmp_path: Path) -> None:
    module = nn.Linear(2, 2).eval()
    nn.init.constant_(module.weight, np.inf)
    kinds, golden = contract((spec(),), (spec("y"),)), GoldenInputs({"x": np.ones((3, 2), np.float32)}, "real", "")
    with pytest.raises(FerryError, match="got inf, expected a finite number"):
        export_bundle(BundleRequest(module, name="net", contract=kinds, golden=golden, formats=("c",), out=tmp_path / "net"))
