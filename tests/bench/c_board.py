"""Instructions of generated C on a Cortex-M4F, counted by QEMU."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from c_contenders import HERE, OURS, Subject, generated_kinds

from torchferry.cgen import Generated

FIRMWARE = HERE.parents[1] / "cpp" / "examples" / "firmware"
COMPILER, EMULATOR = "arm-none-eabi-gcc", "qemu-system-arm"
CPU = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
FLAGS = (*CPU, "-ffreestanding", "-nostdlib", "-T", str(FIRMWARE / "mps2-an386.ld"), "-I", str(FIRMWARE))
RUN = ("-M", "mps2-an386", "-nographic", "-monitor", "none", "-semihosting", "-icount", "shift=0", "-kernel")


def print_board(model: Subject, folder: Path) -> None:
    """A table of counts for float32 and int8, or a line that says what is missing."""
    missing = [tool for tool in (COMPILER, EMULATOR) if shutil.which(tool) is None]
    if missing:
        print(f"\nCortex-M4F left out: {', '.join(missing)} not found; run `make setup-edge`")
        return
    print("\n| 784-100-10 on Cortex-M4F, instructions a call | dense | a digit |\n|---|---|---|")
    for kind, generated in generated_kinds(model).items():
        for level in ("-O2", "-O3"):
            counts = _counts(generated, model.inputs[0], folder / f"board-{kind}{level}", level)
            print(f"| torchferry {kind}, gcc {level} | {counts[0]:,} | {counts[1]:,} |")


def count_of_board(generated: Generated, sample: np.ndarray[Any, Any], own: Path, level: str) -> int:
    """Return the instructions of one call with a sample."""
    return _counts(generated, sample, own, level)[1]


def _counts(generated: Generated, sample: np.ndarray[Any, Any], own: Path, level: str) -> list[int]:
    """Return the instructions of a call with bytes of which none is zero, and with a sample."""
    own.mkdir()
    for name, text in generated.files.items():
        (own / name).write_text(text)
    header = OURS.replace("NAME", generated.prefix).replace("outputs[1024]", "outputs[1]")
    (own / "contender.h").write_text(header + _array(np.ascontiguousarray(sample).view(np.uint8)))
    return _count(own, level)


def _array(sample: np.ndarray[Any, Any]) -> str:
    return f"static const unsigned char digit[{sample.size}] = {{{', '.join(map(str, sample.ravel().tolist()))}}};\n"


def _count(own: Path, level: str) -> list[int]:
    sources = [HERE / "c_speed_board.c", FIRMWARE / "startup.c", own / "model.c"]
    subprocess.run([COMPILER, level, *FLAGS, "-I", own, "-o", own / "board.elf", *sources, "-lgcc"], check=True)
    done = subprocess.run([EMULATOR, *RUN, own / "board.elf"], capture_output=True, text=True, check=True)
    return [int(line) for line in (done.stdout + done.stderr).split()]
