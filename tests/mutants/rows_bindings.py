"""Mutants of cpp/bindings and torchferry.native: misuse that a language lets pass, files that are read otherwise than by ferry-run."""

from __future__ import annotations

from mutants.mutant import Mutant


def _misuse(file: str, old: str, new: str, test: str, why: str) -> Mutant:
    return Mutant(file, old, new, f"tests/bindings/test_misuse.py::{test}", why)


_REFUSED = "test_misuse_has_its_code_and_one_line"
_FOREIGN = "test_what_c_would_take_for_something_else_is_refused"
_ANSWER = "test_buffers_of_the_caller_and_a_batcher_get_the_answer"
_UNWRITABLE = "test_memory_that_cannot_be_written_is_refused"

ROWS = (
    _misuse(
        "python/torchferry/native/tensors.py",
        "if not (array.flags.c_contiguous and array.flags.writeable and array.dtype.isnative):",
        "if not (array.flags.c_contiguous and array.dtype.isnative):",
        f"{_UNWRITABLE}[python-read-only]",
        "a read-only array that is written",
    ),
    _misuse(
        "python/torchferry/native/handle.py",
        "            if not self._closed:",
        "            if self._pointer:",
        f"{_REFUSED}[python-closed-batcher]",
        "a batcher that was closed",
    ),
    _misuse(
        "python/torchferry/native/handle.py",
        "unused = self._closed and self._users == 0",
        "unused = self._closed",
        f"{_REFUSED}[python-closing]",
        "a session that is freed while threads run it",
    ),
    _misuse(
        "cpp/bindings/java/io/torchferry/Handle.java",
        "      return running == 0;",
        "      return true;",
        f"{_REFUSED}[java-closing]",
        "a session that is freed while threads run it",
    ),
    _misuse(
        "cpp/bindings/go/held.go",
        "unused := !h.closed && h.running == 0",
        "unused := !h.closed",
        f"{_REFUSED}[go-closing]",
        "a session that is freed while goroutines run it",
    ),
    _misuse(
        "python/torchferry/native/arguments.py",
        "if not least <= found < 1 << bits:",
        "if not least <= found < 1 << 64:",
        f"{_FOREIGN}[python-wide-threads]",
        "a number that wraps",
    ),
    _misuse(
        "cpp/bindings/node/index.js",
        "if (!dims.every(Number.isSafeInteger))",
        "if (!dims.every(Number.isFinite))",
        f"{_FOREIGN}[node-broken-shape]",
        "a dim that loses its fraction",
    ),
    _misuse(
        "cpp/bindings/go/check.go",
        "if strings.IndexByte(text, 0) >= 0 {",
        "if strings.IndexByte(text, 0) == 0 {",
        f"{_FOREIGN}[go-cut-engine]",
        "a text that C reads a part of",
    ),
    _misuse(
        "cpp/bindings/java/io/torchferry/Tensor.java",
        "if (data.isReadOnly() || !data.isDirect())",
        "if (!data.isDirect())",
        f"{_UNWRITABLE}[java-read-only]",
        "a read-only buffer that is written",
    ),
    _misuse(
        "cpp/bindings/node/batcher.c",
        "if (one->code == FERRY_OK)",
        "if (one->code != FERRY_INTERNAL)",
        f"{_REFUSED}[node-cancelled]",
        "a promise that a failed call keeps",
    ),
    _misuse(
        "cpp/bindings/go/batcher.go",
        "microseconds = C.int64_t(limit.Microseconds())",
        "microseconds = C.int64_t(-limit.Microseconds())",
        f"{_REFUSED}[go-late]",
        "a limit that is no limit",
    ),
    _misuse(
        "cpp/bindings/rust/src/batcher.rs",
        "limit.map_or(-1, microseconds)",
        "limit.map_or(-1, |_| -1)",
        f"{_REFUSED}[rust-late]",
        "a limit that is not handed on",
    ),
    _misuse(
        "cpp/bindings/rust/src/session.rs",
        "data: output.bytes.as_mut_ptr().cast(),",
        "data: output.bytes.to_vec().leak().as_mut_ptr().cast(),",
        f"{_ANSWER}[rust-into]",
        "an answer that goes elsewhere",
    ),
    Mutant(
        "cpp/src/pending_call.cpp",
        "  call.stage = State::Stage::taken;",
        "",
        "Batcher.*",
        "an answer that is taken twice",
        target="ferry_tests",
    ),
    Mutant(
        "cpp/src/batcher.cpp",
        "    if (begun_) return;",
        "    if (!begun_) return;",
        "Batcher.*",
        "calls that wait for work which the host threw away",
        target="ferry_tests",
    ),
    Mutant(
        "cpp/cli/sample_library.cpp",
        "if (std::ranges::any_of(reader->contract.inputs, is_empty)) return;",
        "",
        "tests/parity/test_samples_in_c.py::test_an_array_whose_last_part_is_full_ends_too",
        "an end that is a call of no samples",
        target="ferry_samples",
    ),
    Mutant(
        "cpp/cli/sample_library.map",
        "local:",
        "",
        "tests/parity/test_samples_in_c.py::test_its_symbols_stay_inside",
        "a second libferry that a program can see",
        target="ferry_samples",
    ),
    Mutant(
        "cpp/src/engine_library.cpp",
        "  check_owners(what, path);",
        "",
        "tests/parity/test_samples_in_c.py::test_a_library_that_another_may_write_is_refused",
        "libferry_samples.so of another user",
        target="ferry",
    ),
)
