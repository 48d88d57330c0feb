from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from builders.bundles import doubled, fill_bundle
from torchferry.bundle.contract import Array
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.proof.replay import EngineVerdict, contract_broken, replay, unavailable
from torchferry.report.text import aligned, verdict_lines

SAMPLES = 3


class Given:
    """A session with fixed outputs for the whole batch; fewer samples are doubled."""

    numerics = ""

    def __init__(self, outputs: dict[str, Array]) -> None:
        self._outputs = outputs

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        return self._outputs if len(inputs["x"]) == SAMPLES else doubled(inputs["x"])


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    fill_bundle(tmp_path)
    return open_bundle(tmp_path)


def verdict_of(bundle: Bundle, **changes: Array | None) -> EngineVerdict:
    outputs = {**doubled(np.arange(6, dtype=np.float32).reshape(3, 2)), **changes}
    session = Given({name: array for name, array in outputs.items() if array is not None})
    return replay(bundle, session, engine="onnxruntime", device="cpu")


def test_columns_are_aligned_and_lines_do_not_end_in_spaces() -> None:
    assert aligned([("a", "bb", "c"), ("aaa", "b", "")]) == ["a    bb  c", "aaa  b"]


def test_a_pass_has_a_row_an_output_and_a_closing_line(bundle: Bundle) -> None:
    lines = verdict_lines(bundle, [verdict_of(bundle)])
    assert lines[0] == "doubling: synthetic goldens: a test"
    assert lines[1].split() == [
        "engine",
        "device",
        "case",
        "output",
        "reference",
        "max",
        "abs",
        "max",
        "ulp",
        "bound",
        "agree",
        "verdict",
    ]
    assert lines[2].split() == ["onnxruntime", "cpu", "batch-3", "y", "float64", "0", "0", "0", "6/6", "PASS"]
    assert lines[3].split()[-2:] == ["3/3", "PASS"]
    assert lines[4:] == ["PASSED onnxruntime"]


def test_a_failure_shows_the_worst_element_and_the_reason(bundle: Bundle) -> None:
    y = doubled(np.arange(6, dtype=np.float32).reshape(3, 2))["y"]
    y[2, 1] = 11
    lines = verdict_lines(bundle, [verdict_of(bundle, y=y)])
    assert lines[2].split()[-2:] == ["5/6", "FAIL"]
    assert lines[4].startswith("FAIL onnxruntime batch-3 y: at [2, 1] got 11, expected 10; tolerance: a test")
    assert lines[-1] == "FAILED onnxruntime"


def test_a_missing_output_shows_the_problem(bundle: Bundle) -> None:
    lines = verdict_lines(bundle, [verdict_of(bundle, y=None)])
    assert "FAIL onnxruntime batch-3 y: got no such output, expected it" in lines


def test_an_engine_that_could_not_run_says_why(bundle: Bundle) -> None:
    lines = verdict_lines(bundle, [unavailable("torchscript", "cpu", "not here")])
    assert lines == ["doubling: synthetic goldens: a test", "could not run torchscript: not here"]


def test_an_artifact_that_breaks_the_contract_says_how(bundle: Bundle) -> None:
    lines = verdict_lines(bundle, [contract_broken("torchscript", "cpu", "output y: dtype: got float64, expected float32")])
    assert lines[1:] == ["FAILED torchscript: output y: dtype: got float64, expected float32"]
