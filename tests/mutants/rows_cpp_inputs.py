"""Mutants of cpp/cli, cpp/archive and cpp/engines: files and artifacts that must be refused and are not."""

from __future__ import annotations

from mutants.mutant import Mutant, of_ferry_run


def _unit(file: str, old: str, new: str, tests: str, why: str, *, survives: str = "") -> Mutant:
    return Mutant(f"cpp/{file}", old, new, tests, why, target="ferry_cli_tests", survives=survives)


def _sound(file: str, old: str, new: str, test: str, why: str) -> Mutant:
    return of_ferry_run(f"cli/{file}.cpp", old, new, f"tests/parity/test_sound.py::{test}", why)


def _lines(file: str, old: str, new: str, test: str, why: str) -> Mutant:
    return Mutant(f"cpp/{file}.cpp", old, new, f"tests/parity/test_lines.py::{test}", why, target="ferry-run")


_REFUSED_LINE = "test_a_line_that_is_no_sample_is_refused_with_its_place"
_REFUSED_SOUND = "test_what_is_no_sound_of_the_contract_is_refused_in_the_same_words"

ROWS = (
    Mutant(
        "cpp/cli/image_layout.cpp",
        "const std::size_t from = reversed_ && c < 3 ? 2 - c : c;",
        "const std::size_t from = c;",
        "tests/parity/test_pictures.py",
        "BGR of a picture that is copied",
        target="ferry-run",
    ),
    Mutant(
        "cpp/cli/image_layout.cpp",
        "return picture.orientation == 1 && picture.channels == channels_",
        "return picture.channels == channels_",
        "tests/parity/test_pictures.py",
        "a picture on its side that is copied",
        target="ferry-run",
    ),
    Mutant(
        "cpp/cli/predict.cpp",
        "contract.symbols.at(*symbol).max.value_or(1)",
        "contract.symbols.at(*symbol).min",
        "tests/parity/test_samples.py",
        "calls by the least size of a sample",
        target="ferry-run",
    ),
    _lines(
        "cli/json_input",
        "if (!value.is_array() || std::cmp_not_equal(value.size(), shape.front()))",
        "if (!value.is_array() || std::cmp_less(value.size(), shape.front()))",
        _REFUSED_LINE,
        "a list that is too long",
    ),
    _lines(
        "cli/json_input",
        "      if (!found.contains(part.spec.name))",
        "      if (!found.contains(part.spec.name) && found.empty())",
        "test_a_value_that_its_input_does_not_take_is_refused",
        "an input that a line leaves out",
    ),
    _lines(
        "cli/byte_stream",
        "file_ ? file_->read_some(chunk) : 0;",
        "file_ ? file_->read(chunk) : 0;",
        "test_each_line_of_a_pipe_is_answered_at_once",
        "a line that waits for the next ones",
    ),
    _sound(
        "wav_file",
        "if (size == found || (size % 2 == 1 && size + 1 == found)) return;",
        "if (size <= found) return;",
        _REFUSED_SOUND,
        "bytes behind the end that the header says",
    ),
    _sound(
        "wav_file",
        "  if (size > left)",
        "  if (size > left + 1)",
        _REFUSED_SOUND,
        "a chunk that the file does not hold",
    ),
    _sound(
        "wav_file", "  if (channels != 1) refuse_wav", "  if (channels > 2) refuse_wav", _REFUSED_SOUND, "two channels as one"
    ),
    _sound("wav_file", "  if (valid_bits != bits)", "  if (valid_bits > bits)", _REFUSED_SOUND, "12 bits in the place of 16"),
    _sound(
        "wav_input",
        "  if (wav.rate != rate_)",
        "  if (wav.rate < rate_)",
        _REFUSED_SOUND,
        "sound of another rate",
    ),
    _sound(
        "wav_input",
        "std::bit_cast<std::int32_t>(number) >> (32 - 8 * value.size());",
        "static_cast<std::int32_t>(number >> (32 - 8 * value.size()));",
        "test_both_programs_hear_a_folder_of_every_kind_as_it_was_written",
        "integers without their sign",
    ),
    _sound(
        "raw_input",
        "if (found % sample_bytes_ == 0 && (batched || found == sample_bytes_)) return;",
        "if (found != 0) return;",
        "test_raw_values_that_end_inside_a_sample_are_refused_with_the_numbers",
        "a part of a sample of raw values",
    ),
    _unit(
        "cli/csv_cell.cpp",
        'if (!yes && cell != "0" && !equal_ignoring_case(cell, "false"))',
        "if (!yes && cell.empty())",
        "*Csv*",
        "2 for a bool",
    ),
    _unit(
        "cli/csv_cell.cpp",
        "if (result.ec != std::errc() || value < limits.least || value > limits.most)",
        "if (result.ec != std::errc())",
        "*Csv*",
        "integers outside the dtype",
    ),
    _unit(
        "cli/csv_cell.cpp",
        "  if (digits == 0) return false;",
        "  if (text.empty()) return false;",
        "*Csv*",
        "a point without digits",
    ),
    _unit(
        "cli/csv_cell.cpp",
        "return !exponent.empty() && without_digits(exponent).empty();",
        "return !exponent.empty();",
        "*Csv*",
        "anything for an exponent",
    ),
    _unit(
        "cli/csv_cell.cpp",
        "std::clamp(power, -beyond, beyond) + point - first > 0",
        "std::clamp(power, -beyond, beyond) > 0",
        "*Csv*",
        "a long number below 1 is infinite",
    ),
    _unit(
        "cli/csv_input.cpp",
        "if (cells_.size() == columns_.cells) return;",
        "if (cells_.size() >= columns_.cells) return;",
        "*Csv*",
        "cells too many",
    ),
    _unit("cli/csv_lines.cpp", "if (control || !text::is_utf8(line))", "if (control)", "*Csv*", "bytes that are no text"),
    _unit(
        "cli/csv_header.cpp",
        "return std::ranges::all_of(others, is_word) &&",
        "return std::ranges::any_of(others, is_word) &&",
        "*Csv*",
        "a bad first row is taken for a header",
    ),
    _unit(
        "cli/byte_stream.cpp",
        "  if (size > limit) throw_too_long",
        "  if (size > 1000 * limit) throw_too_long",
        "*Byte*:*Csv*",
        "lines of any length",
    ),
    _unit(
        "cli/byte_stream.cpp",
        "peek(limit + 1).size() > limit)",
        "peek(limit + 1).size() > limit + 1)",
        "*Byte*:*Inputs*",
        "a pipe of too many bytes",
    ),
    _unit("cli/image_png.cpp", "!= big_endian(rest.substr(8 + length)))", "== 0)", "Images.*", "damaged chunks"),
    _unit(
        "cli/image_png.cpp",
        "|| big_endian(stream.substr(stream.size() - 4)) != adler32(rows))",
        ")",
        "Images.*",
        "rows that do not match their checksum",
    ),
    _unit(
        "cli/image_png.cpp",
        "static_cast<std::size_t>(got) != expected",
        "static_cast<std::size_t>(got) > expected",
        "Images.*",
        "fewer rows than the header says",
    ),
    _unit(
        "cli/image_png.cpp",
        "if (*std::ranges::max_element(indexes) >= count) rules.refuse",
        "if (count == 0) rules.refuse",
        "Images.*",
        "an index beyond the palette",
    ),
    _unit(
        "cli/image_layout.cpp",
        "(level * (2 * 255) + maximum) / (2 * maximum)",
        "(level * (2 * 255)) / (2 * maximum)",
        "Images.*",
        "levels of 16 bits are rounded down",
    ),
    _unit(
        "cli/image_pnm.cpp",
        "if (*std::ranges::max_element(picture.levels) > maximum)",
        "if (picture.levels.empty())",
        "Images.*",
        "levels above white",
    ),
    _unit(
        "cli/image_layout.cpp",
        "if (channels_ == 1) return {is_grey ? red : grey_of(red, green, blue)};",
        "if (channels_ == 1) return {red};",
        "Images.*",
        "red for grey",
    ),
    _unit(
        "cli/npy_input.cpp",
        "if (number != nullptr && *number != header.shape[i]) return false;",
        "if (number != nullptr && *number < header.shape[i]) return false;",
        "*Inputs*",
        "a smaller sample",
    ),
    _unit(
        "cli/npy_input.cpp",
        "if (header.dtype != spec.dtype ||",
        "if (size_of(header.dtype) != size_of(spec.dtype) ||",
        "*Inputs*",
        "int32 for float32",
    ),
    _unit(
        "cli/npy_input.cpp",
        "  if (!left || *left == expected) return;",
        "  if (!left || *left >= expected) return;",
        "*Inputs*",
        "bytes after the data are found after the run",
    ),
    _unit(
        "cli/npz_input.cpp",
        "if (std::ranges::find(expected, name) == expected.end())",
        "if (name.empty())",
        "*Inputs*",
        "an array that is no input",
    ),
    _unit(
        "cli/input.cpp",
        "if (samples.value_or(own) != own) throw_other_count();",
        "if (samples.value_or(own) < own) throw_other_count();",
        "*Inputs*",
        "inputs of different lengths",
    ),
    Mutant(
        "cpp/archive/digest.cpp",
        "bytes.data()), bytes.size());",
        "bytes.data()), bytes.size() - (bytes.empty() ? 0 : 1));",
        "Digest.*",
        "the last byte is not hashed",
        target="ferry_tests",
    ),
    _unit("archive/crc32.cpp", "  return ~crc;", "  return crc;", "*Crc32*", "another checksum"),
    _unit(
        "archive/stored_zip.cpp",
        "if (contents.contains(entry.name))",
        "if (contents.contains(entry.name) && at == 0)",
        "StoredZip.*",
        "one name twice",
    ),
    _unit(
        "archive/stored_zip.cpp",
        "    if (entry.offset != at)",
        "    if (entry.offset < at)",
        "StoredZip.*",
        "bytes between entries",
    ),
    _unit(
        "archive/stored_zip.cpp",
        "  if (at != body.size())",
        "  if (at > body.size())",
        "StoredZip.*",
        "bytes in front of the directory",
    ),
    _unit(
        "archive/stored_zip.cpp",
        "if (rules.check_crc && !is_deflated && crc32(content) != entry.crc)",
        "if (rules.check_crc && is_deflated && crc32(content) != entry.crc)",
        "StoredZip.*",
        "damaged bytes",
    ),
    _unit(
        "archive/stored_zip.cpp",
        "u16(header, 8) == entry.method &&",
        "u16(header, 8) <= 8 &&",
        "StoredZip.*",
        "two headers that differ in the method",
    ),
    _unit(
        "archive/stored_zip.cpp",
        "if (start > stop || size != stop - start)",
        "if (start > stop || size > stop - start)",
        "StoredZip.*",
        "bytes behind the directory",
    ),
    _unit(
        "archive/stored_zip.cpp",
        "if ((flags & encrypted) != 0) refuse_entry",
        "if ((flags & encrypted) != 0 && method != 0) refuse_entry",
        "StoredZip.*",
        "an encrypted entry",
    ),
    Mutant(
        "cpp/engines/onnx_door.cpp",
        "return field.number == 13 || (field.number == 14 &&",
        "return (field.number == 14 &&",
        "OnnxDoor.*",
        "tensors that name a file",
        target="ferry_tests",
    ),
    Mutant(
        "cpp/engines/onnx_door.cpp",
        "return kind != Kind::function && (domain.empty()",
        "return (domain.empty()",
        "OnnxDoor.*",
        "a function that takes the name of an operator",
        target="ferry_tests",
    ),
    Mutant(
        "cpp/engines/onnx_door.cpp",
        'bytes.substr(4, 4) == "ORTM"',
        'bytes.substr(0, 4) == "ORTM"',
        "OnnxDoor.*",
        "ONNX Runtime's own format",
        target="ferry_tests",
    ),
    Mutant(
        "cpp/engines/onnx_door.cpp",
        "if (depth > max_depth) stop",
        "if (depth > 1000 * max_depth) stop",
        "OnnxDoor.*",
        "nesting that exhausts the stack",
        target="ferry_tests",
    ),
    Mutant(
        "cpp/engines/onnx_door.cpp",
        "if (known == known_fields.end() || !fits(known->kind, field.wire))",
        "if (known == known_fields.end())",
        "OnnxDoor.*",
        "a message in the place of a number",
        target="ferry_tests",
    ),
    Mutant(
        "cpp/engines/onnx_door.cpp",
        "size > message.size() - at ||",
        "at > message.size() ||",
        "OnnxDoor.*",
        "a field longer than its message",
        target="ferry_tests",
    ),
    Mutant(
        "cpp/engines/pte_door.cpp",
        "constant_bytes(table, constant, place.present) >= needed",
        "constant_bytes(table, constant, place.present) >= 0",
        "tests/hostile/test_pte_door.py",
        "a constant that leaves its data",
        target="ferry-door",
    ),
)
