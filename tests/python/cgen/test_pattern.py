"""Constant vectors that repeat are kept once, and every element is found again."""

from __future__ import annotations

import numpy as np
import pytest

from torchferry.cgen.pattern import pattern_of

CASES = {
    "per channel": (np.repeat(np.float32([1, 2, 3]), 4), 3, "j / 4"),
    "per column": (np.tile(np.float32([1, 2, 3]), 4), 3, "j % 3"),
    "both": (np.tile(np.repeat(np.float32([1, 2]), 3), 5), 2, "j / 3 % 2"),
    "one number": (np.full(7, 2.5, np.float32), 1, "j / 7"),
    "none": (np.arange(6, dtype=np.float32), 6, "j"),
    "runs of two lengths": (np.float32([1, 1, 1, 1, 2, 2]), 3, "j / 2"),
    "integers": (np.tile(np.int64([4, 5]), 3), 2, "j % 2"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_pattern_gives_every_element(name: str) -> None:
    array, length, index = CASES[name]
    pattern = pattern_of(array)
    assert (len(pattern.array), pattern.index("j")) == (length, index)
    places = [j // pattern.run % len(pattern.array) for j in range(len(array))]
    assert (pattern.array[places] == array).all()


def test_the_signs_of_zeros_are_kept() -> None:
    assert len(pattern_of(np.float32([0.0, -0.0])).array) == 2
