"""The rules by which tests/bench/serve_load.py judges a run: each can say no."""

from __future__ import annotations

import argparse
from collections import Counter

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'torchferry[serve]'")

from bench.serve_load import Tally, broken, thirds

ASKED = argparse.Namespace(seconds=600.0, kill_every=30.0)


def tally(**said: object) -> Tally:
    """Return a run of 1,000 right answers with 20 kills: a front of 200 MiB and replicas of 100, one after the other."""
    memory = [{1: 200.0, 10 + at // 4: 100.0} for at in range(120)]
    good = {"asked": 1000, "times": [0.01] * 1000, "states": Counter(right=1000), "kills": 20, "memory": memory}
    return Tally(**{**good, **said})  # type: ignore[arg-type]


def test_a_good_run_breaks_no_rule() -> None:
    assert broken(ASKED, tally()) == []
    assert broken(ASKED, tally(states=Counter({"right": 1000, "refused, asked again": 7}), kills=10)) == []
    assert broken(argparse.Namespace(seconds=600.0, kill_every=0), tally(kills=0)) == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"states": Counter(right=999, wrong=1)}, "1 answers were wrong"),
        ({"states": Counter({"right": 999, "lost (500)": 1})}, "1 answers were lost (500)"),
        ({"states": Counter(right=999)}, "999 right answers to 1000 requests"),
        ({"asked": 0, "states": Counter()}, "0 right answers to 0 requests"),
        ({"kills": 9}, "9 of 20 kills took place"),
        ({"memory": [{1: 200.0 + at / 2, 10 + at // 4: 100.0 - at / 2} for at in range(120)]}, "that live through it grew"),
        ({"memory": [{1: 200.0, 10 + at // 4: 100.0 + at / 2} for at in range(120)]}, "memory of all processes grew"),
    ],
)
def test_a_rule_that_does_not_hold_is_a_line(said: dict[str, object], words: str) -> None:
    (line,) = (line for line in broken(ASKED, tally(**said)) if words in line)
    assert line


def test_thirds_are_medians_in_mib() -> None:
    memory = [{1: 10.0}, {1: 10.0, 2: 5.0}, {1: 11.0}, {1: 12.0, 3: 1.0}, {1: 13.0}, {1: 14.0}]
    assert thirds(memory, lasting=False) == (12.5, 13.5)
    assert thirds(memory, lasting=True) == (10.0, 13.5)
