"""The programs in C that c_speed.py times: ours, emx-onnx-cgen's, and one that only reads memory."""

from __future__ import annotations

import shutil
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torchferry.bundle.contract import Contract
from torchferry.cgen import Generated, generate, generate_int8
from torchferry.intake.source import ExportSource

HERE = Path(__file__).resolve().parent
FLAGS = ("-O3", "-march=native")
BLOCKS = 40
TURN_NS = 20e6  # of one program in one round
Turn = Callable[[], list[float]]  # one round of one contender: nanoseconds a call


@dataclass(frozen=True)
class Subject:
    """An untrained model of a recipe with real inputs: the speed does not depend on the weights."""

    name: str
    module: torch.nn.Module
    contract: Contract
    inputs: np.ndarray[Any, Any]
    bundle: Path


def generated_kinds(model: Subject) -> dict[str, Generated]:
    """The model's C in float32 and int8."""
    name = model.contract.inputs[0].name
    samples = {name: model.inputs[:64]}
    program = ExportSource(model.module, model.contract, samples).program
    return {
        "float32": generate(program, model.contract, name=model.name, goldens=samples),
        "int8": generate_int8(program, model.contract, name=model.name, goldens=samples, calibration={name: model.inputs[:512]}),
    }


def ours(model: Subject, folder: Path) -> dict[str, Path]:
    """Both, by every compiler that is here."""
    return {
        f"torchferry {kind}, {compiler}": compiled(generated, folder / f"{model.name}-{kind}-{compiler}", compiler)
        for kind, generated in generated_kinds(model).items()
        for compiler in ("gcc", "clang")
        if shutil.which(compiler)
    }


def compiled(generated: Generated, folder: Path, compiler: str) -> Path:
    folder.mkdir()
    for name, text in generated.files.items():
        (folder / name).write_text(text)
    (folder / "contender.h").write_text(OURS.replace("NAME", generated.prefix))
    return build(folder, compiler, *FLAGS)


OURS = """\
#include "model.h"
typedef NAME_input INPUT;
static NAME_output output, outputs[1024];
static void one(const INPUT* input) { NAME_run(input, &output); }
#define BATCH(inputs, count) NAME_run_batch((inputs), outputs, (count), NULL)
"""


def build(folder: Path, compiler: str, *flags: str) -> Path:
    program = folder / "program"
    driver = HERE / "c_speed.c"
    subprocess.run([compiler, *flags, "-I", folder, "-o", program, driver, folder / "model.c", "-lm"], check=True)
    return program


def emx(model: Subject, folder: Path, command: str) -> dict[str, Path]:
    """emx-onnx-cgen's C of the bundle's ONNX file, in strict and in fast arithmetic."""
    if shutil.which(command) is None:
        print(f"\nemx-onnx-cgen left out: {command} not found")
        return {}
    found = {}
    for kind, flags in {"strict": FLAGS, "-ffast-math": (*FLAGS, "-ffast-math")}.items():
        own = folder / f"emx-{kind}"
        own.mkdir()
        arguments = ["--model-name", "emx", "--input-dim", "image:0=1", "--large-weight-threshold", str(1 << 30)]
        source = model.bundle / "model.onnx"
        subprocess.run([command, "compile", *arguments, source, own / "model.c"], check=True, capture_output=True)
        (own / "contender.h").write_text(EMX)
        found[f"emx-onnx-cgen {kind}"] = build(own, "gcc", *flags)
    return found


EMX = """\
#include <stdint.h>
typedef struct { uint8_t image[1][28][28]; } INPUT;
void emx(const uint8_t image[1][28][28], float logits[1][10], float probabilities[1][10], int64_t label[1]);
static float logits[1][10], probabilities[1][10];
static int64_t label[1];
static void one(INPUT* input) { emx(input->image, logits, probabilities, label); }
"""


