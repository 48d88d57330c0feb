"""Mutants of what `predict` writes: samples/ and cpp/cli, wrong files, and files where there must be none."""

from __future__ import annotations

from mutants.mutant import Mutant

_SAMPLES = "python/torchferry/samples"
_NPZ = "tests/parity/test_npz_output.py"
_MANUAL = "tests/package/test_manual.py"
_FOLDER = "tests/parity/test_folder_output.py"


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
    Mutant(
        f"{_SAMPLES}/folder_sink.py",
        "        if name in owners:",
        "        if owners.get(name) == file:",
        _FOLDER,
        "the second of two pictures with one name replaces the answer to the first",
    ),
    Mutant(
        f"{_SAMPLES}/target.py",
        "    if os.path.lexists(target):",
        "    if target.is_file():",
        _FOLDER,
        "a folder that exists is replaced",
    ),
    _program("cli/folder_output.cpp", "    if (!is_new)", "    if (owner->second == file)", _FOLDER, "the same in C++"),
    _program(
        "cli/folder_output.cpp",
        "  if (fs::exists(fs::symlink_status(target, unknown)))",
        "  if (fs::is_regular_file(target, unknown))",
        _FOLDER,
        "a folder that exists is replaced, in C++",
    ),
    Mutant(
        "python/torchferry/cli/manual/grammar.py",
        "for row in registry.FORMATS if not row.is_program]",
        "for row in registry.FORMATS]",
        _MANUAL,
        "a shell offers ferry-run an engine that only Python has",
    ),
    Mutant(
        "python/torchferry/cli/manual/man.py",
        'if escaped.startswith((".",',
        'if escaped.startswith(("#",',
        _MANUAL,
        "a help text that begins with a point is a macro of roff, and is not shown",
    ),
)
