"""The self-test: every way through the code is run, needs no more stack than the header says, and has the samples that it names."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from builders.contracts import contract, spec
from builders.generated_c import COMPILERS, Array, Subject, address, load, quantized, run_tool, write
from builders.networks import dense, image_net, standardized
from builders.spread import spread
from torchferry.bundle.contract import TensorSpec
from torchferry.cgen import generate
from torchferry.cgen.emit.selftest_samples import selftest_samples
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.source import ExportSource

PASSED, MEMORY = -1, -3


def images(zeros: float, count: int = 6) -> Array:
    rng = np.random.default_rng(0)
    grey = rng.integers(1, 256, (count, 9, 8), dtype=np.uint8)
    return np.where(rng.random(grey.shape) < zeros, 0, grey).astype(np.uint8)


@cache
def sparse_net() -> Subject:
    """Every golden is as sparse as a written digit; rows of four samples at once, and a first layer that skips zeros."""
    return image_net(9, 8, 70, 3, images=images(0.8))


@cache
def full_net() -> Subject:
    """No golden has a zero."""
    return image_net(9, 8, 70, 3, images=images(0.0))


def with_source(subject: Subject, source: str) -> Subject:
    return replace(subject, generated=replace(subject.generated, files={**subject.generated.files, "model.c": source}))


def faulty(subject: Subject, statement: str, damage: str) -> Subject:
    """The damage after the only statement that starts so."""
    pattern = re.escape(f"image_net_{statement}") + "[^;]*;"
    source, count = re.subn(pattern, lambda found: f"{found[0]} {damage}", subject.generated.files["model.c"])
    assert count == 1, pattern
    return with_source(subject, source)


# A way through the code: the statement that only it runs, and what is done to its result.
FOUR = ("layer2_network_2(workspace[r]", "output[r].logits[0] *= 2.0f;")
DENSE = ("columns(72, 70, 1, 1, 1, 72", "sigmoid[0] += 0.5f;")
SPARSE = ("columns(72, 70, 1, from == 0", "sigmoid[0] += 0.5f;")
FOUR_DENSE = ("four_columns(72, 70, floats", "sigmoid[3][0] += 0.5f;")
FOUR_SPARSE = ("layer1_network_0(image[r]", "sigmoid[r][0] += 0.5f;")
WAYS = {"four": FOUR, "dense": DENSE, "sparse": SPARSE, "four dense": FOUR_DENSE, "four, not all dense": FOUR_SPARSE}
GOLDENS = {"sparse": sparse_net, "full": full_net}


@pytest.mark.parametrize("goldens", spread(GOLDENS, 1))
@pytest.mark.parametrize("way", WAYS)
def test_a_fault_on_any_way_through_the_code_is_noticed(way: str, goldens: str, tmp_path: Path) -> None:
    subject = GOLDENS[goldens]()
    assert load(subject, tmp_path / "right", "gcc", "-O1").selftest() == PASSED
    assert load(faulty(subject, *WAYS[way]), tmp_path / "faulty", "gcc", "-O1").selftest() >= 0


@pytest.mark.parametrize("count", [2, 3])
def test_fewer_goldens_than_a_batch_are_repeated(count: int, tmp_path: Path) -> None:
    subject = image_net(9, 8, 70, 3, images=images(0.0, count))
    assert load(subject, tmp_path, "gcc", "-O1").selftest() == PASSED
    assert load(faulty(subject, *FOUR), tmp_path / "faulty", "gcc", "-O1").selftest() >= 0


def chosen(subject: Subject) -> Array:
    """What the self-test replays of the only input."""
    return next(iter(selftest_samples(subject.contract, subject.samples, batch_rows=4, skips_zeros=True).arrays.values()))


def test_sparse_goldens_come_first_and_then_a_batch_of_them_without_zeros() -> None:
    samples = chosen(sparse_net())
    assert np.array_equal(samples[:4], images(0.8)[:4])
    assert len(samples) == 8
    assert (samples[4:] != 0).all()
    assert all(
        set(np.unique(made)) == set(np.unique(golden[golden != 0])) for golden, made in zip(samples, samples[4:], strict=False)
    )


def test_full_goldens_come_first_and_then_one_of_them_with_zeros() -> None:
    samples = chosen(full_net())
    assert len(samples) == 5
    assert (samples[:4] != 0).all()
    assert (samples[4] == 0).mean() >= 0.5


def only(kind: TensorSpec, array: Array) -> Array:
    return selftest_samples(contract((kind,), (spec("y"),)), {"x": array}, batch_rows=1, skips_zeros=True).arrays["x"]


@pytest.mark.parametrize(("low", "high", "filler"), [(0.0, 10.0, 10.0), (-5.0, 0.0, -5.0), (-1.0, 1.0, 1.0)])
def test_what_replaces_the_zeros_of_an_empty_sample_lies_in_the_range(low: float, high: float, filler: float) -> None:
    kind = spec("x", shape=("N", 4)).model_copy(update={"range": (low, high)})
    assert only(kind, np.zeros((1, 4), np.float32))[-1].tolist() == [filler] * 4


def test_no_zeros_are_made_where_the_range_has_none() -> None:
    kind = spec("x", shape=("N", 4)).model_copy(update={"range": (1.0, 9.0)})
    full = np.full((2, 4), 3, np.float32)
    assert np.array_equal(only(kind, full), full)


def test_the_comment_says_how_many_samples_there_are() -> None:
    for subject, count in ((sparse_net(), 8), (full_net(), 5), (quantized(sparse_net()), 5), (standardized(), 4)):
        source = subject.generated.files["model.c"]
        assert f"Self-test of {count} samples" in source.partition("*/\n")[0]
        assert f"_GOLDENS {count}\n" in source


# ---- memory ----


def test_the_self_test_runs_in_the_callers_memory(tmp_path: Path) -> None:
    subject = sparse_net()
    compiled = load(subject, tmp_path, "gcc", "-O2")
    workspace = np.full(4 * workspace_bytes(subject), 0xA5, np.uint8)
    outputs = compiled.empty(4)
    run = compiled.function("selftest_with")
    assert run(address(outputs), address(workspace)) == PASSED
    assert run(None, address(workspace)) == MEMORY
    assert run(address(outputs), None) == MEMORY
    assert run(address(workspace, 64), address(workspace)) == MEMORY


def workspace_bytes(subject: Subject) -> int:
    found = re.search(r"_WORKSPACE_BYTES (\d+)u", subject.generated.files["model.h"])
    assert found is not None
    return int(found[1])


# A thread whose whole stack has been painted: what it has overwritten, less what a thread that calls nothing overwrites.
STACK = """\
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "model.h"
#define BYTES (1u << 20)
static unsigned char stack[BYTES] __attribute__((aligned(4096)));
static NAME_input input[9];
static NAME_output output[9];
static NAME_workspace workspace[NAMES_BATCH_ROWS];
static void *nothing(void *p) { return p; }
static void *run(void *p) { NAME_run(input, output); return p; }
static void *run_with(void *p) { NAME_run_with(input, output, workspace); return p; }
static void *batch(void *p) { NAME_run_batch(input, output, 9, NULL); return p; }
static void *batch_with(void *p) { NAME_run_batch(input, output, 9, workspace); return p; }
static void *classify(void *p) { NAME_classify(input); return p; }
static void *selftest(void *p) { return NAME_selftest() == -1 ? p : NULL; }
static void *selftest_with(void *p) { return NAME_selftest_with(output, workspace) == -1 ? p : NULL; }
static size_t used(void *(*const function)(void *)) {
  pthread_attr_t attributes;
  pthread_t thread;
  void *result = NULL;
  size_t untouched = 0;
  memset(stack, 0xA5, BYTES);
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, BYTES);
  if (pthread_create(&thread, &attributes, function, stack) != 0) return BYTES;
  pthread_join(thread, &result);
  while (untouched < BYTES && stack[untouched] == 0xA5) ++untouched;
  return result == stack ? BYTES - untouched : BYTES;
}
int main(void) {
  const size_t least = used(nothing);
  const size_t output_bytes = sizeof(NAME_output), batch_bytes = NAMES_BATCH_ROWS * sizeof(NAME_output);
  printf("run %zu %zu\\n", used(run) - least, (size_t)NAMES_WORKSPACE_BYTES);
  printf("run_with %zu 0\\n", used(run_with) - least);
  printf("run_batch %zu %zu\\n", used(batch) - least, (size_t)NAMES_BATCH_WORKSPACE_BYTES);
  printf("run_batch_with %zu 0\\n", used(batch_with) - least);
  printf("classify %zu %zu\\n", used(classify) - least, (size_t)NAMES_WORKSPACE_BYTES + output_bytes);
  printf("selftest %zu %zu\\n", used(selftest) - least, (size_t)NAMES_BATCH_WORKSPACE_BYTES + batch_bytes);
  printf("selftest_with %zu 0\\n", used(selftest_with) - least);
  return 0;
}
"""
FRAMES = {"-O0": 12 << 10, "-O2": 4 << 10, "-O3 -march=native": 4 << 10, "-Os": 4 << 10}  # that the header allows


@pytest.mark.parametrize("flags", FRAMES)
@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
def test_no_call_needs_more_stack_than_the_header_says(compiler: str, flags: str, tmp_path: Path) -> None:
    subject = image_net(28, 28, 100)
    source = write(subject.generated, tmp_path)
    (tmp_path / "main.c").write_text(STACK.replace("NAMES", "IMAGE_NET").replace("NAME", "image_net"))
    run_tool(compiler, *flags.split(), "-pthread", "-static", "-o", tmp_path / "main", tmp_path / "main.c", source)
    lines = [line.split() for line in run_tool(tmp_path / "main").stdout.splitlines()]
    assert len(lines) == 7
    for name, used, promised in lines:
        assert int(used) <= int(promised) + FRAMES[flags], f"{name}: {used} bytes"


def test_goldens_that_are_no_numbers_are_passed_over(tmp_path: Path) -> None:
    subject = dense(6, 5, 3)
    x = subject.samples["x"].copy()
    x[0, 1], x[2, 3], x[3, 0] = np.nan, np.inf, 3e38
    program = ExportSource(subject.module, subject.contract, subject.samples).program
    generated = generate(program, subject.contract, name="dense", goldens={"x": x})
    assert load(replace(subject, generated=generated), tmp_path).selftest() == -1
    with pytest.raises(FerryError) as caught:
        generate(program, subject.contract, name="dense", goldens={"x": x[:1]})
    assert (caught.value.code, "got NaN or infinity" in str(caught.value)) == (ExitCode.BAD_INPUT, True)