def memory_limit(folder: Path, size: int) -> Path:
    """A program that reads as many bytes as the float32 tables have, in the widest vectors."""
    return _limit(folder / "memory", READING.replace("SIZE", str(size // 512 * 512)))


def arithmetic_limit(folder: Path, inputs: int, outputs: int) -> Path:
    """A program that multiplies and adds as often as a batch needs, each rounded by itself, with all numbers in the nearest cache."""
    return _limit(folder / "arithmetic", ADDING.replace("STEPS", str(inputs * outputs // 96)))


def multiplications_limit(folder: Path, count: int) -> Path:
    """A program that multiplies and adds `count` times, one after the other, with all numbers in the nearest cache.

    Sixteen numbers from memory times one vector, which is faster than the tile of `arithmetic_limit` (see RESULTS.md).
    """
    return _limit(folder / "arithmetic", MULTIPLYING.replace("STEPS", str(count // 256)))


def _limit(own: Path, text: str) -> Path:
    own.mkdir()
    (own / "model.c").write_text("")
    (own / "contender.h").write_text(text)
    return build(own, "gcc", *FLAGS, "-ffp-contract=off")


ADDING = """\
#include <stddef.h>
typedef struct { unsigned char image[784]; } INPUT;
typedef float vector __attribute__((vector_size(64)));
vector weights[16][6]; /* not static: no compiler may know their content */
static volatile float sink;
static void batch(const INPUT* inputs, size_t count) {
  for (int i = 0; i < 16 * 6 * 16; ++i) ((float*)weights)[i] = (float)(i * 7919 % 2003) / 2003.0f - 0.5f;
  for (size_t n = 0; n + 4 <= count; n += 4) {
    vector sums[4][6] = {{{0.0f}}};
    float x[16][4];
    for (int i = 0; i < 16; ++i) {
      for (int r = 0; r < 4; ++r) x[i][r] = (float)inputs[n + (size_t)r].image[300 + i];
    }
    for (int i = 0; i < STEPS; ++i) {
#pragma GCC unroll 6
      for (int t = 0; t < 6; ++t) {
#pragma GCC unroll 4
        for (int r = 0; r < 4; ++r) sums[r][t] += x[i % 16][r] * weights[i % 16][t];
      }
    }
    for (int t = 0; t < 6; ++t) sums[0][0] += sums[1][t] + sums[2][t] + sums[3][t] + sums[0][t];
    sink = sums[0][0][0] + sums[0][0][1] + sums[0][0][15];
  }
}
static void one(const INPUT* input) { batch(input, 1); }
#define BATCH(inputs, count) batch((inputs), (count))
"""


MULTIPLYING = """\
typedef struct { unsigned char image[784]; } INPUT;
typedef float vector __attribute__((vector_size(64)));
vector weights[16];
float numbers[16][16]; /* neither is static: no compiler may know their content */
static volatile float sink;
static void one(const INPUT* input) {
  for (int i = 0; i < 256; ++i) ((float*)weights)[i] = (float)(i * 7919 % 2003) / 2003.0f - 0.5f;
  for (int i = 0; i < 256; ++i) numbers[i / 16][i % 16] = (float)input->image[300 + i];
  vector sums[16] = {{0.0f}};
  for (int i = 0; i < STEPS; ++i) {
    const vector weight = weights[i % 16];
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r) sums[r] += numbers[i % 16][r] * weight;
  }
  for (int r = 1; r < 16; ++r) sums[0] += sums[r];
  sink = sums[0][0] + sums[0][1] + sums[0][15];
}
"""


READING = """\
typedef struct { unsigned char image[784]; } INPUT;
typedef long long vector __attribute__((vector_size(64)));
vector tables[SIZE / 64]; /* not static: a compiler that knows their content would read nothing */
static volatile long long sink;
static void one(INPUT* input) {
  vector sums[8] = {{input->image[0]}};
  for (int i = 0; i < SIZE / 64; i += 8) {
    for (int k = 0; k < 8; ++k) sums[k] ^= tables[i + k];
  }
  for (int k = 1; k < 8; ++k) sums[0] ^= sums[k];
  sink = sums[0][0];
}
"""


def c_turn(program: Path, inputs: np.ndarray[Any, Any], file: Path, batch: int, tried: int = 1000) -> Turn:
    """Blocks of so many calls that a turn takes some 20 ms, as `tried` calls show; every digit is used at least once in a run."""
    file.write_bytes(np.ascontiguousarray(inputs).tobytes())
    mode = ["batch"] if batch > 1 else []

    def run(blocks: int, calls: int) -> list[float]:
        command = [str(program), str(file), str(len(inputs)), str(blocks), str(calls), *mode]
        return [float(line) for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]

    calls = max(1, round(TURN_NS / BLOCKS / statistics.median(run(5, 1 if batch > 1 else tried))))
    return lambda: run(BLOCKS, calls)
