"""Certificates with a probability: how far float32 can be off if roundings are independent of each other and have mean 0.

Worst cases add up as if every rounding of every sum went the same way. Where each is random with mean 0, n of them add up to
lambda sqrt(n) u and not n u, but with probability 2 exp(-lambda^2 / 2) at most (N. Higham and T. Mary, A new approach to
probabilistic rounding error analysis, 2019, from Hoeffding's inequality). That holds for each operator, and so for the outputs:
to first order, an output's error is a sum over all roundings of the network, each times its derivative, and is off by more than
lambda sqrt(V) with that probability only, V being the sum of the squares of the largest value of each term. Of a sum, partial sums
are taken to grow evenly to the largest that any order can meet.

Where the outputs are few V is computed, from derivatives (adjoint.py). Else it is measured: with each rounding replaced by a normal
number of its largest size as its deviation, an output is off by a normal number of variance V, so that D draws z give sum z^2 / V of a
chi-squared distribution. With probability 1 - delta it is at least D x, where x e^(1 - x) = delta^(2 / D) (Chernoff's bound). The
error of that is part of the probability which is stated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from torchferry.bounds.adjoint import is_affordable, variances
from torchferry.bounds.decided import JUMPS, PLACES, decided_outputs
from torchferry.bounds.drawn_runs import run_under, run_under_each
from torchferry.bounds.eager_distance import difference
from torchferry.bounds.error_bound import INFLATION, NotCertifiedError
from torchferry.bounds.perturbation import Moves, Noise, NotDrawnError, Perturb
from torchferry.bounds.progress import Say
from torchferry.bounds.rounding import Float64
from torchferry.bounds.rounding_size import has_rule, is_exact
from torchferry.bounds.work import Work, work_of
from torchferry.bundle.contract import Array, Contract
from torchferry.errors import FerryError
from torchferry.intake.source import ExportSource
from torchferry.intake.widen import double_of

PROBABILITY = 1e-9  # that any element of an output is off by more, over all cases of a bundle
MOST_CASES = 8
DRAWS = (256, 128, 64, 32)
RUNS = 3  # before there are draws: without roundings, with them, and with roundings of twice the size
MOST_WORK = 1.2e10
"""Multiply-adds of all draws: two seconds and more. What takes more is estimated, by fewer draws on fewer samples."""
CURVED = 0.1
"""Roundings of twice the size move an output twice as far, to this share: else it is not first order that counts."""


@dataclass(frozen=True)
class Probable:
    """A bound of one output, and how it came about: so many deviations, and draws that tell how large one is; 0: derivatives do."""

    value: float
    deviations: float
    draws: int


class NormalNoise(Noise):
    """Seeded normal noise, whose deviation is `scale` times the size."""

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        super().__init__(seed)
        self._scale = scale

    def _drawn(self, shape: torch.Size) -> torch.Tensor:
        return torch.randn(shape, generator=self._generator, dtype=torch.float32).mul_(self._scale)


class _Ruled(Perturb):
    """Moves results by their roundings. Raises NotCertifiedError for an operator without a rule."""

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` and move what it gives; what it gives in integers is decided or exact."""
        result = super().__torch_dispatch__(func, types, args, kwargs)
        self._require_rule(func, args, kwargs or {}, result if isinstance(result, tuple | list) else (result,))
        return result

    def _require_rule(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], parts: Sequence[object]) -> None:
        """Raise NotCertifiedError where what `func` gave, `parts`, is not moved by a rule."""
        name = func.overloadpacket.__name__
        is_real = any(isinstance(part, torch.Tensor) and (part.is_floating_point() or part.is_complex()) for part in parts)
        if is_real and not has_rule(func, name, args, kwargs):
            raise NotCertifiedError(f"operator {name} has no rule for independent roundings")


class _Undecided(_Ruled):
    """Raises NotCertifiedError for an operator that decides by floats too: for a module without a program to look for them in."""

    def _require_rule(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], parts: Sequence[object]) -> None:
        super()._require_rule(func, args, kwargs, parts)
        name = func.overloadpacket.__name__
        is_of_floats = any(isinstance(arg, torch.Tensor) and arg.is_floating_point() for arg in args)
        gives_others = any(not isinstance(part, torch.Tensor) or not part.is_floating_point() for part in parts)
        if is_of_floats and (name in JUMPS or (gives_others and name not in PLACES and not is_exact(func, name))):
            raise NotCertifiedError(f"operator {name} may decide by rounded numbers")


@dataclass(frozen=True)
class _Subject:
    """A module in float64, its inputs [N, ...] and its float outputs: under normal roundings, and without any."""

    double: torch.nn.Module
    contract: Contract
    inputs: Mapping[str, Array]
    ruled: type[_Ruled]
    names: Sequence[str]
    work: Work
    moves: Moves

    def mode(self, seed: int, scale: float) -> Perturb:
        """Return what moves results by roundings that are `scale` times as large."""
        return self.ruled(NormalNoise(seed, scale), self.moves)

    def run(self, seed: int, scale: float) -> dict[str, Float64]:
        """Return the float outputs [N, ...] under roundings that are `scale` times as large."""
        return self.floats(run_under(self.double, self.contract, self.inputs, self.mode(seed, scale)))

    def floats(self, outputs: Mapping[str, Array]) -> dict[str, Float64]:
        """Return the float outputs [N, ...] of a run."""
        return {name: np.asarray(outputs[name], dtype=np.float64) for name in self.names}


