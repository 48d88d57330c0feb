"""Mutants of what `predict` says of a wrong element, of files that go on behind their end, and of pictures with their label."""

from __future__ import annotations

from mutants.mutant import Mutant, of_ferry_run

_SAMPLES = "python/torchferry/samples"
_PLACES = "tests/parity/test_element_places.py"
_SAME_WORDS = "tests/hostile/test_same_words.py"
_PICTURES = "tests/parity/test_pictures.py"
_ANNOTATED = "tests/python/samples/test_annotated_sink.py"
_LINES = "tests/python/samples/test_lines.py"
_PLAIN = "tests/python/samples/test_plain_rows.py"
_API = "tests/python/exporter/test_api.py"


ROWS = (
    Mutant(
        f"{_SAMPLES}/reader.py",
        "(self.first + before + error.index[0], *error.index[1:]) if self.batched",
        "error.index if self.batched",
        _PLACES,
        "the row inside a call and not of the file",
    ),
    Mutant(
        f"{_SAMPLES}/reader.py",
        "self.files[before + error.index[0]]",
        "self.files[error.index[0]]",
        _PLACES,
        "the fault of a sound in another one's name",
    ),
    Mutant(
        f"{_SAMPLES}/cells.py",
        "max(min(last, high), low)",
        "high",
        _PLACES,
        "a cell above the contract's range",
    ),
    Mutant(
        f"{_SAMPLES}/csv.py",
        "return kept and all(_are_within(",
        "return kept or all(_are_within(",
        _PLACES,
        "plain rows outside of the contract's range",
    ),
    of_ferry_run(
        "cli/input.cpp", "index.front() += before_;", "index.front() += 0;", _PLACES, "the row inside a call and not of the file"
    ),
    of_ferry_run("cli/csv_cell.cpp", "value < limits.least ||", "false ||", _PLACES, "a cell below the contract's range"),
    of_ferry_run(
        "cli/json_input.cpp", "std::cmp_less_equal(number, most)", "true", _PLACES, "a number above the contract's range"
    ),
    Mutant(
        f"{_SAMPLES}/csv.py",
        "if len(line.text) >= most and count_cells(line.text) > most:",
        "if False and count_cells(line.text) > most:",
        f"{_SAME_WORDS}::test_both_programs_say_the_same",
        "millions of cells are judged one by one",
    ),
    Mutant(f"{_SAMPLES}/png.py", "if position != len(data):", "if position > len(data):", _PICTURES, "a second PNG is dropped"),
    of_ferry_run("cli/image_png.cpp", "if (!rest.empty()) rules", "if (false) rules", _PICTURES, "a second PNG is dropped"),
    Mutant(
        f"{_SAMPLES}/pnm.py",
        "([0-9]{1,9})(?![0-9])",
        "([0-9]{1,9})",
        _PICTURES,
        "a header that is cut short matches as another one",
    ),
    Mutant(
        f"{_SAMPLES}/sink.py",
        "total is None and is_stream(output)",
        "total is None and False",
        "tests/parity/test_outputs.py::test_an_array_of_unknown_length_goes_through_a_pipe",
        "an array into a pipe has the row count of its beginning",
    ),
    Mutant(
        f"{_SAMPLES}/target.py",
        "if error.errno == errno.ENAMETOOLONG:",
        "if error.errno == errno.ENOTDIR:",
        f"{_SAME_WORDS}::test_both_programs_say_the_same",
        "a name that is too long is found out when all is computed",
    ),
    of_ferry_run(
        "src/isolation/cell_process.cpp",
        "if (ignores(signal)) ::sigdelset(&all, signal);",
        "if (ignores(signal)) ::sigaddset(&all, signal);",
        "tests/parity/test_lines.py::test_a_signal_of_the_terminal_that_is_ignored_ends_no_isolated_model",
        "Ctrl-C ends the isolated model of a program that ignores it",
    ),
    Mutant(
        "python/torchferry/programs.py",
        "signal.signal(signal.SIGINT, _interrupt)",
        "signal.getsignal(signal.SIGINT)",
        "tests/python/cli/test_interrupt.py",
        "Ctrl-C while modules are imported is a traceback",
    ),
    Mutant(
        "python/torchferry/intake/golden_cases.py",
        "(values < low) | (values > high)",
        "values < low",
        _API,
        "a promised range that the module leaves",
    ),
    Mutant(
        "python/torchferry/intake/outputs.py",
        "return tuple(specs[item.name] for item in found)",
        "return tuple(found)",
        _API,
        "what is promised of an output is dropped",
    ),
    Mutant(
        f"{_SAMPLES}/annotated_sink.py",
        "index = int(labels[0])",
        "index = 0",
        _ANNOTATED,
        "another label than the model's",
    ),
    Mutant(
        f"{_SAMPLES}/annotated_sink.py",
        "self._pictures.popleft()",
        "self._pictures.pop()",
        _ANNOTATED,
        "the label on another picture",
    ),
    Mutant(
        f"{_SAMPLES}/annotated_sink.py",
        "picture.orientation), picture.maximum)",
        "1), picture.maximum)",
        _ANNOTATED,
        "a picture on its side",
    ),
    Mutant(
        f"{_SAMPLES}/annotated_sink.py",
        "any(is_mask(contract, name) for name in names)",
        "False",
        _ANNOTATED,
        "a picture where a mask was asked for",
    ),
    Mutant(
        f"{_SAMPLES}/arrow_rows.py",
        "ends - np.arange(len(ends))",
        "ends",
        _PLAIN,
        "cells cut at other places (where pyarrow is installed)",
    ),
    Mutant(
        f"{_SAMPLES}/arrow_rows.py",
        " & (np.rint(numbers) != numbers)",
        "",
        "tests/python/samples/test_text.py",
        "whole numbers of a long table without `.0`",
    ),
    Mutant(
        f"{_SAMPLES}/sink.py",
        "use_arrow=self.count > MANY_LINES",
        "use_arrow=False",
        "tests/python/samples/test_sink.py",
        "long tables written number by number",
    ),
    Mutant(
        f"{_SAMPLES}/lines.py",
        "self._next + lines, self",
        "self._next, self",
        _LINES,
        "lines that are taken at once and read again",
    ),
    Mutant(
        f"{_SAMPLES}/lines.py",
        "len(self._held) - self._at <= MAX_CSV_LINE_BYTES and ",
        "",
        _LINES,
        "a line without end that is held whole",
    ),
    Mutant(
        f"{_SAMPLES}/gathered_sink.py",
        "_sizes(batch) != _sizes(self._held[0])",
        "False",
        "tests/python/samples/test_gathered_sink.py",
        "answers of other sizes joined",
    ),
)
