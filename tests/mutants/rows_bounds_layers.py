"""Mutants of the rules of layers and of what is certified with a probability: a term that is dropped."""

from __future__ import annotations

from mutants.mutant import Mutant

_BOUNDS = "python/torchferry/bounds"
_RULE_FILES = f"{_BOUNDS}/rules"
_LAYERS = "tests/python/bounds/test_layer_rules.py"
_CERTIFIED = "tests/python/bounds/test_certified.py"
_ADJOINT = "tests/python/bounds/test_adjoint.py"

ROWS = (
    Mutant(
        f"{_RULE_FILES}/activations.py",
        '_smooth("gelu", F.gelu, 1.13, 0.8)',
        '_smooth("gelu", F.gelu, 1.0, 0.8)',
        _CERTIFIED,
        "gelu is steeper than that",
    ),
    Mutant(
        f"{_RULE_FILES}/activations.py",
        '_smooth("silu", F.silu, 1.1, 0.51)',
        '_smooth("silu", F.silu, 1.1, 0.0)',
        _CERTIFIED,
        "the slope of silu changes within an error",
    ),
    Mutant(
        f"{_RULE_FILES}/normalized.py",
        "np.asarray(np.maximum(np.maximum(by_squares, in_two_passes), by_updates))",
        "np.asarray(np.maximum(in_two_passes, by_updates))",
        _LAYERS,
        "no engine takes the mean of squares for a variance",
    ),
    Mutant(
        f"{_RULE_FILES}/normalized.py",
        "rounding = (gamma(4) * (size + rows.mean + off) + off) / s * (1 + relative)",
        "rounding = gamma(2) * centre / s * (1 + relative)",
        _LAYERS,
        "the mean that is taken away is exact",
    ),
    Mutant(
        f"{_RULE_FILES}/normalized.py",
        "carried = (moved + np.abs(value) * drift) / least",
        "carried = moved / least",
        _LAYERS,
        "the deviation of a norm carries no error",
    ),
    Mutant(
        f"{_RULE_FILES}/attention.py",
        "    return Bounded(made.value, made.error + gamma(4) * abs(scale) * np.matmul(q.size, turned.size))",
        "    return Bounded(made.value, 0 * made.error)",
        _LAYERS,
        "the scores of attention are exact",
    ),
    Mutant(
        f"{_RULE_FILES}/recurrent.py",
        "    both = _sums(_joined([x, h]), _joined([w_x, w_h]), biases)",
        "    both = _sums(_joined([x, exact(h.real)]), _joined([w_x, w_h]), biases)",
        _LAYERS,
        "the state of a recurrent layer carries no error",
    ),
    Mutant(
        f"{_RULE_FILES}/recurrent.py",
        "share.error * (np.abs(old.real - new.real) + old.error + new.error)",
        "0 * share.error",
        _LAYERS,
        "the gate of a GRU is exact",
    ),
    Mutant(
        f"{_RULE_FILES}/upsampling.py",
        "    error = kernel.slope * off[:, None] + torch",
        "    error = 0 * off[:, None] + torch",
        _LAYERS,
        "places in the input are exact",
    ),
    Mutant(
        f"{_RULE_FILES}/upsampling.py",
        "    ways = (index.astype(np.float64) * quotient, index * down, index / up, index * (np.float32(1) / up))",
        "    ways = (index / up,)",
        _LAYERS,
        "all engines pick the same number",
    ),
    Mutant(
        f"{_RULE_FILES}/bags.py",
        "    rounding = gamma(np.maximum(count - 1, 0.0) + 2 * (mode == MEAN)) * bags(table.size, mode)",
        "    rounding = 0.01 * gamma(1) * bags(np.abs(table.real), mode) * (count > 1)",
        _LAYERS,
        "a bag is rounded less than once",
    ),
    Mutant(
        f"{_RULE_FILES}/weight_norm.py",
        "    return Bounded(made.value, made.error * (1 + gamma(2)) + gamma(2) * made.size)",
        "    return Bounded(made.value, 0.02 * made.error)",
        _LAYERS,
        "a norm of weights is nearly exact",
    ),
    Mutant(
        f"{_RULE_FILES}/decisions.py",
        "return _sure(compare(first.value, second.value), apart | exact)",
        "return _sure(compare(first.value, second.value), apart | exact | True)",
        _CERTIFIED,
        "every comparison is sure",
    ),
    Mutant(
        f"{_RULE_FILES}/decisions.py",
        "    return bounded(float(x)) if is_float else Bounded(np.asarray(x), np.zeros(()))",
        "    return Bounded(np.asarray(x), np.zeros(()))",
        _CERTIFIED,
        "a number that float32 does not have is compared as it is",
    ),
    Mutant(
        f"{_RULE_FILES}/selections.py",
        "np.where(unsure, np.maximum(error, np.nan_to_num(apart + other, nan=np.inf)), error)",
        "error",
        _CERTIFIED,
        "a choice that is not sure counts one side",
    ),
    Mutant(
        f"{_BOUNDS}/adjoint.py",
        "            total += (slope * size).square().reshape(len(slope), -1).sum(1)",
        "            total += (slope * size).square().reshape(len(slope), -1).amax(1)",
        _ADJOINT,
        "the largest rounding of an operator stands for all",
    ),
    Mutant(
        f"{_BOUNDS}/adjoint.py",
        "                _require_same(value, exact[at : at + 1] if len(parts) > 1 else exact)",
        "                del exact, at",
        _ADJOINT,
        "what is derived need not be what the module computes",
    ),
    Mutant(
        f"{_BOUNDS}/probable.py",
        "        if is_of_floats and (name in JUMPS or",
        "        if False and (name in JUMPS or",
        _ADJOINT,
        "a script decides nothing",
    ),
)
