"""Two engines against each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.bundles import fill_bundle
from torchferry.bundle.contract import Array
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.compare.engine_diff import OutputDiff, Pair, diff_engines
from torchferry.compare.tolerance import Bound
from torchferry.errors import ExitCode, FerryError

PAIR = Pair("onnxruntime", "torchscript", "cpu")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    bounds = {"y": Bound(0.125, "a test")}
    fill_bundle(tmp_path, artifacts={"onnxruntime": b"a", "torchscript": b"b"}, bounds=bounds)
    return open_bundle(tmp_path)


def outputs(*labels: int, add: float = 0.0) -> dict[str, Array]:
    y = np.arange(2 * len(labels), dtype=np.float32).reshape(-1, 2)
    return {"y": y + np.float32(add), "label": np.array(labels, np.int64)}


def diff(bundle: Bundle, *batches: tuple[dict[str, Array], dict[str, Array]]) -> dict[str, OutputDiff]:
    return {found.output: found for found in diff_engines(bundle, PAIR, batches)}


def test_equal_outputs_are_the_same_and_count_every_element(bundle: Bundle) -> None:
    found = diff(bundle, (outputs(0, 1), outputs(0, 1)), (outputs(1), outputs(1)))
    assert [(name, it.compared, it.differing, it.passed) for name, it in found.items()] == [
        ("y", 6, 0, True),
        ("label", 3, 0, True),
    ]


def test_the_bound_is_the_sum_of_both_engines_bounds(bundle: Bundle) -> None:
    rows = [bundle.manifest.tolerance(engine=name, device="cpu", output="y", numerics="") for name in (PAIR.first, PAIR.second)]
    total = sum(row.bound for row in rows if row)
    inside, outside = (diff(bundle, (outputs(0), outputs(0, add=factor * total)))["y"] for factor in (0.9, 1.5))
    assert (inside.bound, inside.passed, outside.passed) == (total, True, False)


def test_a_difference_in_a_later_batch_is_found_and_the_largest_is_told(bundle: Bundle) -> None:
    found = diff(bundle, (outputs(0), outputs(0)), (outputs(0), outputs(0, add=0.5)), (outputs(0), outputs(0, add=0.25)))["y"]
    assert (found.max_abs, found.differing, found.passed) == (0.5, 4, False)


def test_a_changed_label_is_counted_and_is_not_the_same(bundle: Bundle) -> None:
    found = diff(bundle, (outputs(0, 1, 1), outputs(0, 0, 1)))["label"]
    assert (found.changed, found.tolerated, found.passed) == (1, 0, False)


def test_nan_is_never_the_same(bundle: Bundle) -> None:
    assert not diff(bundle, (outputs(0, add=np.nan), outputs(0, add=np.nan)))["y"].passed


def test_no_samples_are_no_evidence(bundle: Bundle) -> None:
    with pytest.raises(FerryError, match="nothing is compared against nothing") as caught:
        diff(bundle)
    assert caught.value.code == ExitCode.BAD_INPUT


def test_an_engine_without_tolerances_is_refused(bundle: Bundle) -> None:
    with pytest.raises(FerryError, match="abacus") as caught:
        diff_engines(bundle, Pair("onnxruntime", "abacus", "cpu"), [])
    assert caught.value.code == ExitCode.FORMAT