def too_much(work: Work) -> str:
    """Return why a module has no certificate whose draws are so much work; empty where it may have one."""
    return f"certificates of {work.total:.2g} multiply-adds a run are not waited for" if RUNS * work.total > MOST_WORK else ""


def probable_bounds(source: ExportSource, inputs: Mapping[str, Array], say: Say | None = None) -> dict[str, Probable]:
    """Return what each float output is off by at most, on inputs [N, ...], but for a probability of PROBABILITY.

    Raises NotCertifiedError, also for a module that takes too long, or that decides something by rounded numbers.
    """
    module, contract = source.module, source.contract
    decided, ruled = _decided(source)
    names = [spec.name for spec in contract.outputs if spec.is_float]
    if not set(names) - set(decided):
        raise NotCertifiedError(next(iter(decided.values()), "no output is a float"))
    work = work_of(module, contract, inputs)
    if problem := too_much(work):
        raise NotCertifiedError(problem)
    subject = _Subject(double_of(module), contract, inputs, ruled, names, work, Moves())
    centre, first, twice = subject.run(0, 0.0), subject.run(1, 1.0), subject.run(1, 2.0)
    linear = [name for name in names if name not in decided and _is_linear(name, centre, first, twice)]
    found = _derived(subject, centre) or _drawn(subject, centre, say)
    return {name: found[name] for name in linear}


def _decided(source: ExportSource) -> tuple[dict[str, str], type[_Ruled]]:
    """Return the outputs that are decided by rounded numbers; without a program to tell, operators that may are refused as they run."""
    try:
        return decided_outputs(source.program, source.contract), _Ruled
    except FerryError:
        return {}, _Undecided


def _derived(subject: _Subject, centre: Mapping[str, Float64]) -> dict[str, Probable]:
    """Return bounds by derivatives; none where they take too long, or are not to be had."""
    if not is_affordable(subject.contract, centre, subject.work, MOST_WORK):
        return {}
    try:
        squares = variances(subject.double, subject.contract, subject.inputs, subject.ruled, centre)
    except Exception:  # of the user's code under a trace, or of an operator that has no derivative: draws need none
        return {}
    return {name: _certain(squares[name]) for name in centre}


def _certain(squares: Float64) -> Probable:
    deviations = math.sqrt(2 * math.log(2 * max(squares.size, 1) * MOST_CASES / PROBABILITY))
    return Probable(INFLATION * deviations * math.sqrt(float(squares.max(initial=0.0))), deviations, 0)


def _drawn(subject: _Subject, centre: Mapping[str, Float64], say: Say | None) -> dict[str, Probable]:
    """Return bounds by draws. Raises NotCertifiedError where those that are affordable are too few to tell anything."""
    draws, work = _affordable_draws(subject.work.total), subject.work.total
    squares = {name: np.zeros(centre[name].shape) for name in subject.names}

    def take(outputs: Mapping[str, Array]) -> None:
        moved = subject.floats(outputs)
        for name in subject.names:
            squares[name] += _moved(name, moved, centre) ** 2

    modes = [subject.mode(seed + 2, 1.0) for seed in range(draws)]
    run_under_each(subject.double, subject.contract, subject.inputs, modes, take, work=work, what="certificate: draw", say=say)
    return {name: _bound(squares[name], draws) for name in subject.names}


def _affordable_draws(work: float) -> int:
    """Return how many draws can be made. Raises NotCertifiedError where they are too few to tell anything."""
    for draws in DRAWS:
        if (draws + RUNS) * work <= MOST_WORK:
            return draws
    raise NotCertifiedError(f"{DRAWS[-1]} draws of {work:.2g} multiply-adds are not waited for")


def _moved(name: str, moved: Mapping[str, Float64], centre: Mapping[str, Float64]) -> Float64:
    if moved[name].shape != centre[name].shape:
        raise NotDrawnError(f"output {name} has another shape under rounding errors of float32")
    return difference(moved[name], centre[name])


def _is_linear(name: str, centre: Mapping[str, Float64], first: Mapping[str, Float64], twice: Mapping[str, Float64]) -> bool:
    once, double = _moved(name, first, centre), _moved(name, twice, centre)
    return bool(np.abs(double - 2 * once).max(initial=0.0) <= CURVED * double.max(initial=0.0))


def _bound(squares: Float64, draws: int) -> Probable:
    elements, probability = max(squares.size, 1), PROBABILITY / MOST_CASES
    deviations = math.sqrt(2 * math.log(4 * elements / probability))
    least = draws * least_share(draws, probability / (2 * elements))
    return Probable(INFLATION * deviations * math.sqrt(float(squares.max(initial=0.0)) / least), deviations, draws)


def least_share(draws: int, delta: float) -> float:
    """Return the x in 0 to 1 with x e^(1 - x) = delta^(2 / draws): a chi-squared sum of D squares is below D x with probability delta at most."""
    wanted = 2 * math.log(delta) / draws
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if middle == 0 or math.log(middle) + 1 - middle <= wanted else (low, middle)
    return low
