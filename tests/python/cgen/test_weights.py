"""Weights as a file of their own: the bits of the built-in form, exchanged without a compiler, checked before anything reads them."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from builders.contracts import spec
from builders.generated_c import Compiled, Subject, address, load, same_bits, subject_of
from builders.memory_networks import MEMORY_SUBJECTS
from builders.networks import deep, fork, image_net, residual
from builders.separate_weights import aligned, assert_bits, data_of, opened, run, separate
from builders.spread import spread
from torchferry.cgen.emit.weights import DIGEST_AT, HEADER

OK, NULL, UNALIGNED, TRUNCATED, NO_WEIGHTS, OTHER_MODEL, DAMAGED = 0, 1, 4, 5, 6, 7, 8
PASSED = -1
SUBJECTS: dict[str, Callable[[], Subject]] = {
    "images": lambda: image_net(9, 8, 70, 3),
    "fork": fork,
    "residual": residual,
    "deep": lambda: deep(depth=4, width=24),
    **MEMORY_SUBJECTS,
}


@pytest.mark.parametrize("name", spread(SUBJECTS, 3))
def test_the_bits_are_those_of_the_built_in_form(name: str, tmp_path: Path) -> None:
    subject = SUBJECTS[name]()
    apart = separate(subject)
    built_in = load(subject, tmp_path / "in", "gcc", "-O2").run(subject.samples)
    assert_bits(apart, built_in, tmp_path)


def net(seed: int, hidden: int = 12) -> Subject:
    """Products, a normalization, a learnt slope and a number, all of which `seed` decides."""
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(6, hidden), nn.LayerNorm(hidden), nn.PReLU(), nn.Linear(hidden, 4), nn.Softmax(1))
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    samples = {"x": np.random.default_rng(seed).standard_normal((9, 6)).astype(np.float32)}
    return separate(subject_of(module, (spec("x", shape=("N", 6)),), ("y",), samples))


def fresh(seed: int) -> Subject:
    """The same as it is before its training, with ones and zeros."""
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(6, 12), nn.LayerNorm(12), nn.PReLU(), nn.Linear(12, 4), nn.Softmax(1))
    samples = {"x": np.random.default_rng(seed).standard_normal((7, 6)).astype(np.float32)}
    return separate(subject_of(module, (spec("x", shape=("N", 6)),), ("y",), samples))


def test_weights_are_exchanged_without_a_compiler(tmp_path: Path) -> None:
    first = net(1)
    compiled = load(first, tmp_path)
    for other in (net(2), fresh(3)):
        weights = aligned(data_of(other))
        assert opened(compiled, weights) == OK
        answers = run(compiled, weights, other.samples, batch=True)
        assert np.abs(answers["y"] - other.float64()["y"]).max() < 1e-5
        assert same_bits(answers, run(load(other, tmp_path / "own"), weights, other.samples, batch=True))
        assert compiled.function("selftest")(address(weights)) == PASSED


def test_the_self_test_sees_weights_that_answer_otherwise(tmp_path: Path) -> None:
    subject = net(1)
    weights = aligned(data_of(subject))
    weights[HEADER + 2] ^= 0x40
    assert load(subject, tmp_path).function("selftest")(address(weights)) >= 0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Compiled, bytes]:
    subject = net(1)
    return load(subject, tmp_path_factory.mktemp("net"), "gcc", "-O2", "-fsanitize=undefined", "-fno-sanitize-recover"), data_of(
        subject
    )


def test_weights_that_end_too_early_are_refused(pair: tuple[Compiled, bytes]) -> None:
    compiled, data = pair
    for size in (0, 1, HEADER - 1, HEADER, HEADER + 1, len(data) - 1):
        assert opened(compiled, aligned(data)[:size], size) == TRUNCATED
    short = data[:16] + (16).to_bytes(8, "little") + data[24:]  # says that it is as short as it is
    assert opened(compiled, aligned(short), HEADER - 1) == TRUNCATED
    assert opened(compiled, aligned(data + bytes(64))) == OK  # the rest of a page of flash


def test_weights_at_another_address_are_refused(pair: tuple[Compiled, bytes]) -> None:
    compiled, data = pair
    for offset in (1, 2, 4):
        assert opened(compiled, aligned(data, offset)) == UNALIGNED
    assert opened(compiled, aligned(data, 8)) == OK
    assert opened(compiled, None) == NULL


def test_weights_of_other_layers_are_refused(pair: tuple[Compiled, bytes]) -> None:
    compiled, _ = pair
    assert opened(compiled, aligned(data_of(net(1, hidden=13)))) == OTHER_MODEL


def test_something_else_is_refused(pair: tuple[Compiled, bytes]) -> None:
    compiled, data = pair
    assert opened(compiled, aligned(bytes(len(data)))) == NO_WEIGHTS
    swapped = data[:8] + data[11:7:-1] + data[12:]
    assert opened(compiled, aligned(swapped)) == NO_WEIGHTS


def test_every_changed_byte_is_refused(pair: tuple[Compiled, bytes]) -> None:
    compiled, data = pair
    weights = aligned(data)
    for at in [*range(HEADER), *range(HEADER, len(data), 37), len(data) - 1]:
        weights[at] ^= 0x10
        assert opened(compiled, weights) in (TRUNCATED, NO_WEIGHTS, OTHER_MODEL, DAMAGED), at
        weights[at] ^= 0x10
    assert opened(compiled, weights) == OK


def test_no_count_of_samples_leads_outside(pair: tuple[Compiled, bytes]) -> None:
    compiled, data = pair
    for samples in (0, 1, 10**6, 2**31, 2**32 - 1):
        changed = data[:12] + samples.to_bytes(4, "little") + data[16:]
        digest = hashlib.sha256(changed[:DIGEST_AT] + changed[DIGEST_AT + 32 :]).digest()
        assert opened(compiled, aligned(changed[:DIGEST_AT] + digest + changed[DIGEST_AT + 32 :])) == DAMAGED


def test_a_call_without_weights_is_refused(pair: tuple[Compiled, bytes]) -> None:
    compiled, _ = pair
    packed, outputs = compiled.pack({"x": np.zeros((1, 6), np.float32)}), compiled.empty(1)
    assert compiled.function("run")(None, address(packed), address(outputs)) == NULL
    assert compiled.function("run_batch")(None, address(packed), address(outputs), ctypes.c_size_t(1), None) == NULL
