"""Mutants of what `predict` writes: samples/ and cpp/cli, wrong files, and files where there must be none."""

from __future__ import annotations

from mutants.mutant import Mutant, of_ferry_run

_SAMPLES = "python/torchferry/samples"
_NPZ = "tests/parity/test_npz_output.py"
_MANUAL = " ".join(  # the others install the whole build, which the copy has not
    f"tests/package/test_manual.py::test_{name}"
    for name in (
        "the_files_are_those_of_the_programs_as_they_are",
        "roff_formats_the_page_without_a_warning",
        "both_programs_have_the_same_options_of_the_same_verbs",
    )
)
_FOLDER = "tests/parity/test_folder_output.py"
_MASK = "tests/parity/test_mask_output.py"


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
    of_ferry_run(
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
    of_ferry_run("cli/folder_output.cpp", "    if (!is_new)", "    if (owner->second == file)", _FOLDER, "the same in C++"),
    of_ferry_run(
        "cli/folder_output.cpp",
        "  if (fs::exists(fs::symlink_status(place, unknown)))",
        "  if (fs::is_regular_file(target, unknown))",
        _FOLDER,
        "a folder that exists is replaced, in C++",
    ),
    Mutant(
        f"{_SAMPLES}/mask_sink.py",
        "wrong = values[(values < 0) | (values > most)]",
        "wrong = values[values > most]",
        _MASK,
        "a negative value is written as another level of a mask",
    ),
    Mutant(
        f"{_SAMPLES}/mask_sink.py",
        "    if len(spec.shape) != 3 + first or spec.channels is not None:",
        "    if len(spec.shape) != 3 + first:",
        _MASK,
        "the brightest of three colours is written as a class",
    ),
    Mutant(
        f"{_SAMPLES}/mask_sink.py",
        "return count == len(names.names) and spec",
        "return True or spec",
        _MASK,
        "rows are taken for classes where the classes are the last dim",
    ),
    Mutant(
        f"{_SAMPLES}/mask_sink.py",
        "        if self.count > 1:",
        "        if self.count > 2:",
        _MASK,
        "the mask of the second sample is written, and the first is lost",
    ),
    Mutant(
        f"{_SAMPLES}/png_encoder.py",
        "        is_last = start + len(block) == len(data)",
        "        is_last = len(block) < _MOST_STORED",
        _MASK,
        "the last block of a PNG is not marked where it is full",
    ),
    of_ferry_run(
        "cli/mask_output.cpp", "    if (value < 0 || value > most)", "    if (value > most)", _MASK, "a negative value, in C++"
    ),
    of_ferry_run(
        "cli/mask_output.cpp",
        "scores[i] > high",
        "scores[i] >= high",
        _MASK,
        "of equal scores the last class is taken",
    ),
    of_ferry_run(
        "cli/mask_output.cpp",
        "if (std::ranges::any_of(scores, [](T score) { return std::isnan(score); })) return {};",
        "if (scores.empty()) return {};",
        _MASK,
        "a pixel without a score has a class",
    ),
    of_ferry_run("cli/mask_output.cpp", "    if (count_ > 1)", "    if (count_ > 2)", _MASK, "a lost sample, in C++"),
    of_ferry_run(
        "cli/png_encoder.cpp",
        "if (levels.depth == 16) rows += static_cast<char>(levels.values[i] >> 8U);",
        "if (levels.depth == 16) rows += static_cast<char>(levels.values[i] & 0xFFU);",
        _MASK,
        "the bytes of a level of 16 bits in the wrong order",
    ),
    Mutant(
        "cpp/archive/adler32.cpp",
        "high = (high + low) % modulus;",
        "high = high + low;",
        "Adler32.*",
        "a checksum of many bytes that is not that of zlib",
        target="ferry_cli_tests",
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
