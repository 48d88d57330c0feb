"""Processors, compilers and flags on which generated C must give the same bits, and how to run a program for each here."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parents[2] / "cpp" / "examples" / "firmware"


@dataclass(frozen=True)
class Target:
    """`compiler` with `flags`; `runner` goes before the program, and `needs` must be installed."""

    name: str
    compiler: str
    flags: tuple[str, ...]
    runner: tuple[str, ...] = ()
    linker: str = ""  # where the compiler cannot link for the target

    @property
    def missing(self) -> list[str]:
        """Programs that are not installed."""
        tools = [self.compiler, *([self.linker] if self.linker else []), *self.runner[:1]]
        return [tool for tool in tools if shutil.which(tool) is None]


def _levels(name: str, compiler: str, flags: tuple[str, ...], runner: tuple[str, ...], *, linker: str = "") -> list[Target]:
    return [Target(f"{name} {level}", compiler, (level, *flags), runner, linker) for level in ("-O0", "-O2", "-O3")]


def _clang(triple: str, library: str, *flags: str) -> tuple[str, ...]:
    return (f"--target={triple}", "-isystem", f"/usr/{library}/include", *flags)


def _x86() -> list[Target]:
    cpu = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    levels: dict[str, tuple[str, ...]] = {"SSE2": ("-march=x86-64",)}
    levels |= {"AVX2": ("-march=x86-64-v3",)} if "avx2" in cpu and "fma" in cpu else {}
    vnni = ("-mavx512vnni",) if "avx512_vnni" in cpu else ()
    levels |= {"AVX-512": ("-march=x86-64-v4", *vnni)} if "avx512vl" in cpu and "avx512bw" in cpu else {}
    return [
        target for c in ("gcc", "clang") for isa, flags in levels.items() for target in _levels(f"x86-64 {isa} {c}", c, flags, ())
    ]


AARCH64 = ("qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu")
ARMHF = ("qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf")
RISCV = ("qemu-riscv64-static", "-L", "/usr/riscv64-linux-gnu")

HOSTED = [
    *_x86(),
    *_levels("aarch64 gcc", "aarch64-linux-gnu-gcc", (), AARCH64),
    *_levels("aarch64 clang", "clang", _clang("aarch64-linux-gnu", "aarch64-linux-gnu"), AARCH64, linker="aarch64-linux-gnu-gcc"),
    *_levels("aarch64 SVE gcc", "aarch64-linux-gnu-gcc", ("-march=armv8.2-a+sve",), (AARCH64[0], "-cpu", "max", *AARCH64[1:])),
    *_levels("armhf gcc", "arm-linux-gnueabihf-gcc", (), ARMHF),
    *_levels("armhf NEON VFPv4 gcc", "arm-linux-gnueabihf-gcc", ("-mfpu=neon-vfpv4", "-std=gnu11"), ARMHF),
    *_levels(
        "armhf NEON clang",
        "clang",
        _clang("armv7-linux-gnueabihf", "arm-linux-gnueabihf", "-mfpu=neon-vfpv4"),
        ARMHF,
        linker="arm-linux-gnueabihf-gcc",
    ),
    *_levels("riscv64 gcc", "riscv64-linux-gnu-gcc", (), RISCV),
    *_levels(
        "riscv64 clang",
        "clang",
        _clang("riscv64-linux-gnu", "riscv64-linux-gnu", "-march=rv64gc", "-mabi=lp64d"),
        RISCV,
        linker="riscv64-linux-gnu-gcc",
    ),
]

_BOARD = (
    "qemu-system-arm",
    "-M",
    "mps2-an386",
    "-nographic",
    "-monitor",
    "none",
    "-semihosting-config",
    "enable=on,target=native",
    "-kernel",
)
_CPU = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
_BOARD_FLAGS = (*_CPU, "-ffreestanding", "-nostdlib", "-T", str(FIRMWARE / "mps2-an386.ld"), "-I", str(FIRMWARE))
CORTEX_M4F = _levels("Cortex-M4F gcc", "arm-none-eabi-gcc", _BOARD_FLAGS, _BOARD)

_WASM = ("--target=wasm32", "-nostdlib", "-ffreestanding", "-fno-builtin", "-Wl,--no-entry", "-Wl,-z,stack-size=65536")
WASM = [
    *_levels("wasm32 clang", "clang", _WASM, ("node",), linker="wasm-ld"),
    *_levels("wasm32 SIMD clang", "clang", (*_WASM, "-msimd128"), ("node",), linker="wasm-ld"),
]
