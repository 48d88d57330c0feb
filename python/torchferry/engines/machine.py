"""What native code sees of this machine: processor, its level of vector instructions, system. cpp/engines/machine.cpp is its twin."""

from __future__ import annotations

import platform
from pathlib import Path

# Levels of vector instructions by ascending strength, with the processor flags (of /proc/cpuinfo) that they stand for: the
# x86-64 levels v1, v3 and v4 of the System V ABI. Machines that are not x86-64 have DEFAULT alone.
ISA_FLAGS: dict[str, frozenset[str]] = {
    "DEFAULT": frozenset(),
    "AVX2": frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"}),
    "AVX512": frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
}
LEVELS = {"AVX512": "v4", "AVX2": "v3"}  # as compilers call them: -march=x86-64-v4
VNNI = "_vnni"  # behind v4: products of bytes, which make an int8 model faster and change no bit
_VNNI_FLAG = "avx512_vnni"
_CPUINFO = Path("/proc/cpuinfo")


def strongest_isa() -> str:
    """Return the strongest level that this processor has."""
    flags = _processor_flags()
    strongest = "DEFAULT"
    for level, needed in ISA_FLAGS.items():
        if not needed <= flags:
            break
        strongest = level
    return strongest


def triples() -> list[str]:
    """Return the kinds of machine whose objects this one can run, strongest first: `x86_64_v3-linux-gnu`, `x86_64-linux-gnu`."""
    machine, system = platform.machine(), platform.system().lower()
    library = "gnu" if platform.libc_ver()[0] == "glibc" else "other"
    here = list(ISA_FLAGS).index(strongest_isa())
    levels = [f"_{LEVELS[isa]}" for isa in reversed(list(ISA_FLAGS)[1 : here + 1])]
    if levels[:1] == ["_v4"] and _VNNI_FLAG in _processor_flags():
        levels.insert(0, f"_v4{VNNI}")
    return [f"{machine}{level}-{system}-{library}" for level in (*levels, "")]


def built_for(*, of_bytes: bool) -> str:
    """Return the kind of machine that an object is built for here: `of_bytes`, of an int8 model, with its products of bytes."""
    return next(triple for triple in triples() if of_bytes or VNNI not in triple)


def processor_name() -> str:
    """Return what the processor calls itself, else its architecture."""
    return _cpuinfo("model name") or platform.machine()


def _processor_flags() -> frozenset[str]:
    return frozenset(_cpuinfo("flags").split() if platform.machine() == "x86_64" else ())


def _cpuinfo(key: str) -> str:
    """Return the first value of a key of /proc/cpuinfo; "" where there is none."""
    for line in _CPUINFO.read_text().splitlines() if _CPUINFO.exists() else ():
        found, _, value = line.partition(":")
        if found.strip() == key:
            return value.strip()
    return ""
