"""LSTM, GRU and plain recurrent layers and cells, unrolled through time.

Each step is bounded like any other layer: a gate is a sum of products of the input and of the state, in any order, with both
biases. What errors of the state do is what sigmoid and tanh leave of them, whose slopes are at most 1/4 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from torchferry.bounds.error_bound import Bounded, NotCertifiedError, add, bilinear, exact, monotone, multiply
from torchferry.bounds.rounding import SMALLEST, gamma
from torchferry.bounds.rules import Rule
from torchferry.bounds.rules.activations import RULES as ACTIVATIONS

State = tuple[Bounded, ...]
Weights = Sequence[Bounded]
Cell = Callable[[Bounded, State, Weights], State]
"""One step: from x [N, I], a state of [N, H] each, and weights [G H, I], [G H, H] with none or two biases [G H], to the next state."""


def _sums(x: Bounded, weight: Bounded, biases: Weights) -> Bounded:
    """Bound x W^T + b: biases are terms of the same sum, which an engine may add up beforehand."""
    ones = [exact(np.ones((*x.value.shape[:-1], 1)))] * len(biases)
    columns = [Bounded(bias.real[:, None], bias.error[:, None]) for bias in biases]
    return bilinear(lambda a, w: a @ w.T, _joined([x, *ones]), _joined([weight, *columns]), None)


def _joined(parts: Sequence[Bounded]) -> Bounded:
    return Bounded(np.concatenate([part.real for part in parts], -1), np.concatenate([part.error for part in parts], -1))


def _gates(x: Bounded, h: Bounded, weights: Weights, count: int) -> list[Bounded]:
    w_x, w_h, *biases = weights
    both = _sums(_joined([x, h]), _joined([w_x, w_h]), biases)
    return _split(both, count)


def _split(x: Bounded, count: int) -> list[Bounded]:
    return [Bounded(*parts) for parts in zip(np.split(x.real, count, -1), np.split(x.error, count, -1), strict=True)]


def _sigmoid(x: Bounded) -> Bounded:
    made: Bounded = ACTIVATIONS["sigmoid"](x)
    return made


def _tanh(x: Bounded) -> Bounded:
    return monotone("tanh", np.tanh, x)


def _lstm_step(x: Bounded, state: State, weights: Weights) -> State:
    h, c = state
    taken, forgotten, new, shown = _gates(x, h, weights, 4)
    c = add(multiply(_sigmoid(forgotten), c), multiply(_sigmoid(taken), _tanh(new)))
    return multiply(_sigmoid(shown), _tanh(c)), c


def _gru_step(x: Bounded, state: State, weights: Weights) -> State:
    (h,) = state
    w_x, w_h, *biases = weights
    parts = [
        [Bounded(*part) for part in zip(np.split(w.real, 3), np.split(w.error, 3), strict=True)] for w in (w_x, w_h, *biases)
    ]
    reset, update = (_sigmoid(_gates(x, h, [part[gate] for part in parts], 1)[0]) for gate in range(2))
    b_x, b_h = ([parts[at][2]] if biases else [] for at in (2, 3))
    inner = multiply(reset, _sums(h, parts[1][2], b_h))
    total = add(_sums(x, parts[0][2], b_x), inner)
    anywhere = gamma(x.value.shape[-1] + len(b_x)) * inner.size  # in the sum's order
    return (_between(_tanh(Bounded(total.value, total.error + anywhere)), h, update),)


def _between(new: Bounded, old: Bounded, share: Bounded) -> Bounded:
    """Bound new + share (old - new), or (1 - share) new + share old, for a share in 0 to 1: errors of both ends share out.

    The share's own error moves by the distance of the ends. Either form rounds three times, by less than both ends together.
    """
    z = share.real
    carried = (1 - z) * new.error + z * old.error + share.error * (np.abs(old.real - new.real) + old.error + new.error)
    rounding = gamma(4) * (1 + share.error) * (new.size + old.size) + 4 * SMALLEST
    return Bounded(new.real + z * (old.real - new.real), carried + rounding)


def _plain_step(function: Callable[[Bounded], Bounded]) -> Cell:
    return lambda x, state, weights: (function(_gates(x, state[0], weights, 1)[0]),)


STEPS: dict[str, tuple[Cell, int]] = {
    "lstm": (_lstm_step, 2),
    "gru": (_gru_step, 1),
    "rnn_tanh": (_plain_step(_tanh), 1),
    "rnn_relu": (_plain_step(ACTIVATIONS["relu"]), 1),
}


def _layer(step: Cell, x: Bounded, state: State, weights: Weights, *, backwards: bool) -> tuple[Bounded, State]:
    """Run a layer over x [T, N, I]; return what it shows [T, N, H], and its last state."""
    shown: list[Bounded] = []
    for at in range(x.value.shape[0])[:: -1 if backwards else 1]:
        state = step(Bounded(x.real[at], x.error[at]), state, weights)
        shown.append(state[0])
    return _stacked(shown[:: -1 if backwards else 1]), state


def _stacked(parts: Sequence[Bounded]) -> Bounded:
    return Bounded(np.stack([part.real for part in parts]), np.stack([part.error for part in parts]))


def _in_groups(weights: Weights, size: int) -> Iterator[Weights]:
    return (weights[at : at + size] for at in range(0, len(weights), size))


def _over_time(name: str) -> Rule:
    """Bound a layer of torch: (x, state, weights, has_biases, layers, dropout, train, bidirectional, batch_first)."""
    step, parts = STEPS[name]

    def rule(x: Bounded, given: Any, weights: Any, *options: Any) -> tuple[Bounded, ...]:
        if not isinstance(options[0], bool):
            raise NotCertifiedError(f"a {name} over packed sequences has no certified rule")
        has_biases, layers, dropout, training, both_ways, batch_first = options
        if training and dropout:
            raise NotCertifiedError(f"a {name} with dropout has no certified rule")
        ways, start = 1 + both_ways, [given] if isinstance(given, Bounded) else list(given)
        if len(weights) != layers * ways * (2 + 2 * has_biases):
            raise NotCertifiedError(f"a {name} with projections has no certified rule")
        at, shown = 0, _turned(x, batch_first)
        last: list[State] = []
        groups = _in_groups(weights, 2 + 2 * has_biases)
        for _ in range(layers):
            made = []
            for way in range(ways):
                state = tuple(Bounded(part.real[at], part.error[at]) for part in start)
                result, state = _layer(step, shown, state, next(groups), backwards=way == 1)
                made.append(result)
                last.append(state)
                at += 1
            shown = _joined(made)
        return _turned(shown, batch_first), *(_stacked([state[part] for state in last]) for part in range(parts))

    return rule


def _turned(x: Bounded, is_turned: bool) -> Bounded:
    return Bounded(x.real.swapaxes(0, 1), x.error.swapaxes(0, 1)) if is_turned and x.value.ndim == 3 else x


def _cell(name: str) -> Rule:
    """Bound a cell of torch: (x, state, w_ih, w_hh, b_ih, b_hh)."""
    step, parts = STEPS[name]

    def rule(x: Bounded, given: Any, w_x: Bounded, w_h: Bounded, *biases: Bounded | None) -> Any:
        state = (given,) if isinstance(given, Bounded) else tuple(given)
        made = step(x, state, [w_x, w_h, *(bias for bias in biases if bias is not None)])
        return made[0] if parts == 1 else made

    return rule


RULES: dict[str, Rule] = {
    **{name: _over_time(name) for name in STEPS},
    **{f"{name}_cell": _cell(name) for name in STEPS},
}
