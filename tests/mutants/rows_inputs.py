"""Mutants of intake/, formats/ and samples/: modules, rows and files that must be refused and are not, or are read as another."""

from __future__ import annotations

from mutants.mutant import Mutant

_INTAKE = "python/torchferry/intake"
_SAMPLES = "python/torchferry/samples"
_FORMATS = "python/torchferry/formats"
_REFUSALS = "tests/python/intake/test_refusals.py"
_CSV = "tests/python/samples/test_csv.py"
_IMAGE = "tests/python/samples/test_image.py"
_HOSTILE_IMAGE = "tests/hostile/test_image_input.py"
_SOURCE = "tests/python/samples/test_source.py"

ROWS = (
    Mutant(
        f"{_INTAKE}/refusals.py",
        "        if part.training:",
        "        if part.training and not path:",
        _REFUSALS,
        "a part in train mode",
    ),
    Mutant(
        f"{_INTAKE}/refusals.py",
        "and tensor.dtype != torch.float32:",
        "and tensor.dtype == torch.float16:",
        _REFUSALS,
        "weights of float64",
    ),
    Mutant(
        f"{_INTAKE}/refusals.py",
        "if tensor.is_floating_point() and bool(tensor.isnan().any()):",
        "if tensor.is_floating_point() and bool(tensor.isnan().all()):",
        _REFUSALS,
        "one weight is NaN",
    ),
    Mutant(
        f"{_INTAKE}/refusals.py",
        "if array.size > 1 and bool((array == array.flat[0]).all()):",
        "if array.size > 1 and not array.any():",
        _REFUSALS,
        "goldens that are constant",
    ),
    Mutant(
        f"{_INTAKE}/refusals.py",
        "        if not torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)):",
        "        if a.shape != b.shape:",
        _REFUSALS,
        "a module that remembers its calls",
    ),
    Mutant(
        f"{_INTAKE}/refusals.py",
        "    _require_untouched(inputs, copies)",
        "    del copies",
        _REFUSALS,
        "a module that writes into its input",
    ),
    Mutant(
        f"{_INTAKE}/refusals.py",
        "a.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()",
        "a.data_ptr() == tensor.data_ptr()",
        _REFUSALS,
        "an output that is a part of the input's memory",
    ),
    Mutant(
        f"{_INTAKE}/refusals.py",
        "    if randomness.seen:",
        "    if randomness.seen and not names:",
        _REFUSALS,
        "random numbers that did not show",
    ),
    Mutant(
        f"{_INTAKE}/refusals.py",
        'return not given.get("train", given.get("training", True))',
        "return False",
        _REFUSALS,
        "dropout in eval mode counts as random",
    ),
    Mutant(
        f"{_INTAKE}/outputs.py",
        "        if names.count(name) > 1:",
        "        if names.count(name) > 2:",
        "tests/python/exporter/test_api.py",
        "two outputs of one name",
    ),
    Mutant(
        f"{_INTAKE}/outputs.py",
        "        if others:",
        "        if not others:",
        "tests/python/exporter/test_api.py " + _REFUSALS,
        "a batch that is frozen in the module",
    ),
    Mutant(
        f"{_FORMATS}/registry.py",
        "        if row.name in found or row.engine in engines:",
        "        if row.name in found:",
        "tests/python/formats/test_registry.py",
        "a package takes another's engine",
    ),
    Mutant(
        f"{_FORMATS}/registry.py",
        "        for other in sorted(known[name].excludes & set(wanted)):",
        "        for other in sorted(known[name].excludes & set(wanted[:0])):",
        "tests/python/formats/test_registry.py",
        "two formats whose files have the same names",
    ),
    Mutant(
        f"{_FORMATS}/registry.py",
        "    if not isinstance(row, Format):",
        "    if row is None:",
        "tests/python/formats/test_registry.py",
        "a row that is none",
    ),
    Mutant(
        f"{_FORMATS}/weights.py",
        "    while weights and all(name.startswith(_FRAME) for name in weights):",
        "    if weights and all(name.startswith(_FRAME) for name in weights):",
        "tests/python/formats/test_weights.py",
        "a frame in a frame stays",
    ),
    Mutant(
        f"{_FORMATS}/torchscript.py",
        "        if operator not in source.allow_ops:",
        "        if operator in source.allow_ops:",
        "tests/python/formats/test_formats.py tests/python/engines/test_torchscript_operators.py",
        "an archive that no session opens is exported",
    ),
    Mutant(
        f"{_SAMPLES}/csv.py",
        "        if len(cells) == self._columns.cells:",
        "        if len(cells) >= self._columns.cells:",
        _CSV,
        "cells too many",
    ),
    Mutant(
        f"{_SAMPLES}/cells.py",
        "        if value is None or not low <= value <= high:",
        "        if value is None or value > high:",
        _CSV,
        "integers below the dtype's",
    ),
    Mutant(
        f"{_SAMPLES}/cells.py",
        'if text not in ("0", "1", "false", "true"):',
        'if not text.isdigit() and text not in ("false", "true"):',
        _CSV,
        "2 for a bool",
    ),
    Mutant(
        f"{_SAMPLES}/cells.py",
        "    if not _NUMBER.fullmatch(cell):",
        "    if not _NUMBER.match(cell):",
        _CSV,
        "numbers with underscores",
    ),
    Mutant(
        f"{_SAMPLES}/columns.py",
        "are_words = all(_NAME.match(name) and not _is_value(name) for name in names)",
        "are_words = any(_NAME.match(name) and not _is_value(name) for name in names)",
        _CSV,
        "a bad first row is taken for a header",
    ),
    Mutant(
        f"{_SAMPLES}/columns.py",
        "return are_words and (index or len(names) > 1)",
        "return are_words",
        "tests/hostile/test_tables.py",
        "a broken sample of one cell is taken for a header",
    ),
    Mutant(
        f"{_SAMPLES}/columns.py",
        "return all(map(has_point, cells)) and any(map(is_pointed_whole, cells))",
        "return all(map(has_point, cells))",
        "tests/hostile/test_tables.py",
        "a row 0,1,2 in front of fractions is taken for a header",
    ),
    Mutant(
        f"{_SAMPLES}/source.py",
        "        if self.count == 0:",
        "        if self.count < 0:",
        _SOURCE,
        "no samples are no error",
    ),
    Mutant(
        f"{_SAMPLES}/lines.py",
        "        if _CONTROL.search(text):",
        "        if _CONTROL.match(text):",
        _CSV + " tests/hostile/test_csv_input.py",
        "a binary file passes for a header",
    ),
    Mutant(
        f"{_SAMPLES}/png.py",
        '        if zlib.crc32(chunk) != int.from_bytes(crc, "big"):',
        "        if len(chunk) < 4:",
        _IMAGE + " " + _HOSTILE_IMAGE,
        "damaged chunks",
    ),
    Mutant(
        f"{_SAMPLES}/png.py",
        "len(rows) != expected or",
        "len(rows) < expected or",
        _IMAGE + " " + _HOSTILE_IMAGE,
        "more rows than the header says",
    ),
    Mutant(
        f"{_SAMPLES}/png.py",
        ' or stream[-4:] != zlib.adler32(rows).to_bytes(4, "big"):',
        ":",
        _IMAGE + " " + _HOSTILE_IMAGE,
        "rows that do not match their checksum",
    ),
    Mutant(
        f"{_SAMPLES}/png.py",
        "or len(body) % 3 or int(indexes.max()) >= len(body) // 3:",
        "or len(body) % 3:",
        _IMAGE + " " + _HOSTILE_IMAGE,
        "an index beyond the palette",
    ),
    Mutant(f"{_SAMPLES}/png.py", "    if depth != 8:", "    if depth < 8:", _IMAGE + " " + _HOSTILE_IMAGE, "a PNG of 16 bits"),
    Mutant(
        f"{_SAMPLES}/bmp.py",
        "rows[:: -1 if height > 0 else 1,",
        "rows[:: -1 if height < 0 else 1,",
        _IMAGE + " " + _HOSTILE_IMAGE,
        "pictures upside down",
    ),
    Mutant(
        f"{_SAMPLES}/pgm.py",
        "    if maximum != 255:",
        "    if maximum > 255:",
        _IMAGE + " " + _HOSTILE_IMAGE,
        "grey levels of another maximum",
    ),
    Mutant(
        f"{_SAMPLES}/image.py",
        "19595 * red + 38470 * green + 7471 * blue + 32768",
        "19595 * red + 38470 * green + 7471 * blue",
        _IMAGE,
        "grey is cut instead of rounded",
    ),
    Mutant(
        f"{_SAMPLES}/image.py",
        "    if [height, width] != wanted:",
        "    if [height, width] < wanted:",
        _IMAGE + " " + _HOSTILE_IMAGE,
        "pictures of another size",
    ),
    Mutant(
        f"{_SAMPLES}/npz.py",
        "        if name not in expected:",
        "        if name not in expected and not name.endswith('.npy'):",
        "tests/python/samples/test_npz.py",
        "an array that is no input",
    ),
    Mutant(
        f"{_SAMPLES}/text.py",
        "wrong = labels[(labels < 0) | (labels >= len(classes.names))]",
        "wrong = labels[labels >= len(classes.names)]",
        "tests/python/samples/test_text.py",
        "class -1 is the last",
    ),
)
