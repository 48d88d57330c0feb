"""Instructions of generated C on Cortex-M boards, counted by QEMU."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from c_contenders import HERE, OURS, Subject, generated_kinds

from torchferry.cgen import Generated

FIRMWARE = HERE.parents[1] / "cpp" / "examples" / "firmware"
COMPILER, EMULATOR = "arm-none-eabi-gcc", "qemu-system-arm"
FLAGS = ("-mthumb", "-ffreestanding", "-nostdlib", "-mfloat-abi=hard", "-I", str(FIRMWARE))
RUN = ("-nographic", "-monitor", "none", "-semihosting", "-icount", "shift=0", "-kernel")
SLOW = [f"-D{name}=bytewise_{name}" for name in ("memcpy", "memmove", "memset")]  # of startup.c


@dataclass(frozen=True)
class Board:
    """A machine of QEMU. `tick`: quarters of a nanosecond, which is an instruction, that a tick of its SysTick takes."""

    machine: str
    flags: tuple[str, ...]
    tick: int
    memory: tuple[str, str, str] | None = None  # where code begins, how long each of the two is, where data begins


BOARDS = {
    "M4F": Board("mps2-an386", ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"), 160),
    "M55": Board("mps3-an547", ("-mcpu=cortex-m55",), 125, ("0x10000000", "512K", "0x30000000")),
}


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
    return count_program(BOARDS["M4F"], own, level, own / "model.c")


def count_program(board: Board, own: Path, level: str, *sources: Path | str) -> list[int]:
    """Return the instructions of a call with dense bytes and with the sample of own/contender.h, of a program of `sources`."""
    script = (FIRMWARE / "mps2-an386.ld").read_text()
    if board.memory is not None:
        code, length, data = board.memory
        script = script.replace("0x00000000, LENGTH = 4M", f"{code}, LENGTH = {length}")
        script = script.replace("0x20000000, LENGTH = 4M", f"{data}, LENGTH = {length}")
    (own / "board.ld").write_text(script)
    flags = [COMPILER, level, *board.flags, *FLAGS, "-I", own, f"-DQUARTERS_PER_TICK={board.tick}u"]
    subprocess.run([*flags, *SLOW, "-c", "-o", own / "startup.o", FIRMWARE / "startup.c"], check=True)
    bench = [HERE / "c_speed_board.c", HERE / "c_board_memory.c", own / "startup.o"]
    subprocess.run([*flags, "-T", own / "board.ld", "-o", own / "board.elf", *bench, *sources, "-lgcc"], check=True)
    done = subprocess.run([EMULATOR, "-M", board.machine, *RUN, own / "board.elf"], capture_output=True, text=True, check=True)
    return [int(line) for line in (done.stdout + done.stderr).split()]
