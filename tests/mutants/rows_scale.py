"""Mutants of score/ and serve/: rows lost or doubled, answers of machines that failed, requests that are understood as others."""

from __future__ import annotations

from mutants.mutant import Mutant

_SCORE = "python/torchferry/score"
_SERVE = "python/torchferry/serve"
_TESTS = "tests/python/score/test_score.py::"
_BAD = "tests/python/score/test_bad_inputs.py"
_RANGES = "tests/python/samples/test_row_ranges.py"
_REQUEST = "tests/python/serve/test_request.py"
_JOINING = "tests/python/serve/test_joining.py"
_REPOSITORY = "tests/python/serve/test_repository.py"

ROWS = (
    Mutant(
        "python/torchferry/local_ray.py",
        'if "Z" in',
        'if "X" in',
        "tests/python/serve/test_local_ray.py",
        "a start of Ray that never ends",
    ),
    Mutant(
        f"{_SCORE}/rows.py",
        "if isinstance(error, OpenRowError):",
        "if isinstance(error, IndexError):",
        f"{_BAD}::test_a_row_over_several_lines_ends_the_run_and_no_piece_of_it_is_answered",
        "the end of a row over several lines is answered as a row",
    ),
    Mutant(
        f"{_SCORE}/survey.py",
        'if any("\\ud800" <= letter <= "\\udfff" for letter in path):',
        "if not path:",
        f"{_BAD}::test_a_name_that_is_not_utf_8_is_one_line_and_nothing_is_begun",
        "a name that the plan cannot hold",
    ),
    Mutant(
        f"{_SCORE}/on_ray.py",
        "return Fault.model_validate_json(text).of_one_among_many()",
        "return Fault.model_validate_json(text)",
        "tests/python/score/test_full_disk.py::test_a_full_disk_at_one_worker_of_two_is_one_line_that_names_it_and_costs_no_row",
        "a full disk of a machine that nobody can name",
    ),
    Mutant(
        f"{_SCORE}/folder.py",
        "self._place.digest(self.file_of(part.index)) == receipt.sha256",
        "True",
        f"{_TESTS}test_a_part_that_was_changed_since_is_answered_again",
        "a part that was cut since counts as whole",
    ),
    Mutant(
        f"{_SCORE}/plan.py",
        "if old.manifest_sha256 != new.manifest_sha256:",
        "if old.name != new.name:",
        f"{_TESTS}test_a_run_goes_on_only_with_what_it_began_with",
        "half of the answers from one bundle, half from another",
    ),
    Mutant(
        f"{_SCORE}/plan.py",
        "if (before.bytes, before.sha256) != (now.bytes, now.sha256):",
        "if before.bytes != now.bytes:",
        f"{_TESTS}test_a_run_goes_on_only_with_what_it_began_with",
        "other rows in a file of the same size",
    ),
    Mutant(
        f"{_SCORE}/rows.py",
        "Skipped(self._part.first + start - self._part.start, str(error))",
        "Skipped(self._part.first + start, str(error))",
        f"{_TESTS}test_bad_rows_fail_or_are_left_out_of_their_call_alone",
        "a skipped row of a later part under another number",
    ),
    Mutant(
        f"{_SCORE}/worker.py",
        'if job.allow == "bits" and session.numerics != job.numerics:',
        'if job.allow == "bound" and session.numerics != job.numerics:',
        f"{_TESTS}test_a_worker_with_other_kernels_answers_only_where_bounds_are_enough",
        "a machine with other kernels among those that promise bits",
    ),
    Mutant(
        "python/torchferry/proof/proven.py",
        "    require_passed(bundle, verify(bundle, session))",
        "    verify(bundle, session)",
        f"{_TESTS}test_a_machine_that_fails_the_goldens_answers_nothing",
        "a machine that failed the goldens answers",
    ),
    Mutant(
        "python/torchferry/samples/csv.py",
        "self._lines.pass_over(None if count is None else count - begun)",
        "self._lines.pass_over(count)",
        _RANGES,
        "the lines that were read ahead are passed over twice",
    ),
    Mutant(
        "python/torchferry/samples/npy_rows.py",
        "stream.seek(rows.start * header.row_bytes, os.SEEK_CUR)",
        "stream.seek(rows.start * header.row_bytes)",
        _RANGES,
        "rows counted from the header on",
    ),
    Mutant(
        f"{_SERVE}/request.py",
        "    if len(binary):",
        "    if len(binary) > 1:",
        _REQUEST,
        "a byte behind the last tensor",
    ),
    Mutant(
        f"{_SERVE}/request.py",
        "size != wanted or wanted > len(binary)",
        "size != wanted",
        _REQUEST,
        "a tensor that is cut short",
    ),
    Mutant(
        f"{_SERVE}/catalogue.py",
        "model.active, model.before = served.version, model.active or None",
        "model.active, model.before = served.version, None",
        _REQUEST,
        "no way back to the version before",
    ),
    Mutant(
        "python/torchferry/proof/joined.py",
        "if row is not None and row.sample_by_sample:",
        "if row is not None:",
        _JOINING,
        "an engine whose bits depend on the batch joins calls and promises bits",
    ),
    Mutant(
        "python/torchferry/proof/joined.py",
        "    for index in range(count):",
        "    for index in range(0):",
        _JOINING,
        "a replica that computes otherwise beside others starts",
    ),
    Mutant(
        f"{_SERVE}/joining.py",
        "array[end - size : end]",
        "array[:size]",
        _JOINING,
        "a caller gets the answers of the first",
    ),
    Mutant(
        f"{_SERVE}/joining.py",
        "return self.rows if limit is None else min(self.rows, limit)",
        "return self.rows",
        _JOINING,
        "calls larger than the contract's largest batch",
    ),
    Mutant(
        "python/torchferry/proof/fastest.py",
        "    require_passed(bundle, verify(bundle, session))",
        "    verify(bundle, session)",
        "tests/python/proof/test_fastest.py",
        "the fastest engine answers, although it fails the goldens",
    ),
    Mutant(
        f"{_SERVE}/trace.py",
        "and int(parent_id, 16) != 0",
        "",
        "tests/python/serve/test_trace_and_log.py",
        "a trace whose caller has no id",
    ),
    Mutant(
        f"{_SERVE}/repository.py",
        "for dim in spec.shape][int(is_batched) :]",
        "for dim in spec.shape]",
        _REPOSITORY,
        "Triton adds a batch to sizes that have one",
    ),
    Mutant(
        f"{_SERVE}/repository.py",
        'f"{spec.name}__{index}" if backend.numbers_tensors else spec.name',
        "spec.name",
        _REPOSITORY,
        "names that LibTorch's backend does not know",
    ),
    Mutant(
        f"{_SCORE}/survey.py",
        'if error.code != ExitCode.BAD_INPUT or bad_rows == "fail":',
        "if error.code != ExitCode.BAD_INPUT:",
        _BAD,
        "a run that was to stop at a bad file goes on without it",
    ),
    Mutant(
        "python/torchferry/samples/reader.py",
        "(self.first + before + error.index[0], *error.index[1:])",
        "(before + error.index[0], *error.index[1:])",
        _BAD,
        "a bad value of a later part under another row",
    ),
    Mutant(
        "python/torchferry/samples/arrow.py",
        "piece = whole if left is None else whole.slice(0, left)",
        "piece = whole",
        _BAD,
        "good rows of a table are skipped with a bad neighbour",
    ),
    Mutant(
        "python/torchferry/samples/npy_rows.py",
        "        if rows.stop > count:",
        "        if rows.stop > count + 1:",
        _BAD,
        "a file without rows is taken for one with a row",
    ),
    Mutant(
        f"{_SCORE}/staging.py",
        "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        "tests/python/score/test_staging.py",
        "a worker removes the folder of another at work",
    ),
    Mutant(
        f"{_SCORE}/staging.py",
        "    _sweep(Path(tempfile.gettempdir()))",
        "    pass",
        "tests/python/score/test_staging.py",
        "what killed workers left fills their machine's disk",
    ),
    Mutant(
        f"{_SERVE}/front.py",
        "if len(body) > self._limits.body_bytes:",
        "if len(body) > 2 * self._limits.body_bytes:",
        "tests/python/serve/test_front.py",
        "gRPC takes requests of any size",
    ),
    Mutant(
        f"{_SERVE}/cluster.py",
        ">= self._limits.calls:",
        ">= 2 * self._limits.calls:",
        "tests/python/serve/test_front.py",
        "more wait than may",
    ),
    Mutant(
        f"{_SERVE}/cluster.py",
        "self._calls[served.application] -= 1",
        "pass",
        "tests/python/serve/test_front.py",
        "a server that has answered enough refuses all",
    ),
    Mutant(
        f"{_SERVE}/replica.py",
        "ThreadPoolExecutor(max_workers=1)",
        "ThreadPoolExecutor(max_workers=4)",
        _JOINING,
        "calls of one session run side by side",
    ),
)
