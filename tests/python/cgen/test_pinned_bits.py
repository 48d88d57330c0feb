"""What generated C computes stays what it was, bit by bit: the digests in pinned_bits.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builders.pinned import PINNED, PINS, digest, pin

RECORDED: dict[str, dict[str, str]] = json.loads(PINS.read_text())


LARGE = {"int8: images", "float32: 1000 wide", "int8: 1000 wide"}  # the compiler takes seconds for them


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE)) for name in PINNED])
def test_generated_c_computes_the_recorded_bits(name: str, tmp_path: Path) -> None:
    found = pin(PINNED[name](), tmp_path)
    assert found["given"] == RECORDED[name]["given"], "the weights or samples are others: this says nothing about the C"
    assert found["computed"] == RECORDED[name]["computed"]


def test_every_recorded_network_is_still_made() -> None:
    assert set(RECORDED) == set(PINNED)


def test_one_flipped_bit_changes_the_digest() -> None:
    subject = PINNED["float32: one input"]()
    before = digest(subject.samples)
    subject.samples["x"].view("uint32")[0, 0] ^= 1
    assert digest(subject.samples) != before
