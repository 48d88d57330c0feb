"""The arena: what of a call lies in one piece of memory, and that no layer meets what another one left there."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from builders.generated_c import COMPILERS, Array, Compiled, Subject, address, load, load_together, quantized, run_tool, write
from builders.memory_networks import MEMORY_SUBJECTS
from builders.networks import QUANTIZED_SUBJECTS
from builders.spread import spread
from torchferry.cgen import reference
from torchferry.cgen.emit.model import Model

GUARD = 256  # bytes behind the arena that nobody may touch
POISONS = (0x00, 0xA5, 0xFF)  # as floats: zeros, small numbers, NaN


@cache
def subjects() -> dict[str, Subject]:
    """Networks with many values in the arena, and those of int8, with names that may stand in one file."""
    quantised = {
        f"int8 {name}": quantized(make(), f"net{number}") for number, (name, make) in enumerate(QUANTIZED_SUBJECTS.items())
    }
    return {**{name: make() for name, make in MEMORY_SUBJECTS.items()}, **quantised}


def arena_bytes(subject: Subject) -> int:
    return Model.build("net", subject.contract, subject.generated.graph).plan.bytes


@pytest.mark.slow
@pytest.mark.parametrize("flags", spread([("-O3", "-march=native"), ("-O2", "-fno-inline"), ("-O0",)], 1), ids=" ".join)
@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
def test_no_call_meets_what_another_one_left_in_the_arena(compiler: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    compiled = load_together(list(subjects().values()), tmp_path, compiler, *flags)
    for (name, subject), one in zip(subjects().items(), compiled, strict=True):
        assert_reads_no_rest(name, subject, one)


def assert_reads_no_rest(of: str, subject: Subject, compiled: Compiled) -> None:
    size = arena_bytes(subject)
    expected = {
        spec.name: array
        for spec, array in zip(subject.contract.outputs, reference.run(subject.generated.graph, subject.samples), strict=True)
    }
    packed, outputs = compiled.pack(subject.samples), compiled.empty(len(next(iter(subject.samples.values()))))
    arena = np.empty(size + GUARD, np.uint8)
    for poison in POISONS:
        for i in range(len(packed)):
            arena[:] = poison
            for _ in range(2):  # the second call meets what the first one left
                outputs[i : i + 1].view(np.uint8)[:] = 0x5A
                assert compiled.function("run_with")(address(packed[i:]), address(outputs[i:]), address(arena)) == 0
            assert (arena[size:] == poison).all(), f"{of}: a call wrote behind the arena"
        for name, array in compiled.unpack(outputs).items():
            assert array.tobytes() == expected[name].tobytes(), f"{of}: {name} with an arena of {poison:#x}"


@pytest.mark.parametrize("name", spread(MEMORY_SUBJECTS, 4))
def test_the_answers_are_those_of_eager(name: str, tmp_path: Path) -> None:
    subject = MEMORY_SUBJECTS[name]()
    answers = load(subject, tmp_path).run(subject.samples, batch=True)
    for name, exact in subject.float64().items():
        assert_near(answers[name], exact)


def assert_near(answer: Array, exact: Array) -> None:
    assert np.abs(answer - exact).max() <= 2e-5 * (1 + np.abs(exact).max())


def test_the_header_says_how_large_the_arena_is(tmp_path: Path) -> None:
    lines = []
    for subject in subjects().values():
        prefix = subject.generated.prefix
        write(subject.generated, tmp_path / prefix)
        lines += [f'#include "{prefix}/model.h"', f"unsigned long {prefix}_bytes(void);"]
        lines += [f"unsigned long {prefix}_bytes(void) {{ return sizeof({prefix}_workspace); }}"]
    (tmp_path / "size.c").write_text("\n".join(lines) + "\n")
    run_tool("gcc", "-std=c99", "-shared", "-fPIC", "-I", tmp_path, "-o", tmp_path / "size.so", tmp_path / "size.c")
    library = ctypes.CDLL(str(tmp_path / "size.so"))
    for name, subject in subjects().items():
        function = library[f"{subject.generated.prefix}_bytes"]
        function.restype = ctypes.c_ulong
        assert function() == arena_bytes(subject), name
