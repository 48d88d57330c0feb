"""Instructions of a call on a Cortex-M4F, of our C and of onnx2c's of the same network, counted by QEMU.

    python tests/bench/c_onnx2c.py --cases FOLDER --onnx2c PROGRAM [--level=-O3] [NETWORK ...]

Prints Markdown for tests/bench/RESULTS.md. FOLDER has edge_networks.py. onnx2c is built from its own repository; its C needs a C library
with `math.h`: Debian's libnewlib-arm-none-eabi.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from c_board import BOARDS, count_of_board, count_program
from c_networks import contract_of
from torch import nn

from torchferry.cgen import generate
from torchferry.intake.quiet import quiet
from torchferry.intake.source import ExportSource

Array = np.ndarray[Any, Any]
CONTENDER = """\
#include <stdint.h>
typedef struct {{ {kind} values[{count}]; }} INPUT;
static {answer} output[{answers}];
void entry({parameters});
static void one(INPUT* input) {{ entry({arguments}); }}
static const unsigned char digit[{size}] = {{{sample}}};
"""


def onnx2c_count(module: nn.Module, sample: Array, own: Path, program: Path, level: str) -> int:
    """Return the instructions of one call of onnx2c's C with a sample [1, ...].

    The file is that of torch's older exporter, for one sample: onnx2c refuses what the newer one writes of three of the networks. Their mean
    over an image becomes a global pooling, since onnx2c's C of a mean that drops its axes does not compile.
    """
    own.mkdir()
    with quiet():
        torch.onnx.export(module, (torch.from_numpy(sample),), own / "model.onnx", dynamo=False, opset_version=13)
    _pool_where_means_are(own / "model.onnx")
    done = subprocess.run([program, own / "model.onnx"], capture_output=True, text=True, check=True)
    (own / "model.c").write_text(done.stdout)
    (own / "contender.h").write_text(_contender(done.stdout, sample))
    return count_program(BOARDS["M4F"], own, level, own / "model.c", "-lm", "-lc")[1]


def _pool_where_means_are(path: Path) -> None:
    model = onnx.load(path)
    for node in model.graph.node:
        if node.op_type == "ReduceMean":
            pooled = f"{node.output[0]}_pooled"
            flat = onnx.helper.make_node("Flatten", [pooled], list(node.output))
            node.CopyFrom(onnx.helper.make_node("GlobalAveragePool", list(node.input)[:1], [pooled]))
            model.graph.node.insert(list(model.graph.node).index(node) + 1, flat)
    onnx.save(model, path)


def _contender(text: str, sample: Array) -> str:
    """Return what calls `entry`, whose parameters are one input and one output, as its own text declares them."""
    declared = re.search(r"void entry\((?P<all>[^)]*)\)\s*\{", text)
    assert declared is not None, "no function entry in what onnx2c wrote"
    given, answer = declared["all"].split(", ")
    flat = ", ".join(str(byte) for byte in np.ascontiguousarray(sample).view(np.uint8).ravel().tolist())
    kind = re.sub(r"^const ", "", given).split()[0]
    answers = int(np.prod([int(size) for size in re.findall(r"\[(\d+)\]", answer)]))
    return CONTENDER.format(
        kind=kind,
        count=sample.size,
        answer=answer.split()[0],
        answers=answers,
        parameters=declared["all"],
        arguments="(void*)input->values, (void*)output",
        size=sample.nbytes,
        sample=flat,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--onnx2c", type=Path, required=True)
    parser.add_argument("--level", default="-O3")
    names = ["keyword_spotting", "visual_wake_words", "image_classification", "anomaly_detection"]
    parser.add_argument("names", nargs="*", default=names)
    options = parser.parse_args()
    sys.path.insert(0, str(options.cases))
    from edge_networks import networks  # type: ignore[import-not-found]  # of the folder that the user names

    print(f"| Cortex-M4F, gcc {options.level}, instructions a call | ours | onnx2c | ours / onnx2c |\n|---|---|---|---|")
    for name in options.names:
        module, _, goldens = networks()[name]
        contract, sample = contract_of(module, goldens), next(iter(goldens.values()))[:1]
        source = ExportSource(module, contract, {key: array[:4] for key, array in goldens.items()}, name=name)
        with tempfile.TemporaryDirectory() as folder:
            mine = count_of_board(
                generate(source.program, contract, name=name, goldens=goldens), sample, Path(folder) / "ours", options.level
            )
            theirs = onnx2c_count(module, sample, Path(folder) / "theirs", options.onnx2c, options.level)
        print(f"| {name} | {mine:,} | {theirs:,} | {mine / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    main()
