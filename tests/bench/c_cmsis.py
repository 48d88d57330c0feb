"""Instructions a call of our int8 C and of CMSIS-NN with the same layers, on a Cortex-M4F and a Cortex-M55, counted by QEMU.

    python tests/bench/c_cmsis.py --cases FOLDER --cmsis FOLDER [--board M4F|M55] [--level -O3] [NETWORK ...]

FOLDER of --cmsis has CMSIS-NN's Include and Source. Its network has random weights, which its instructions do not depend on, and no
step from float32 to bytes at the input, which ours has. Both get the memcpy of c_board_memory.c.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from c_board import BOARDS, Board, count_program
from c_contenders import OURS
from c_networks import contract_of
from torch import nn

from torchferry.cgen import generate_int8
from torchferry.intake.source import ExportSource

Array = np.ndarray[Any, Any]
SOURCES = ("ActivationFunctions", "BasicMathFunctions", "ConvolutionFunctions", "FullyConnectedFunctions")
MORE_SOURCES = ("NNSupportFunctions", "PoolingFunctions", "SoftmaxFunctions", "PadFunctions", "TransposeFunctions")
STRING_H = """\
#include <stddef.h>
#define memcpy __builtin_memcpy
#define memset __builtin_memset
"""
MATH_H = "float roundf(float);\n"
HEAD = """\
#include "arm_nnfunctions.h"
typedef struct { int8_t bytes[INPUT_BYTES]; } INPUT;
static int8_t first[MOST], second[MOST], kept[MOST], room[65536];
static int32_t numbers[4096], multipliers[1024], shifts[1024];
static const cmsis_nn_context context = {room, sizeof room}, sums = {numbers, sizeof numbers};
static void prepare(void) { for (int i = 0; i < 1024; ++i) { multipliers[i] = 1 << 30; shifts[i] = -7; } }
"""


class Trace:
    """Calls of CMSIS-NN, one a layer of the module, in the order in which the module runs them."""

    def __init__(self, module: nn.Module, sample: Array) -> None:
        self.tables: list[str] = []
        self.calls: list[str] = []
        self.most = sample.size
        self.shape = torch.Size(sample.shape[1:])
        hooks = [layer.register_forward_hook(self._see) for layer in module.modules() if layer is not module]
        with torch.no_grad():
            out = module(torch.from_numpy(sample))
        for hook in hooks:
            hook.remove()
        if not torch.equal(out, self.last):  # a softmax, which is no module
            self._call(f"arm_softmax_s8(%s, 1, {out.shape[1]}, 1 << 30, 20, -100, %s);")

    def _see(self, layer: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        self.last = made
        if isinstance(layer, nn.Conv2d):
            self._convolution(layer, given[0].shape[1:], made.shape[1:])
        elif isinstance(layer, nn.Linear):
            if len(self.shape) == 3 and self.shape[1] * self.shape[2] > 1:
                self._pool(self.shape)  # a mean, which is no module
            self._linear(layer)
        elif isinstance(layer, nn.AvgPool2d | nn.AdaptiveAvgPool2d):
            self._pool(given[0].shape[1:])
        elif hasattr(layer, "skip"):
            size = made[0].numel()
            self._call(
                f"arm_elementwise_add_s8(%s, kept, 1, 1 << 30, -1, 2, 1 << 30, -1, 20, %s, 3, 1 << 30, -18, -128, 127, {size});"
            )

    def _weights(self, weight: torch.Tensor) -> str:
        name = f"weights{len(self.tables)}"
        numbers = np.random.default_rng(len(self.tables)).integers(-127, 128, weight.numel())
        self.tables.append(f"static const int8_t {name}[] = {{{','.join(map(str, numbers))}}};\n")
        return name

    def _call(self, call: str) -> None:
        """Add a call from one buffer to the other."""
        buffers = ("first", "second") if len(self.calls) % 2 == 0 else ("second", "first")
        self.calls.append("  " + call % buffers)

    def _convolution(self, layer: nn.Conv2d, given: torch.Size, made: torch.Size) -> None:
        (channels, height, width), (results, rows, columns) = given, made
        own, (down, right) = layer.groups > 1, layer.kernel_size
        self.most, self.shape = max(self.most, given.numel(), made.numel()), made
        places = f"{{{layer.stride[1]}, {layer.stride[0]}}}, {{{layer.padding[1]}, {layer.padding[0]}}}, {{1, 1}}, {{-128, 127}}"
        filters = f"{{1, {down}, {right}, {channels}}}" if own else f"{{{results}, {down}, {right}, {channels}}}"
        kind = ("depthwise_conv", "dw_conv") if own else ("convolve", "conv")
        self._call(
            f"arm_{kind[0]}_wrapper_s8(&context, &(cmsis_nn_{kind[1]}_params){{128, -128, {'1, ' if own else ''}{places}}}, "
            f"&(cmsis_nn_per_channel_quant_params){{multipliers, shifts}}, "
            f"&(cmsis_nn_dims){{1, {height}, {width}, {channels}}}, %s, &(cmsis_nn_dims){filters}, {self._weights(layer.weight)}, "
            f"&(cmsis_nn_dims){{1, 1, 1, {results}}}, numbers, &(cmsis_nn_dims){{1, {rows}, {columns}, {results}}}, %s);"
        )

    def _linear(self, layer: nn.Linear) -> None:
        self.shape, inputs, outputs = torch.Size((layer.out_features,)), layer.in_features, layer.out_features
        self._call(
            "arm_fully_connected_wrapper_s8(&sums, &(cmsis_nn_fc_params){128, 0, -128, {-128, 127}}, "
            f"&(cmsis_nn_quant_params){{multipliers, shifts, 1}}, &(cmsis_nn_dims){{1, 1, 1, {inputs}}}, %s, "
            f"&(cmsis_nn_dims){{{inputs}, 1, 1, {outputs}}}, {self._weights(layer.weight)}, &(cmsis_nn_dims){{1, 1, 1, {outputs}}}, "
            f"numbers, &(cmsis_nn_dims){{1, 1, 1, {outputs}}}, %s);"
        )

    def _pool(self, given: torch.Size) -> None:
        channels, height, width = given
        self.shape = torch.Size((channels,))
        self._call(
            f"arm_avgpool_s8(&context, &(cmsis_nn_pool_params){{{{1, 1}}, {{0, 0}}, {{-128, 127}}}}, "
            f"&(cmsis_nn_dims){{1, {height}, {width}, {channels}}}, %s, &(cmsis_nn_dims){{1, {height}, {width}, 1}}, "
            f"&(cmsis_nn_dims){{1, 1, 1, {channels}}}, %s);"
        )

    def text(self, size: int) -> str:
        """Return contender.h."""
        head = HEAD.replace("INPUT_BYTES", str(size)).replace("MOST", str(self.most))
        body = "\n".join(self.calls)
        return f"{head}{''.join(self.tables)}static void one(const INPUT *input) {{\n  (void)input;\n{body}\n}}\n"


def cmsis_count(module: nn.Module, sample: Array, own: Path, source: Path, board: Board, level: str) -> int:
    """Return the instructions of one call of CMSIS-NN."""
    own.mkdir(parents=True)
    trace = Trace(module.eval(), sample)
    text = trace.text(sample.size) + f"static const unsigned char digit[{sample.size}] = {{0}};\n#define PREPARE prepare()\n"
    (own / "contender.h").write_text(text)
    (own / "string.h").write_text(STRING_H)
    (own / "math.h").write_text(MATH_H)
    files = [path for kind in (*SOURCES, *MORE_SOURCES) for path in sorted((source / "Source" / kind).glob("*.c"))]
    whole = [path for path in files if not path.stem.endswith(("_f16", "_f32"))]
    return count_program(board, own, level, "-I", source / "Include", "-ffunction-sections", "-Wl,--gc-sections", *whole)[1]


def our_count(name: str, module: nn.Module, goldens: dict[str, Array], own: Path, board: Board, level: str) -> int:
    """Return the instructions of one call of our int8 C."""
    own.mkdir(parents=True)
    contract = contract_of(module, goldens)
    program = ExportSource(module, contract, goldens).program
    made = generate_int8(program, contract, name=name, goldens=goldens, calibration=goldens)
    for file, text in made.files.items():
        (own / file).write_text(text)
    sample = np.ascontiguousarray(next(iter(goldens.values()))[0]).view(np.uint8).ravel()
    numbers = f"static const unsigned char digit[{sample.size}] = {{{', '.join(map(str, sample.tolist()))}}};\n"
    header = OURS.replace("NAME", made.prefix).replace("outputs[1024]", "outputs[1]")
    (own / "contender.h").write_text(header + numbers)
    return count_program(board, own, level, own / "model.c")[1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--cmsis", type=Path, required=True)
    parser.add_argument("--board", choices=sorted(BOARDS), default="M55")
    parser.add_argument("--level", default="-O3")
    names = ["keyword_spotting", "visual_wake_words", "image_classification", "anomaly_detection"]
    parser.add_argument("names", nargs="*", default=names)
    options = parser.parse_args()
    sys.path.insert(0, str(options.cases))
    from edge_networks import networks  # type: ignore[import-not-found]  # of the folder that the user names

    print(
        f"| Cortex-{options.board}, {options.level}, instructions a call | ours | CMSIS-NN | ours / CMSIS-NN |\n|---|---|---|---|"
    )
    for name in options.names:
        module, _, goldens = networks()[name]
        with tempfile.TemporaryDirectory() as folder:
            board = BOARDS[options.board]
            mine = our_count(name, module, goldens, Path(folder) / "ours", board, options.level)
            sample = next(iter(goldens.values()))[:1]
            theirs = cmsis_count(module, sample, Path(folder) / "theirs", options.cmsis, board, options.level)
            print(f"| {name} | {mine:,} | {theirs:,} | {mine / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    main()
