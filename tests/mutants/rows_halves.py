"""Mutants of guards and preconditions: the second half of one is dropped, its edge is moved, or a rounding is left out."""

from __future__ import annotations

from mutants.mutant import Mutant

_TORCHFERRY = "python/torchferry"
_BOUNDS = f"{_TORCHFERRY}/bounds"
_RULES = f"{_BOUNDS}/rules"
_FLEET = f"{_TORCHFERRY}/fleet"
_OPTIONS = "tests/python/bounds/test_function_options.py"
_SUMMARY = "tests/python/fleet/test_summary.py"
_CHECK = "tests/python/attest/test_check.py"
_STATE = "tests/python/intake/test_state.py"

ROWS = (
    Mutant(
        f"{_RULES}/activations.py",
        "    if beta != 1 or threshold != 20:",
        "    if beta != 1:",
        _OPTIONS,
        "a softplus with another threshold is certified by the wrong function",
    ),
    Mutant(
        f"{_RULES}/activations.py",
        "    if alpha != 1 or scale != 1 or input_scale != 1:",
        "    if alpha != 1 or scale != 1:",
        _OPTIONS,
        "an elu of a scaled input is certified by the wrong function",
    ),
    Mutant(
        f"{_RULES}/activations.py",
        "np.where(x.real - x.error > 0, x.error",
        "np.where(x.real > 0, x.error",
        _OPTIONS,
        "an error never carries a number across the corner of leaky relu",
    ),
    Mutant(
        f"{_RULES}/activations.py",
        "for end in (low, high, 0.0) if",
        "for end in (low, 0.0) if",
        _OPTIONS,
        "the upper end of clamp is exact in float32",
    ),
    Mutant(
        f"{_RULES}/gates.py",
        "    unsure = ~(np.abs(size - lambd) > x.error + edge.error)",
        "    unsure = ~(np.abs(size - lambd) > x.error)",
        _OPTIONS,
        "the edge of hardshrink is exact in float32",
    ),
    Mutant(
        f"{_RULES}/powers.py",
        '        relative = FUNCTIONS["pow"].relative * UNIT + gamma(int(number))',
        '        relative = FUNCTIONS["pow"].relative * UNIT',
        _OPTIONS,
        "no engine computes a whole power by products",
    ),
    Mutant(
        f"{_FLEET}/level.py",
        "            return verdict.mismatches == 0 and verdict.within_margin == 0",
        "            return verdict.mismatches == 0",
        _SUMMARY,
        "another label of a near tie has the golden's bits",
    ),
    Mutant(
        f"{_FLEET}/summary.py",
        "2 * count > len(by_label)",
        "2 * count >= len(by_label)",
        _SUMMARY,
        "half of the machines is a majority",
    ),
    Mutant(
        f"{_TORCHFERRY}/proof/regroup.py",
        "half < contract.symbols[BATCH].min",
        "half <= contract.symbols[BATCH].min",
        "tests/python/proof/test_regroup.py",
        "the smallest batch that is allowed is never asked for",
    ),
    Mutant(
        f"{_TORCHFERRY}/bundle/trust.py",
        "not trust.paths and not any(policy.paths for policy in _policy):",
        "not trust.paths:",
        "tests/python/bundle/test_trust.py",
        "FERRY_TRUST refuses what the keys of a policy let in",
    ),
    Mutant(
        f"{_TORCHFERRY}/attest/check.py",
        "    if age < -_CLOCKS_DIFFER or",
        "    if age < datetime.timedelta(0) or",
        _CHECK,
        "clocks never differ",
    ),
    Mutant(
        f"{_TORCHFERRY}/attest/check.py",
        "age > max_age)",
        "age >= max_age)",
        _CHECK,
        "an attestation of just the age that is allowed is too old",
    ),
    Mutant(
        f"{_TORCHFERRY}/intake/state.py",
        "    if not leaves_an_input(contract, pairs):",
        "    if pairs and not leaves_an_input(contract, []):",
        _STATE,
        "an export whose stream is given nothing ends in a raw error of pydantic",
    ),
    Mutant(
        f"{_TORCHFERRY}/bundle/contract.py",
        "    return bool({spec.name for spec in contract.inputs} - set(carried))",
        "    return len(set(carried)) <= len(contract.inputs)",
        _STATE,
        "a stream that is given nothing is a contract",
    ),
    Mutant(
        f"{_TORCHFERRY}/bundle/state.py",
        "        if len(self._sources) < len(pairs) or not leaves_an_input(contract, self._sources):",
        "        if len(self._sources) < len(pairs):",
        _STATE,
        "a stream without an input begins",
    ),
    Mutant(
        f"{_TORCHFERRY}/proof/fastest.py",
        "if us <= _ALIKE * least)",
        "if us <= least)",
        "tests/python/proof/test_fastest.py",
        "of two engines that are alike chance decides",
    ),
    Mutant(
        f"{_TORCHFERRY}/proof/fastest.py",
        '    if limits is None or bundle.contract.samples == "batch":',
        "    if limits is None:",
        "tests/python/proof/test_fastest.py",
        "one sample alone is timed where samples depend on each other",
    ),
    Mutant(
        f"{_TORCHFERRY}/proof/joined.py",
        "for spec in (*contract.inputs, *contract.outputs) if",
        "for spec in contract.inputs if",
        "tests/python/proof/test_joined.py",
        "an output that is one for a whole call is cut",
    ),
    Mutant(
        f"{_TORCHFERRY}/attest/envelope.py",
        "return len(signature) == SIGNATURE_BYTES and verifies",
        "return verifies",
        "tests/python/attest/test_envelope.py",
        "bytes of a message are moved into its signature",
    ),
    Mutant(
        f"{_TORCHFERRY}/attest/statement.py",
        "not same or subject.get(MANIFEST_NAME) != report.manifest_sha256 or",
        "not same or",
        "tests/python/attest/test_statement.py",
        "a report about another manifest than the subject",
    ),
    Mutant(
        f"{_TORCHFERRY}/attest/statement.py",
        "    if did_run(engine.status) and not engine.verdicts:",
        "    if not engine.verdicts:",
        "tests/python/attest/test_statement.py",
        "an engine that could not run is a failed test",
    ),
    Mutant(
        f"{_TORCHFERRY}/attest/report.py",
        "self.mismatches > 0 or self.problem is not None)",
        "self.mismatches > 0)",
        "tests/python/attest/test_report.py",
        "an output with a problem passed",
    ),
    Mutant(
        f"{_TORCHFERRY}/attest/report.py",
        " or (self.verdicts and not did_run(self.status)):",
        ":",
        "tests/python/attest/test_report.py",
        "an engine that could not run has failed verdicts",
    ),
    Mutant(
        f"{_TORCHFERRY}/attest/report.py",
        "(any(map(did_run, statuses)) and not",
        "(not",
        "tests/python/attest/test_report.py",
        "a report of nothing passed",
    ),
    Mutant(
        f"{_TORCHFERRY}/attest/check.py",
        "    return set(found) == whole",
        "    return set(found) >= whole",
        "tests/python/attest/test_check.py",
        "verdicts of a golden that the bundle never had",
    ),
    Mutant(
        f"{_TORCHFERRY}/serve/request.py",
        "not 0 <= json_bytes <= len(body)",
        "not json_bytes <= len(body)",
        "tests/python/serve/test_request.py",
        "the JSON of a request ends before it begins",
    ),
    Mutant(
        f"{_TORCHFERRY}/serve/request.py",
        "    if given.data is not None or not isinstance(size, int)",
        "    if not isinstance(size, int)",
        "tests/python/serve/test_request.py",
        "a tensor stands in two places",
    ),
    Mutant(
        f"{_TORCHFERRY}/serve/request.py",
        "or not isinstance(size, int) or",
        "or",
        "tests/python/serve/test_request.py",
        "the size of a tensor is a float",
    ),
    Mutant(
        f"{_TORCHFERRY}/serve/request.py",
        "    if isinstance(timeout, bool) or not",
        "    if not",
        "tests/python/serve/test_request.py",
        "a deadline of true is one of a microsecond",
    ),
    Mutant(
        f"{_TORCHFERRY}/serve/repository.py",
        "classes is None or not spec.is_float or",
        "classes is None or",
        "tests/python/serve/test_repository_config.py",
        "integers of the shape of scores have class names",
    ),
    Mutant(
        f"{_TORCHFERRY}/serve/repository.py",
        "    most = min(join, limit) if limit is not None else join",
        "    most = join",
        "tests/python/serve/test_repository_config.py",
        "Triton joins more samples than the contract allows",
    ),
    Mutant(
        f"{_TORCHFERRY}/intake/index_ranges.py",
        "in _SAME_VALUES and not _is_float(node):",
        "in _SAME_VALUES:",
        "tests/python/intake/test_index_ranges.py",
        "indices that float32 rounded are those of the input",
    ),
)
