"""A bound so large that the goldens prove nothing is refused; `tests/cpp/verify_test.cpp` holds the same of C++."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from builders.bundles import doubling_case, edit_manifest, fill_bundle
from torchferry.bundle.golden import CaseArrays
from torchferry.bundle.reader import open_bundle
from torchferry.compare.kinds.kind import name_bound
from torchferry.compare.telling import largest_bound, require_telling, resting_words
from torchferry.errors import ExitCode, FerryError


def case_of(float32: object, float64: object) -> CaseArrays:
    return CaseArrays("c", {}, {"y": np.asarray(float32, np.float32)}, {"y": np.asarray(float64, np.float64)})


def test_eight_bits_of_the_largest_golden_are_the_limit() -> None:
    assert largest_bound([case_of([1, -8], [1, -8]), case_of([4], [4])], "y") == 8 / 256


def test_a_quantized_artifact_may_be_coarser() -> None:
    assert largest_bound([case_of([8], [8])], "y", quantized=True) == 1


def test_what_float32_itself_loses_is_allowed_for() -> None:
    assert largest_bound([case_of([1.0], [1.25])], "y") == 64


@pytest.mark.parametrize("values", [[0.0], [np.nan], [np.inf, 0.0], []])
def test_goldens_without_a_scale_have_no_limit(values: list[float]) -> None:
    assert largest_bound([case_of(values, values)], "y") == math.inf


def test_malformed_goldens_are_left_to_the_comparison() -> None:
    assert largest_bound([case_of([1.0], [[2.0]])], "y") == 2 / 256
    integers = CaseArrays("c", {}, {"y": np.array([3])}, {"y": np.array([3])})
    assert largest_bound([integers], "y") == math.inf


@pytest.mark.parametrize(("bound", "refused"), [(10 / 256, False), (0.0391, True), (1e308, True)])
def test_a_row_of_any_engine_is_held_to_it(tmp_path: Path, bound: float, refused: bool) -> None:
    fill_bundle(tmp_path)

    def loosen(value: dict[str, list[dict[str, object]]]) -> None:
        (row,) = [row for row in value["tolerances"] if (row["output"], row["device"]) == ("y", "cuda")]
        row.update(bound=bound, reason=name_bound(bound, "a test"))

    edit_manifest(tmp_path, loosen)
    bundle = open_bundle(tmp_path)
    if not refused:
        return require_telling(bundle, [doubling_case()])
    with pytest.raises(FerryError, match=r"onnxruntime cuda y: bound: got .*, expected at most 0\.0391, beyond which") as caught:
        require_telling(bundle, [doubling_case()])
    assert caught.value.code == ExitCode.FORMAT
    return None


@pytest.mark.parametrize(("bound", "off", "told"), [(0.03, 0.0, False), (0.04, 1.0, True), (0.04, 0.0, True)])
def test_a_bound_that_only_the_float32_goldens_allow_is_told(tmp_path: Path, bound: float, off: float, told: bool) -> None:
    fill_bundle(tmp_path)
    bundle, case = open_bundle(tmp_path), doubling_case()
    eager = {**case.float32, "y": case.float32["y"] + np.float32(off)}
    (row,) = [row for row in bundle.manifest.tolerances if (row.output, row.device) == ("y", "cuda")]
    words = resting_words(bundle, [dataclasses.replace(case, float32=eager)], [row.model_copy(update={"bound": bound})])
    said = (
        "wide bounds that rest on the float32 goldens, which this run does not confirm: y 0.04 (its float64 goldens allow 0.0391)"
    )
    assert words == (said if told else None)
