"""Bisection over verdicts: the first value that is off, and what stands unseen before it."""

from __future__ import annotations

from typing import Any

from torchferry.compare.bisect import Bisection, bisection

LAYERS = [("a", "Linear"), ("into b", "Linear"), ("b", "Linear"), ("c", "ReLU"), ("d", "Linear")]


def found(passed: dict[str, bool], output: bool = True) -> Bisection:
    """Layers by whether they passed; those that are not named are not shown."""
    verdicts: list[dict[str, Any]] = [{"output": f"_{name}", "passed": value} for name, value in passed.items()]
    verdicts.append({"output": "y", "passed": output})
    return bisection("batch-8", LAYERS, {name: f"_{name}" for name in passed}, ["y"], verdicts)


def test_the_first_layer_that_is_off_is_named_and_not_those_that_follow_from_it() -> None:
    first = found({"a": True, "b": False, "c": False, "d": True}, output=False).first
    assert first is not None
    assert (first.layer, first.kind) == ("b", "Linear")


def test_layers_unseen_since_the_last_right_value_are_suspects() -> None:
    assert [entry.layer for entry in found({"a": True, "d": False}).suspects] == ["into b", "b", "c"]
    assert [entry.layer for entry in found({"b": True, "d": False}).suspects] == ["c"]
    assert found({"a": True, "into b": True, "b": False}).suspects == ()


def test_an_output_may_be_the_first() -> None:
    first = found({name: True for name, _ in LAYERS}, output=False).first
    assert first is not None
    assert (first.layer, first.kind) == ("y", "output")


def test_nothing_off_is_no_difference_and_counts_what_was_not_seen() -> None:
    result = found({"a": True})
    assert result.first is None
    assert result.suspects == ()
    assert result.unseen == 4
