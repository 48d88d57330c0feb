"""What a fleet comes to: levels, types, outliers, changes, and the gate."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders.fleets import Change, absent, bound, engine_of, failed, machine, real_report, write_report
from torchferry.errors import ExitCode, FerryError
from torchferry.fleet.entry import Belief
from torchferry.fleet.gate import broken, promise_of
from torchferry.fleet.store import Fleet, add_reports, load_fleet
from torchferry.fleet.summary import changes, contradictions, outliers, reached, types_of, versions

BELIEF = Belief(datetime.datetime.now(datetime.timezone.utc))
Join = Callable[..., Fleet]
ONE = "torchscript on cpu"


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return real_report()


@pytest.fixture
def join(tmp_path: Path, report: dict[str, Any]) -> Join:
    """A fleet of machines by name; `again`: a later report of some of them."""

    def joined(again: dict[str, list[Change]] | None = None, **machines: list[Change]) -> Fleet:
        for named in (machines, again or {}):
            files = [write_report(tmp_path / f"{name}.json", report, *made) for name, made in named.items()]
            if files:
                add_reports(tmp_path / "store", files, BELIEF)
        return load_fleet(tmp_path / "store", BELIEF)

    return joined


def test_machines_of_one_processor_and_one_probe_are_one_type(join: Join) -> None:
    fleet = join(
        a=[], b=[], c=[machine(processor="another")], d=[bound("torchscript")], e=[machine(switches={"MKL_CBWR": "AVX2"})]
    )
    found = types_of(fleet.latest)
    assert sorted(tuple(entry.label for entry in alike) for alike in found.values()) == [("a", "b"), ("c",), ("d",), ("e",)]
    assert any(kind.switches == "MKL_CBWR=AVX2" for kind in found)


def test_a_level_is_that_of_the_worst_machine(join: Join) -> None:
    fleet = join(a=[], b=[bound("torchscript", 9)], c=[absent("torchscript")])
    by_label = {entry.label: reached([entry])[ONE] for entry in fleet.latest}
    assert {label: found[:2] for label, found in by_label.items()} == {
        "a": ("bits", 0),
        "b": ("bound", 9),
        "c": ("unavailable", 0),
    }
    assert reached(fleet.latest)[ONE][:2] == ("bound", 9)
    assert reached(join(d=[failed("torchscript")]).latest)[ONE][0] == "failed"


def test_other_kernels_that_give_the_golden_s_bits_reach_bits(join: Join) -> None:
    assert reached(join(a=[bound("torchscript", 0)]).latest)[ONE] == ("bits", 0, 0)


def test_the_share_of_a_bound_is_that_of_the_worst_output_and_none_with_the_golden_s_bits(join: Join) -> None:
    def far(report: dict[str, Any]) -> None:
        for verdict, distance in zip(engine_of(report, "torchscript")["verdicts"], (0.25, 0.75, 0.5), strict=False):
            verdict.update(kind="absolute", bound=2.0, reason="at most 2.0: x", max_abs=distance, max_ulp=5, other_kernels_ulp=5)

    def near(report: dict[str, Any]) -> None:
        far(report)
        for verdict in engine_of(report, "torchscript")["verdicts"]:
            verdict.update(other_kernels_ulp=0)

    fleet = join(a=[far], b=[near])
    assert {entry.label: reached([entry])[ONE] for entry in fleet.latest} == {"a": ("bound", 5, 0.375), "b": ("bits", 0, 0)}


def near_tie(report: dict[str, Any]) -> None:
    """Another label, which a near tie of the scores forgives: 3 classes away, where the scores may be 0.5 apart."""
    label = next(one for one in engine_of(report, "torchscript")["verdicts"] if one["output"] == "label")
    label.update(kind="label", within_margin=1, near_ties=1, near_tie_indices=[[0]], max_abs=3.0, max_ulp=3, bound=0.5)
    label["reason"] = "at most 0.5: of a test"


def test_a_label_that_a_near_tie_forgives_is_within_its_bound_and_has_not_the_golden_s_bits(join: Join) -> None:
    fleet = join(a=[near_tie], b=[])
    by_label = {entry.label: reached([entry])[ONE] for entry in fleet.latest}
    assert by_label["a"].level == "bound", "some rack gives another answer, so that not every bit is promised"
    assert by_label["b"].level == "bits"
    assert f"a: {ONE} reached bound, expected bits, worst 3 float steps" in broken(fleet, "bits")
    assert by_label["a"].used == 0, "the bound of a label is between scores: labels use no share of it"


def test_who_stands_out_is_named(join: Join) -> None:
    assert list(outliers(join(a=[], b=[], c=[]).latest)) == []
    lines = list(outliers(join(d=[bound("torchscript")], e=[failed("onnxruntime")], f=[absent("eager")]).latest))
    assert f"d: {ONE} reached bound; 5 of 6 machines reached bits" in lines
    assert "e: onnxruntime on cpu failed" in lines
    assert "f: eager on cpu could not run; 5 of 6 machines reached bits" in lines
    assert len(lines) == 3


def test_who_is_better_than_most_does_not_stand_out(join: Join) -> None:
    assert list(outliers(join(a=[bound("torchscript")], b=[bound("torchscript")], c=[]).latest)) == []


@pytest.mark.parametrize(("lesser", "named"), [(1, 1), (2, 0)])
def test_half_of_the_machines_are_no_majority(join: Join, lesser: int, named: int) -> None:
    """With as many machines on either side nobody knows which of them is usual: the one that is counted first must not decide."""
    machines = {name: [bound("torchscript")] if name in "cd"[:lesser] else [] for name in "abcd"}
    lines = list(outliers(join(**machines).latest))
    assert lines == [f"c: {ONE} reached bound; 3 of 4 machines reached bits"][:named]


def test_other_answers_of_the_same_kernels_are_a_contradiction(join: Join) -> None:
    def broken_memory(report: dict[str, Any]) -> None:
        engine_of(report, "torchscript")["verdicts"][0]["worst"].update(actual=0.5)

    fleet = join(a=[], b=[], c=[broken_memory], d=[broken_memory, machine(processor="another")])
    (line,) = contradictions(fleet.latest)
    assert line.startswith(f"c: {ONE} differs from a, a machine of the same type")
    assert line in broken(fleet, "bound")


def test_more_calls_are_no_other_answer(join: Join) -> None:
    def called_twice(report: dict[str, Any]) -> None:
        for engine in report["engines"]:
            engine["verdicts"] += [{**verdict, "call": 2} for verdict in engine["verdicts"]]

    assert list(contradictions(join(a=[], b=[called_twice]).latest)) == []


def test_what_changed_since_the_last_time_is_said(join: Join) -> None:
    newer = machine(versions={"torchferry": "0.2.0", "torch": "9.0"}, switches={"MKL_CBWR": "AVX2"})
    fleet = join(again={"a": [newer, bound("torchscript"), absent("eager")], "b": [machine(system="Linux 9")]}, a=[], b=[], c=[])
    first, second = changes(fleet)
    assert first.startswith("a: ")
    for words in (
        "torch 2.",
        "is now 9.0",
        "numpy ",
        "is now none",
        "switch MKL_CBWR none is now AVX2",
        "torchscript on cpu went from bits to bound",
        "eager on cpu went from bits to unavailable",
    ):
        assert words in first
    assert first.endswith("every figure of onnxruntime on cpu is as before")
    assert second == "b: nothing changed"
    assert [entry.label for entry in fleet.latest] == ["a", "b", "c"]
    assert set(versions(fleet.latest)["torch"]["9.0"]) == {"a"}


def test_other_answers_within_the_same_distance_are_said(join: Join) -> None:
    def elsewhere(report: dict[str, Any]) -> None:
        engine_of(report, "onnxruntime")["verdicts"][0]["worst"].update(actual=0.5)

    (line,) = changes(join(again={"a": [elsewhere]}, a=[]))
    assert line.startswith(
        "a: onnxruntime on cpu: other answers, no further from the golden; every figure of eager on cpu, torch"
    )


def test_the_gate_holds_each_machine_s_last_report_to_the_promise(join: Join) -> None:
    fleet = join(a=[], b=[bound("torchscript")], c=[absent("eager")])
    assert broken(fleet, "bound") == []
    lines = broken(fleet, "bits", engines=["torchscript"])
    assert lines == [f"b: {ONE} reached bound, expected bits, worst 7 float steps"]
    assert "c: eager did not run, expected it to" in broken(fleet, "bound", required=["eager"])
    assert len(broken(fleet, "bound", engines=["abacus"])) == 3
    worse = join(d=[failed("eager")])
    assert broken(worse, "bound")[0] == "d: eager on cpu reached failed, expected bound, worst 0 float steps"


def test_a_machine_that_failed_and_was_repaired_may_go(join: Join) -> None:
    assert broken(join(again={"a": []}, a=[failed("eager")]), "bound") == []


def test_a_machine_where_nothing_ran_proves_nothing(join: Join) -> None:
    def idle(report: dict[str, Any]) -> None:
        for engine in report["engines"]:
            absent(engine["engine"])(report)
        report["passed"] = False

    assert broken(join(a=[], b=[idle]), "bound") == ["b: none of its engines ran, expected at least one"]


def test_an_engine_that_is_required_is_judged_too(join: Join) -> None:
    fleet = join(a=[failed("onnxruntime")], b=[])
    assert broken(fleet, "bound", engines=["torchscript"]) == []
    (line,) = broken(fleet, "bound", engines=["torchscript"], required=["onnxruntime"])
    assert line.startswith("a: onnxruntime on cpu reached failed, expected bound")


def leave_out(case: str) -> Change:
    def change(report: dict[str, Any]) -> None:
        for engine in report["engines"]:
            engine["verdicts"] = [one for one in engine["verdicts"] if one["case"] != case]

    return change


def test_a_machine_that_was_held_to_less_than_the_others_is_named(join: Join) -> None:
    """A report that leaves out a golden, values of one, or widens a bound, passes by itself."""
    few = lambda report: engine_of(report, "onnxruntime")["verdicts"][0].update(compared=1)  # noqa: E731
    fleet = join(a=[], b=[leave_out("stress")], c=[few])
    found = [line for line in broken(fleet, "bound") if " was held to " in line]
    assert [line.partition(" was held to ")[::2] for line in found] == [
        (f"b: {engine} on cpu", "0 values of net_input in stress, expected 64 as elsewhere; verify again")
        for engine in ("eager", "onnxruntime", "torchscript")
    ] + [("c: onnxruntime on cpu", "1 values of net_input in batch-64, expected 64 as elsewhere; verify again")]
    assert set(found) <= set(outliers(fleet.latest))
    assert broken(join(again={"b": [], "c": []}), "bound") == []


def test_an_engine_that_was_held_to_less_than_the_others_of_its_machine_is_named(join: Join) -> None:
    less = lambda report: engine_of(report, "onnxruntime").update(verdicts=engine_of(report, "onnxruntime")["verdicts"][:1])  # noqa: E731
    (line,) = broken(join(a=[less]), "bound")
    assert line.startswith("a: onnxruntime on cpu was held to 0 values of ")


def test_a_machine_that_was_held_to_a_wider_bound_than_another_is_named(join: Join) -> None:
    def widen(report: dict[str, Any]) -> None:
        for verdict in engine_of(report, "onnxruntime")["verdicts"]:
            if verdict["output"] == "net_input":
                verdict.update(bound=9.0, reason="at most 9.0: as I like it")

    found = broken(join(a=[], b=[widen]), "bound")
    assert len(found) == 1
    assert found[0].startswith("b: onnxruntime on cpu was held to 9 for net_input, expected ")


def test_another_promise_is_a_wrong_command_line() -> None:
    with pytest.raises(FerryError) as refused:
        promise_of("any")
    assert refused.value.code == ExitCode.USAGE
