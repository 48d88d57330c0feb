"""`ferry verify --json` and `ferry-run verify --json` agree field by field for the engines that both have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.bundles import edit_manifest, reseal
from builders.programs import Program
from builders.sides import ALLOW, shared_engines
from builders.spread import spread
from torchferry.proof.machine import SWITCHES

Programs = dict[str, Program]


def reports(programs: Programs, bundle: Path, *options: object) -> tuple[list[int], list[Any]]:
    """Exit codes and reports without their machines, which name the program too."""
    codes, found = reports_of_machines(programs, bundle, *options)
    return codes, [{key: value for key, value in report.items() if key != "machine"} for report in found]


def reports_of_machines(programs: Programs, bundle: Path, *options: object) -> tuple[list[int], list[Any]]:
    done = [program("verify", bundle, "--json", ALLOW, *options) for program in programs.values()]
    return [finished.code for finished in done], [json.loads(finished.stdout) for finished in done]


def of_shared_engines(report: dict[str, Any], bundle: Path) -> list[Any]:
    return [entry for entry in report["engines"] if entry["engine"] in shared_engines(bundle)]


def test_a_passing_bundle_gets_equal_reports(programs: Programs, reference_bundle: Path) -> None:
    codes, (ours, theirs) = reports(programs, reference_bundle)
    assert codes == [0, 0]
    assert list(ours) == list(theirs)
    assert [entry["engine"] for entry in ours["engines"]] == [entry["engine"] for entry in theirs["engines"]]
    shared = of_shared_engines(ours, reference_bundle)
    assert shared
    assert shared == of_shared_engines(theirs, reference_bundle)
    assert [list(entry) for entry in shared] == [list(entry) for entry in of_shared_engines(theirs, reference_bundle)]
    for key in set(ours) - {"engines"}:
        assert ours[key] == theirs[key]


def test_machines_are_described_alike(programs: Programs, reference_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SWITCHES:
        monkeypatch.setenv(name, "a test")
    _, found = reports_of_machines(programs, reference_bundle, "--engine", "onnxruntime")
    ours, theirs = (report["machine"] for report in found)
    assert (ours.pop("language"), theirs.pop("language")) == ("python", "c++")
    assert ours.pop("versions")["torchferry"] == theirs.pop("versions")["torchferry"]
    assert ours == theirs
    assert set(ours["switches"]) == set(SWITCHES)


def test_numerics_are_named_alike_so_that_bits_are_promised_alike(programs: Programs, reference_bundle: Path) -> None:
    _, found = reports(programs, reference_bundle, "--engine", "torchscript")
    numerics = {entry["numerics"] for report in found for entry in report["engines"]}
    assert len(numerics) == 1
    assert None not in numerics


def spoil(bundle: Path, name: str, change: Any) -> None:
    path = bundle / "golden" / name
    array = np.load(path)
    np.save(path, change(array))
    reseal(bundle)


def with_value(value: float, *index: int) -> Any:
    def change(array: Any) -> Any:
        array[index] = value
        return array

    return change


FAULTS = {
    "a logit of float32": ("batch-64.float32.logits.npy", with_value(1.5, 3, 4)),
    "a logit of float64": ("batch-64.float64.logits.npy", with_value(1.5, 3, 4)),
    "NaN": ("batch-64.float64.logits.npy", with_value(np.nan, 3, 4)),
    "NaN in float32": ("batch-64.float32.logits.npy", with_value(np.nan, 63, 9)),
    "infinity": ("batch-1.float64.logits.npy", with_value(-np.inf, 0, 0)),
    "a label": ("batch-64.float64.label.npy", with_value(11, 5)),
    "a label of float32": ("batch-64.float32.label.npy", with_value(-(2**62), 5)),
    "the sign of zero": ("batch-64.float32.probabilities.npy", lambda array: np.where(array < 1e-6, -array, array)),
    "one step": ("batch-64.float32.logits.npy", lambda array: np.nextafter(array, np.float32(np.inf))),
    "beyond float32": ("batch-64.float64.logits.npy", with_value(1e300, 0, 0)),
}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["on the golden's machine", "on another"])
@pytest.mark.parametrize("fault", spread(FAULTS, 4))
def test_a_changed_golden_is_found_with_the_same_evidence(
    programs: Programs, bundle_copy: Path, fault: str, elsewhere: bool
) -> None:
    spoil(bundle_copy, *FAULTS[fault])
    if elsewhere:
        edit_manifest(bundle_copy, lambda value: value["golden"].update(numerics="another machine"))
    codes, (ours, theirs) = reports(programs, bundle_copy, "--engine", "torchscript")
    assert ours == theirs
    assert codes[0] == codes[1]
    reads_it = ("float64" in FAULTS[fault][0]) == elsewhere  # bits are compared with float32, bounds with float64
    here = ours["engines"][0]["verdicts"][0]["kind"] == "bits" or elsewhere
    if here:
        assert codes[0] == (1 if reads_it else 0)


BROKEN = {
    "fewer rows": ("batch-64.float64.probabilities.npy", lambda array: array[:-1]),
    "a column more": ("batch-64.float32.probabilities.npy", lambda array: np.pad(array, ((0, 0), (0, 1)))),
    "no rows": ("batch-64.float64.probabilities.npy", lambda array: array[:0]),
    "labels as int32": ("batch-64.float64.label.npy", lambda array: array.astype(np.int32)),
    "float32 as float64": ("batch-64.float32.logits.npy", lambda array: array.astype(np.float64)),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_golden_of_another_size_or_dtype_is_a_broken_bundle_and_no_mismatch(
    programs: Programs, bundle_copy: Path, fault: str
) -> None:
    spoil(bundle_copy, *BROKEN[fault])
    done = [program("verify", bundle_copy, "--engine", "onnxruntime") for program in programs.values()]
    assert [finished.code for finished in done] == [3, 3]
    assert done[0].stderr == done[1].stderr
    assert f"golden case batch-64: output {BROKEN[fault][0].split('.')[2]}: " in done[0].stderr


def test_unavailable_engines_make_code_5_in_both(programs: Programs, bundle_copy: Path) -> None:
    for options in (["--engine", "abacus"], ["--engine", "torchscript", "--device", "cuda:9999"]):
        codes = [program("verify", bundle_copy, *options).code for program in programs.values()]
        assert codes == [5, 5]
