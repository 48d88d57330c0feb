"""Replaying goldens, on a session that is plain Python."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from builders.bundles import doubled, edit_manifest, fill_bundle
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.compare.kinds.kind import name_bound
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.replay import EngineVerdict, all_passed, is_whole, json_number, replay, to_json, unavailable
from torchferry.proof.run_matrix import run_matrix
from torchferry.proof.verify import verify_engines
from torchferry.proof.where import Where


class Doubling:
    """A session that gives what `doubled` gives, changed by `spoil`."""

    numerics = ""

    def __init__(self, spoil: Mapping[str, Array | None] | None = None) -> None:
        self._spoil = spoil or {}

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        outputs: dict[str, Array | None] = {**doubled(inputs["x"]), **self._spoil}
        return {name: array for name, array in outputs.items() if array is not None}


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    fill_bundle(tmp_path)
    return open_bundle(tmp_path)


def verdict_of(bundle: Bundle, session: Doubling) -> EngineVerdict:
    return replay(bundle, session, engine="onnxruntime", device="cpu")


class Ending(Doubling):
    """A session whose engine ends with an error in the place of an answer."""

    def __init__(self, code: ExitCode) -> None:
        super().__init__()
        self._code = code

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        assert inputs
        raise FerryError(self._code, "input x: dim 0: got 3, expected at most 2")


def test_an_engine_that_refuses_a_golden_breaks_the_contract(bundle: Bundle) -> None:
    with pytest.raises(FerryError, match="golden case batch-3: input x: dim 0: got 3") as caught:
        verdict_of(bundle, Ending(ExitCode.BAD_INPUT))
    assert caught.value.code == ExitCode.MISMATCH


@pytest.mark.parametrize("code", [ExitCode.BAD_INPUT, ExitCode.IO, ExitCode.INTERNAL])
def test_an_engine_that_ends_is_a_failed_cell_and_the_others_go_on(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, code: ExitCode
) -> None:
    artifact = bundle.manifest.artifacts[0]
    other = artifact.model_copy(update={"engine": "other"})
    both = dataclasses.replace(bundle, manifest=bundle.manifest.model_copy(update={"artifacts": (artifact, other)}))
    monkeypatch.setattr(
        Where, "open", lambda _, __, engine: Ending(code) if engine == artifact.engine else pytest.fail("another engine's turn")
    )
    with pytest.raises(pytest.fail.Exception, match="another engine's turn"):
        verify_engines(both, Where())
    (alone,) = verify_engines(bundle, Where())
    assert (alone.status, alone.verdicts) == ("failed", ())
    assert "expected at most 2" in (alone.reason or "")
    monkeypatch.setattr(
        "torchferry.proof.run_matrix.find_ferry_run", lambda _: None
    )  # whose reader would refuse the toy's artifact
    cells = run_matrix(bundle, artifact.engine, None, Where(), devices=("cpu",))
    assert {run.status for run in cells if run.language == "Python"} == {"failed"}


def test_the_right_outputs_pass(bundle: Bundle) -> None:
    result = verdict_of(bundle, Doubling())
    assert result.status == "passed"
    assert [(verdict.case, verdict.output) for verdict in result.verdicts] == [("batch-3", "y"), ("batch-3", "label")]


@pytest.mark.parametrize(
    ("spoil", "failed"),
    [
        ({"y": np.ones((3, 2), np.float32)}, "y"),
        ({"y": None}, "y"),
        ({"label": np.array([0, 1, 0])}, "label"),
        ({"label": np.array([0, 1, 1], np.int32)}, "label"),
    ],
    ids=["values", "missing", "one label", "dtype"],
)
def test_one_wrong_output_fails_the_engine_and_spares_the_other(
    bundle: Bundle, spoil: dict[str, Array | None], failed: str
) -> None:
    result = verdict_of(bundle, Doubling(spoil))
    assert result.status == "failed"
    assert [verdict.output for verdict in result.verdicts if not verdict.passed] == [failed]


def test_a_verdict_given_twice_stands_for_no_other(bundle: Bundle) -> None:
    """As many verdicts as there should be, and every one that should be there, are two demands: a duplicate meets only one."""
    cases = [read_case(bundle, case) for case in bundle.manifest.golden.cases]
    verdicts = verdict_of(bundle, Doubling()).verdicts
    assert is_whole(verdicts, cases, ["y", "label"], 1)
    assert not is_whole((*verdicts, verdicts[0]), cases, ["y", "label"], 1)
    assert not is_whole((verdicts[0], verdicts[0]), cases, ["y", "label"], 1)
    assert not is_whole(verdicts[:1], cases, ["y", "label"], 1)


def test_nothing_compared_is_not_whole(bundle: Bundle) -> None:
    (case,) = [read_case(bundle, case) for case in bundle.manifest.golden.cases]
    assert not is_whole([], [], [], 1)
    assert not is_whole([], [case], [], 1)
    assert not is_whole([], [case], ["y"], 0)


def test_a_golden_without_elements_is_not_whole(bundle: Bundle) -> None:
    (case,) = [read_case(bundle, case) for case in bundle.manifest.golden.cases]
    nothing = {"y": np.zeros((0, 2)), "label": np.zeros(0, np.int64)}
    empty = dataclasses.replace(case, float32=nothing, float64=nothing)
    verdicts = [dataclasses.replace(verdict, compared=0) for verdict in verdict_of(bundle, Doubling()).verdicts]
    assert not is_whole(verdicts, [empty], ["y", "label"], 1)


def test_a_bound_that_proves_nothing_is_refused_before_anything_runs(bundle: Bundle) -> None:
    def loosen(value: dict[str, list[dict[str, object]]]) -> None:
        for row in value["tolerances"]:
            if row["kind"] == "absolute" and row["output"] == "y":
                row.update(bound=1000.0, reason=name_bound(1000.0, "a test"))
        for row in value["tolerances"]:
            if row["kind"] == "label":
                row.update(bound=2000.0, reason=name_bound(2000.0, "a test"))

    edit_manifest(bundle.folder, loosen)
    with pytest.raises(FerryError, match="beyond which the goldens prove nothing"):
        verdict_of(open_bundle(bundle.folder), Doubling({"y": None}))


def test_without_a_tolerance_nothing_is_compared(bundle: Bundle) -> None:
    with pytest.raises(FerryError, match="got no row for engine other") as caught:
        replay(bundle, Doubling(), engine="other", device="cpu")
    assert caught.value.code == ExitCode.FORMAT


def test_everything_passed_only_if_something_ran(bundle: Bundle) -> None:
    passed, failed = verdict_of(bundle, Doubling()), verdict_of(bundle, Doubling({"y": None}))
    absent = unavailable("torchscript", "cpu", "not here")
    assert all_passed([passed, absent])
    assert not all_passed([passed, failed])
    assert not all_passed([absent])
    assert not all_passed([])


def test_the_json_has_the_keys_of_the_format(bundle: Bundle) -> None:
    worse = Doubling({"y": np.full((3, 2), np.nan, np.float32)})
    value = to_json(bundle, [verdict_of(bundle, worse), unavailable("torchscript", "cpu", "not here")])
    json.dumps(value, allow_nan=False)
    assert set(value) == {"bundle", "name", "source", "passed", "manifest_sha256", "machine", "engines"}
    assert value["manifest_sha256"] == hashlib.sha256(bundle.manifest_json).hexdigest()
    ran, absent = value["engines"]  # type: ignore[misc]
    assert set(ran) == {"engine", "device", "status", "reason", "numerics", "verdicts"}
    assert (absent["status"], absent["reason"], absent["verdicts"]) == ("unavailable", "not here", [])
    verdict = ran["verdicts"][0]
    keys = "case call output passed kind reference bound reason compared mismatches max_abs max_rel max_ulp worst problem"
    assert set(verdict) == {*keys.split(), "near_ties", "near_tie_indices", "within_margin", "other_kernels_ulp"}
    assert verdict["max_abs"] == "inf"
    assert verdict["worst"] == {"index": [0, 0], "actual": "nan", "expected": 0}


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, '"nan"'), (-math.inf, '"-inf"'), (3.0, "3"), (0.5, "0.5"), (2.0**60, "1.152921504606847e+18")]
)
def test_numbers_are_json_numbers_where_they_can_be(value: float, text: str) -> None:
    assert json.dumps(json_number(value)) == text


def test_a_golden_of_another_shape_is_a_failed_verdict(bundle: Bundle) -> None:
    result = verdict_of(bundle, Doubling({"y": np.zeros((3, 1), np.float32)}))
    assert result.verdicts[0].problem == "shape: got [3,1], expected [3,2]"


def test_the_reason_of_the_manifest_travels_with_the_verdict(bundle: Bundle) -> None:
    edit_manifest(bundle.folder, lambda value: [row.update(reason="because") for row in value["tolerances"]])
    result = verdict_of(open_bundle(bundle.folder), Doubling())
    assert {verdict.tolerance.reason for verdict in result.verdicts} == {"because"}
