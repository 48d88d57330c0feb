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
)
