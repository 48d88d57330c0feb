"""Mutants of what `predict` writes: samples/ and cpp/cli, wrong files, and files where there must be none."""

from __future__ import annotations

from mutants.mutant import Mutant

_SAMPLES = "python/torchferry/samples"
_NPZ = "tests/parity/test_npz_output.py"


def _program(file: str, old: str, new: str, tests: str, why: str) -> Mutant:
    return Mutant(f"cpp/{file}", old, new, tests, why, target="ferry-run")


ROWS = (
    Mutant(
        f"{_SAMPLES}/zip_file.py",
        "        at += len(entry.local) + size",
        "        at += size",
        _NPZ,
        "the second entry of an .npz is not where its directory says",
    ),
    Mutant(
        f"{_SAMPLES}/sink.py",
        "    if kind in _OF_NUMBERS:",
        '    if kind == "npy":',
        _NPZ,
        "--id is forgotten in an .npz",
    ),
    _program(
        "cli/npz_output.cpp",
        "entry.crc = archive::crc32(piece, entry.crc);",
        "entry.crc = archive::crc32(piece.first(1), entry.crc);",
        _NPZ,
        "an .npz with another CRC-32 than its bytes have",
    ),
    Mutant(
        "cpp/src/npy_header.cpp",
        "const std::size_t total = (wanted / alignment + 1) * alignment;",
        "const std::size_t total = (wanted + alignment - 1) / alignment * alignment;",
        "NpyHeader*",
        "a .npy header that is shorter than NumPy's where it is aligned already",
        target="ferry_tests",
    ),
)
