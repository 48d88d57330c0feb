"""Lack of memory is one line and exit code 6, at whichever allocation it begins, whether it passes or lasts; never a crash, and
never a verdict on what was not compared."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from builders.programs import BUILD
from builders.spread import spread

ALLOCATOR = BUILD / "tests" / "lib" / "libferry_failing_allocator.so"
FERRY_RUN, HOST = BUILD / "bin" / "ferry-run", BUILD / "tests" / "bin" / "ferry_api_host"
ALLOCATIONS = 6000  # of `verify`, which makes most of them before its first run of the model
ONCE, FOR_GOOD = 1, 0

lasting = pytest.mark.parametrize("count", [ONCE, FOR_GOOD], ids=["once", "for good"])
every = pytest.mark.parametrize("step", [20, pytest.param(1, marks=pytest.mark.slow)])


def run(command: Sequence[object], at: int, count: int) -> subprocess.CompletedProcess[bytes]:
    """Run a program whose allocation number `at` fails."""
    temporary = Path("tmp")
    temporary.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "TMPDIR": str(temporary.absolute()),
        "LD_PRELOAD": str(ALLOCATOR),
        "FERRY_FAIL_AT": str(at),
        "FERRY_FAIL_COUNT": str(count),
    }
    done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, check=False, timeout=60)
    assert list(temporary.iterdir()) == [], f"allocation {at}: {done.stderr!r}"
    return done


def endings(command: Sequence[object], count: int, step: int, *, same_words: bool = True) -> Counter[tuple[int, str]]:
    """How the program ended, by exit code and what it said, over its first 6,000 allocations.

    Where it ended well, it said the same words as with all the memory, unless these tell times.
    """
    whole = run(command, 10**9, count)
    assert whole.returncode == 0, whole.stderr
    found: Counter[tuple[int, str]] = Counter()
    for at in range(1, ALLOCATIONS + 1, step):
        done = run(command, at, count)
        said = done.stderr.decode()
        if done.returncode == 0:  # it did without: then its answer is the whole one
            assert done.stdout == whole.stdout or not same_words, f"allocation {at}"
        else:
            assert re.fullmatch("error: .*\n", said), f"allocation {at}: {done.returncode}: {said}"
        found[done.returncode, said] += 1
    return found


def assert_all_are_io_errors(found: Counter[tuple[int, str]]) -> None:
    codes = {code for code, _ in found}
    assert 6 in codes, found
    assert codes <= {0, 6}, found  # 0: the answer was whole already


VERBS = {
    "inspect": [],
    "verify": ["--engine", "c", "--allow-native"],
    "predict": ["--engine", "c", "--allow-native", "--input", "images.npy"],
    "bench": ["--engine", "c", "--allow-native", "--calls", "1", "--batch", "1"],
}


@lasting
@every
@pytest.mark.parametrize("verb", spread(VERBS, 2))
def test_every_verb_says_so(c_bundle: Path, verb: str, step: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(c_bundle.parent)
    np.save("images.npy", np.zeros((3, 4, 4), np.uint8))
    found = endings([FERRY_RUN, verb, c_bundle.name, *VERBS[verb]], count, step, same_words=verb != "bench")
    assert_all_are_io_errors(found)


@lasting
@every
@pytest.mark.parametrize("api", ["c++", "c"])
def test_every_call_of_an_api_says_so(c_bundle: Path, api: str, step: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(c_bundle.parent)
    assert_all_are_io_errors(endings([HOST, api, c_bundle, "c"], count, step))
