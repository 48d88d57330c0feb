"""Generated C whose weights are a file of their own, and calls of it."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path

import numpy as np

from builders.generated_c import COMPILERS, Array, Compiled, Subject, address, load, same_bits
from torchferry.cgen import generate, generate_int8
from torchferry.cgen.passes.byte_io import Io

OK, PASSED = 0, -1


def separate(subject: Subject) -> Subject:
    """The same module with its weights beside the code."""
    prefix = subject.generated.prefix
    made = generate(subject.program, subject.contract, name=prefix, goldens=subject.samples, separate_weights=True)
    return replace(subject, generated=made)


def separate_int8(subject: Subject, io: Io = "float") -> Subject:
    """The same in int8, calibrated on the subject's samples. With another `io` the subject's contract and samples are those of its structs."""
    samples, name = subject.samples, subject.generated.prefix
    made = generate_int8(
        subject.program, subject.contract, name=name, goldens=samples, calibration=samples, io=io, separate_weights=True
    )
    interface = made.interface
    if interface is None:
        return replace(subject, generated=made)
    return replace(subject, generated=made, contract=interface.contract, samples=interface.given(samples))


def aligned(data: bytes, offset: int = 0) -> Array:
    """The bytes at `offset` from a multiple of 64."""
    memory = np.zeros(len(data) + 128, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    found: Array = memory[start : start + len(data)]
    found[:] = np.frombuffer(data, np.uint8)
    return found


def opened(compiled: Compiled, weights: Array | None, size: int | None = None) -> int:
    """What NAME_open says of `size` bytes, of all of them if not given."""
    count = size if size is not None else 0 if weights is None else len(weights)
    return int(compiled.function("open")(address(weights), ctypes.c_size_t(count)))


def run(compiled: Compiled, weights: Array, arrays: dict[str, Array], *, batch: bool) -> dict[str, Array]:
    """The answers with these weights, one call per sample or one for the whole batch."""
    packed = compiled.pack(arrays)
    outputs, pointer = compiled.empty(len(packed)), address(weights)
    if batch:
        code = compiled.function("run_batch")(pointer, address(packed), address(outputs), ctypes.c_size_t(len(packed)), None)
        assert code == OK
    else:
        for i in range(len(packed)):
            assert compiled.function("run")(pointer, address(packed[i:]), address(outputs[i:])) == OK
    return compiled.unpack(outputs)


def data_of(subject: Subject) -> bytes:
    """The file of the weights."""
    assert subject.generated.weights is not None
    return subject.generated.weights


def code_of(subject: Subject) -> str:
    """model.c after the comment at its top, which speaks of one training."""
    return subject.generated.files["model.c"].partition(" */\n")[2]


def assert_bits(apart: Subject, built_in: dict[str, Array], folder: Path) -> None:
    """Hold the answers with weights of a file, sample by sample and in a batch, to those of the built-in form, and run its self-test."""
    for compiler in COMPILERS:
        compiled, weights = load(apart, folder / compiler, compiler, "-O2"), aligned(data_of(apart))
        assert opened(compiled, weights) == OK
        assert same_bits(run(compiled, weights, apart.samples, batch=False), built_in)
        assert same_bits(run(compiled, weights, apart.samples, batch=True), built_in)
        assert compiled.function("selftest")(address(weights)) == PASSED
