"""Mutants of streams among the goldens, of samples that are alike, and of formats that answer wrongly."""

from __future__ import annotations

from mutants.mutant import Mutant, of_ferry_run

_STREAM = "tests/parity/test_stream_goldens.py"
_ALIKE = "tests/python/bounds/test_alike.py"
_REFUSED = "tests/python/exporter/test_refused.py"
_PACKAGE = "python/torchferry"
_SHORT = f"{_STREAM}::test_a_golden_of_fewer_rows_is_a_broken_bundle_and_no_mismatch"
_READERS = f"{_STREAM}::test_both_readers_refuse_steps_that_are_no_stream"

ROWS = (
    Mutant(
        f"{_PACKAGE}/bundle/steps.py",
        "            self._carried.keep(outputs)",
        "            self._carried.reset()",
        _STREAM,
        "every step begins with zeros",
    ),
    Mutant(
        f"{_PACKAGE}/bundle/manifest.py",
        "        if len(steps) in (1, len(cases)):",
        "        if len(steps) == len(cases):",
        _READERS,
        "one step is a stream",
    ),
    Mutant(
        f"{_PACKAGE}/bundle/golden.py",
        "        check_goldens(contract, check_inputs(contract, inputs), float32, float64)",
        "        check_inputs(contract, inputs)",
        _SHORT,
        "golden outputs of any shape",
    ),
    Mutant(
        f"{_PACKAGE}/intake/stream.py",
        "        return array[(np.arange(streams) + step) % count] if spec.is_batched and count else array",
        "        return array[np.arange(streams) % count] if spec.is_batched and count else array",
        _STREAM,
        "every step is given the same",
    ),
    Mutant(
        f"{_PACKAGE}/exporter/streamed.py",
        "    if widest.value <= given.value:",
        "    if widest.value <= given.value * steps:",
        f"{_STREAM}::test_a_bound_that_grows_with_the_steps_says_so",
        "the bound of one call for eight",
    ),
    Mutant(
        f"{_PACKAGE}/exporter/streamed.py",
        "    if widest.value > steps * given.value:",
        "    if widest.value > 1e9 * given.value:",
        f"{_STREAM}::test_errors_that_grow_faster_than_the_steps_shorten_the_stream",
        "a bound that chaos makes as wide as it likes",
    ),
    Mutant(
        f"{_PACKAGE}/bounds/quantized.py",
        "        if case.is_step:",
        "        if case.is_step and not found:",
        "tests/python/bounds/test_quantized.py::test_errors_that_add_up_over_the_steps_of_a_stream_are_in_the_bound",
        "int8 is measured in the first step only",
    ),
    Mutant(
        f"{_PACKAGE}/bounds/alike.py",
        "        if not any(_alike(test, index, known, int(other), tolerances) for other in order[start:end])",
        "        if not any(order[start:end])",
        _ALIKE,
        "samples of one sum are one",
    ),
    Mutant(
        f"{_PACKAGE}/bounds/alike.py",
        "SAME = 2.0**-14",
        "SAME = 2.0**-40",
        _ALIKE,
        "rounding makes other samples",
    ),
    Mutant(
        f"{_PACKAGE}/exporter/refused.py",
        "        if error.code != ExitCode.MISMATCH or row is None:",
        "        if error.code == ExitCode.MISMATCH or row is None:",
        _REFUSED,
        "one wrong format ends an export of all",
    ),
    Mutant(
        f"{_PACKAGE}/formats/registry.py",
        "    if not names:",
        "    if names is None:",
        f"{_REFUSED}::test_no_format_at_all_is_refused",
        "an export to no format",
    ),
    of_ferry_run(
        "src/verify.cpp",
        "    if (!stream) stream.emplace(",
        "    stream.emplace(",
        _STREAM,
        "every step begins a stream of its own",
    ),
    of_ferry_run(
        "src/manifest_rules.cpp",
        "    if (first == 0 || first + 1 == cases.size())",
        "    if (first == 0)",
        _READERS,
        "one step is a stream",
    ),
    of_ferry_run(
        "src/golden_tensors.cpp",
        "    check_outputs(widened(contract), found.float64, symbols);",
        "",
        _SHORT,
        "float64 goldens of any shape",
    ),
    of_ferry_run(
        "src/runner.cpp",
        "  run_in_order();",
        "",
        f"{_STREAM}::test_of_two_cases_at_fault_both_programs_name_the_first_of_the_manifest",
        "the smallest case at fault is named",
    ),
)
