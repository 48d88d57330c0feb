"""Firmware is built with warnings as errors: generated C gives none with the compilers of other processors either."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from builders.generated_c import run_tool
from builders.memory_networks import MEMORY_SUBJECTS
from builders.spread import spread

COMPILERS = {
    "aarch64-linux-gnu-gcc": (),
    "arm-linux-gnueabihf-gcc": ("-mfpu=neon",),
    "riscv64-linux-gnu-gcc": (),
    "s390x-linux-gnu-gcc": ("-fexcess-precision=fast",),
    "i686-linux-gnu-gcc": ("-msse2", "-mfpmath=sse"),
    "arm-none-eabi-gcc": ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mthumb", "-mfloat-abi=hard", "-ffreestanding"),
}
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
CASES = [f"{name} {compiler}" for name in sorted(MEMORY_SUBJECTS) for compiler in COMPILERS]


@pytest.mark.parametrize("case", ["recurrent aarch64-linux-gnu-gcc", *spread(CASES, 6)])
@pytest.mark.parametrize("level", ["-O2", "-O3"])
def test_a_compiler_has_nothing_to_say(case: str, level: str, tmp_path: Path) -> None:
    name, compiler = case.rsplit(" ", 1)
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} not installed; run `make setup-edge`")
    for file, text in MEMORY_SUBJECTS[name]().generated.files.items():
        (tmp_path / file).write_text(text)
    flags = (level, *WARNINGS, *COMPILERS[compiler])
    run_tool(compiler, *flags, "-c", tmp_path / "model.c", "-o", tmp_path / "model.o")
