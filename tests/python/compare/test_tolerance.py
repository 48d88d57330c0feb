"""The rows that an export writes, with bounds worked out by hand."""

from __future__ import annotations

import numpy as np

from builders.bundles import doubling_case
from builders.contracts import contract, doubling, spec
from torchferry.bundle.golden import CaseArrays
from torchferry.compare.tolerance import Bound, find_scores, tolerances

BOUNDS = {"y": Bound(0.25, "because of the test")}


def test_each_engine_has_a_row_for_each_output_and_device_with_a_reason() -> None:
    rows = tolerances(doubling(), [doubling_case()], ["onnxruntime", "torchscript"], BOUNDS)
    found = {(row.engine, row.device, row.output, row.numerics) for row in rows}
    for engine in ("onnxruntime", "torchscript"):
        for output in ("y", "label"):
            assert {(engine, "cpu", output, "any"), (engine, "cuda", output, "any")} <= found
    assert len(found) == len(rows)
    assert all(row.reason for row in rows)


def test_bits_are_promised_only_for_engines_with_eagers_kernels_on_the_goldens_machine() -> None:
    written = tolerances(doubling(), [doubling_case()], ["onnxruntime", "torchscript", "eager"], BOUNDS)
    rows = [row for row in written if row.kind == "bits"]
    assert {(row.engine, row.device, row.numerics) for row in rows} == {
        (name, "cpu", "golden") for name in ("torchscript", "eager")
    }


def test_a_float_is_held_to_its_bound_of_float64_and_a_label_without_scores_to_equality() -> None:
    written = tolerances(doubling(), [doubling_case()], ["onnxruntime"], BOUNDS)
    rows = {row.output: row for row in written if row.device == "cpu"}
    assert (rows["y"].bound, rows["y"].reason, rows["y"].reference) == (0.25, "at most 0.25: because of the test", "float64")
    assert (rows["label"].bound, rows["label"].kind, rows["label"].scores) == (0, "absolute", None)


def test_the_reason_of_a_bound_on_cuda_says_which_kernels_it_is_derived_for() -> None:
    written = tolerances(doubling(), [doubling_case()], ["torchscript"], BOUNDS)
    (row,) = [row for row in written if (row.device, row.output) == ("cuda", "y")]
    assert row.reason.startswith("at most 0.25: because of the test; ")
    assert "not for convolutions by Winograd or FFT" in row.reason
    (label,) = [row for row in written if (row.device, row.output) == ("cuda", "label")]
    assert "Winograd" not in label.reason


CLASSIFIER = contract((spec("x"),), (spec("logits", shape=("N", 3)), spec("label", "int64", ("N",))))


def classified(labels: list[int]) -> CaseArrays:
    logits = np.array([[0.0, 1.0, 2.0], [3.0, 1.0, 0.0]])
    outputs = {"logits": logits, "label": np.array(labels)}
    return CaseArrays("batch-2", {"x": np.zeros((2, 2), np.float32)}, {**outputs, "logits": logits.astype(np.float32)}, outputs)


def test_an_argmax_is_held_to_twice_the_bound_of_its_scores() -> None:
    rows = {
        row.output: row
        for row in tolerances(CLASSIFIER, [classified([2, 0])], ["onnxruntime"], {"logits": Bound(0.125, "a test")})
    }
    assert (rows["label"].kind, rows["label"].bound, rows["label"].scores) == ("label", 0.25, "logits")
    assert "0.125" in rows["label"].reason


def test_a_label_that_is_no_argmax_on_some_golden_has_no_scores() -> None:
    label = CLASSIFIER.output("label")
    assert find_scores(CLASSIFIER, label, [classified([2, 0])]) is not None
    assert find_scores(CLASSIFIER, label, [classified([2, 0]), classified([2, 1])]) is None
