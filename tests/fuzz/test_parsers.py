"""Every parser of Python answers fresh mutants of its corpus with a value or a refusal, nothing else."""

from __future__ import annotations

import random

import pytest

from fuzz.parsers import CORPUS, PARSERS, crash_of

MUTANTS = 300


@pytest.mark.parametrize("name", PARSERS)
def test_a_mutant_is_read_or_refused(name: str) -> None:
    start = random.SystemRandom().randrange(2**40)
    for seed in range(start, start + MUTANTS):
        crash = crash_of(name, seed)
        assert crash is None, f"seed {seed}: {crash[1]!r}" if crash else ""


@pytest.mark.parametrize("name", PARSERS)
def test_what_is_honest_is_read(name: str) -> None:
    corpus, parser = PARSERS[name]
    if name not in ("torchscript", "signature", "public key"):  # their corpora have files of another kind too
        for path in (CORPUS / corpus).iterdir():
            parser(path.read_bytes())


def test_every_fuzzer_has_a_corpus() -> None:
    fuzzers = {path.stem for path in CORPUS.parent.glob("*.cpp")}
    assert fuzzers <= {path.name for path in CORPUS.iterdir() if any(path.iterdir())}
