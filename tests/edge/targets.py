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
    big_endian: bool = False

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
    *_levels(
        "aarch64 DOTPROD gcc", "aarch64-linux-gnu-gcc", ("-march=armv8.2-a+dotprod",), (AARCH64[0], "-cpu", "max", *AARCH64[1:])
    ),
    *_levels(
        "aarch64 i8mm gcc", "aarch64-linux-gnu-gcc", ("-march=armv8.2-a+dotprod+i8mm",), (AARCH64[0], "-cpu", "max", *AARCH64[1:])
    ),
    *_levels(
        "aarch64 i8mm clang",
        "clang",
        _clang("aarch64-linux-gnu", "aarch64-linux-gnu", "-march=armv8.2-a+dotprod+i8mm"),
        (AARCH64[0], "-cpu", "max", *AARCH64[1:]),
        linker="aarch64-linux-gnu-gcc",
    ),
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

_LINUX32 = ("qemu-i386-static", "-L", "/usr/i686-linux-gnu")
_S390X = ("qemu-s390x-static", "-L", "/usr/s390x-linux-gnu")
# Other processors and compilers, which the exhaustive tests try.
MORE = [
    *_levels("i686 SSE2 gcc", "i686-linux-gnu-gcc", ("-msse2", "-mfpmath=sse"), _LINUX32),
    *(
        Target(f"big-endian s390x gcc {level}", "s390x-linux-gnu-gcc", (level,), _S390X, big_endian=True)
        for level in ("-O0", "-O3")
    ),
    Target("x86-64 tcc -O0", "tcc", ("-O0",)),
    Target("x86-64 gcc, whole program -Os", "gcc", ("-Os", "-flto")),
]


def board_script(origin: str, length: str, data: str) -> str:
    """Return the linker script of the firmware for a board with other memory."""
    text = (FIRMWARE / "mps2-an386.ld").read_text()
    for old, new in (
        ("0x00000000, LENGTH = 4M", f"{origin}, LENGTH = {length}"),
        ("0x20000000, LENGTH = 4M", f"{data}, LENGTH = {length}"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def _board(machine: str) -> tuple[str, ...]:
    return ("qemu-system-arm", "-M", machine, "-nographic", "-monitor", "none", *_SEMIHOSTING, "-kernel")


_SEMIHOSTING = ("-semihosting-config", "enable=on,target=native")
_BARE = ("-mthumb", "-ffreestanding", "-nostdlib", "-I", str(FIRMWARE))
_SCRIPT = ("-T", str(FIRMWARE / "mps2-an386.ld"))
_M4F = ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
CORTEX_M4F = _levels("Cortex-M4F gcc", "arm-none-eabi-gcc", (*_M4F, *_BARE, *_SCRIPT), _board("mps2-an386"))


def _cortex(name: str, level: str, cpu: str, machine: str, *flags: str) -> Target:
    own_memory = machine in MEMORY
    script = ("-T", "board.ld") if own_memory else _SCRIPT
    return Target(
        f"Cortex-{name} gcc {level}", "arm-none-eabi-gcc", (level, f"-mcpu={cpu}", *flags, *_BARE, *script), _board(machine)
    )


# Where code and data lie on the boards of Armv8-M, seen from the secure state in which they start.
MEMORY = {"mps2-an505": ("0x10000000", "4M", "0x38000000"), "mps3-an547": ("0x10000000", "512K", "0x30000000")}
MORE_BOARDS = [
    _cortex("M0+", "-Os", "cortex-m0plus", "mps2-an385"),
    _cortex("M3", "-O2", "cortex-m3", "mps2-an385"),
    _cortex("M7", "-O3", "cortex-m7", "mps2-an500", "-mfloat-abi=hard", "-mfpu=fpv5-d16"),
    _cortex("M33", "-O2", "cortex-m33", "mps2-an505", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
    *(_cortex("M55", level, "cortex-m55", "mps3-an547", "-mfloat-abi=hard") for level in ("-O0", "-O2", "-O3")),
]

_WASM = ("--target=wasm32", "-nostdlib", "-ffreestanding", "-fno-builtin", "-Wl,--no-entry", "-Wl,-z,stack-size=65536")
WASM = [
    *_levels("wasm32 clang", "clang", _WASM, ("node",), linker="wasm-ld"),
    *_levels("wasm32 SIMD clang", "clang", (*_WASM, "-msimd128"), ("node",), linker="wasm-ld"),
]
