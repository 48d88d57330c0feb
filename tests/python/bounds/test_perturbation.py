"""Estimated bounds: each operator moves by what its float32 rounding can be, no less, and what has no meaning is refused."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import contract, spec
from builders.functions import Of
from torchferry.bounds.normalization import batch_norm, group_norm, layer_norm, log_softmax, softmax
from torchferry.bounds.perturbation import DRAWS, FACTOR, Moves, Noise, NotDrawnError, estimated_bounds
from torchferry.bounds.rounding import UNIT
from torchferry.bounds.rounding_size import is_exact, rounding_size

ATEN = torch.ops.aten


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def size_of(operator: torch._ops.OpOverload, *args: object) -> Tensor:
    name = operator.overloadpacket.__name__
    assert not is_exact(operator, name)
    return rounding_size(operator, name, args, {})(operator(*args))


def test_a_matrix_product_moves_by_its_partial_sums() -> None:
    """(|A| |B| + |y|) / 2 u sqrt(k / 3 + 1), computed here in NumPy."""
    a, b = drawn(5, 300), drawn(300, 4, seed=1)
    x, w = a.numpy(), b.numpy()
    expected = (np.abs(x) @ np.abs(w) + np.abs(x @ w)) / 2 * UNIT * math.sqrt(300 / 3 + 1)
    np.testing.assert_allclose(size_of(ATEN.mm.default, a, b).numpy(), expected, rtol=1e-12)


def test_a_sum_whose_terms_cancel_still_moves() -> None:
    x = torch.tensor([[1e6, -1e6, 1.0, -1.0]], dtype=torch.float64)
    assert float(size_of(ATEN.sum.dim_IntList, x, [1])) > 1e6 * UNIT


def test_a_convolution_counts_each_tap_of_each_channel() -> None:
    x, weight = torch.ones(1, 8, 9, 9, dtype=torch.float64), torch.ones(2, 8, 3, 3, dtype=torch.float64)
    found = size_of(ATEN.convolution.default, x, weight, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)
    np.testing.assert_allclose(found.numpy(), 72 * UNIT * math.sqrt(73 / 3 + 1), rtol=1e-12)


@pytest.mark.parametrize(
    ("operator", "roundings"), [(ATEN.add.Tensor, 1), (ATEN.sub.Tensor, 1), (ATEN.mul.Tensor, 2), (ATEN.div.Tensor, 2)]
)
def test_arithmetic_moves_by_its_roundings(operator: torch._ops.OpOverload, roundings: int) -> None:
    a, b = drawn(50), drawn(50, seed=2)
    assert (size_of(operator, a, b) >= roundings * UNIT * operator(a, b).abs()).all()


@pytest.mark.parametrize("operator", [ATEN.exp.default, ATEN.tanh.default, ATEN.sigmoid.default, ATEN.erf.default])
def test_a_function_moves_by_at_least_one_rounding(operator: torch._ops.OpOverload) -> None:
    x = drawn(50)
    assert (size_of(operator, x) >= UNIT * operator(x).abs()).all()


def test_a_number_of_the_program_is_rounded_however_small_the_sum_is() -> None:
    x = torch.full((3,), 1000.1, dtype=torch.float64)
    assert (size_of(ATEN.sub.Scalar, x, 1000.1) >= UNIT * 1000).all()


def test_a_difference_of_equal_numbers_is_exact() -> None:
    """A mask is made by comparing differences with 0: whatever moves them moves the mask."""
    x = torch.tensor([3.0, 4.0], dtype=torch.float64)
    assert size_of(ATEN.sub.Tensor, x, torch.tensor([3.0, 1.0], dtype=torch.float64)).tolist()[0] == 0


def test_an_operator_without_a_rule_moves_by_its_largest_result() -> None:
    x = drawn(50)
    assert (size_of(ATEN.atan.default, x) >= UNIT * ATEN.atan.default(x).abs().max()).all()


class Recorder:
    """A source of noise that moves nothing and notes the sizes that it was asked for."""

    def __init__(self) -> None:
        self.sizes: list[Tensor] = []

    def add(self, result: Tensor, size: Tensor, *, in_place: bool = False) -> Tensor:  # noqa: ARG002
        self.sizes.append(size.broadcast_to(result.shape))
        return result


def test_a_variance_moves_by_the_squares_that_it_may_be_made_of() -> None:
    """Mean(x^2) - mean(x)^2 loses digits where the mean is large."""
    recorder, x = Recorder(), drawn(2, 64) + 1000.0
    layer_norm(recorder, x, [64], None, None, 1e-5)
    variance = recorder.sizes[1]
    assert (variance >= UNIT * math.sqrt(64) * 1000.0**2 / 2).all()


def test_a_mean_moves_by_the_magnitudes_that_it_sums() -> None:
    recorder = Recorder()
    layer_norm(recorder, torch.tensor([[1e6, -1e6, 1e6, -1e6]], dtype=torch.float64), [4], None, None, 1e-5)
    assert (recorder.sizes[0] >= UNIT * 1e6).all()


def test_a_batch_norm_moves_by_its_scale_and_shift_which_may_cancel() -> None:
    """x * scale + shift, with a mean of 1000 and a deviation of 1: the result is small, its terms are not."""
    recorder, x = Recorder(), drawn(4, 3) + 1000.0
    mean, var = torch.full((3,), 1000.0, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    result = batch_norm(recorder, x, None, None, mean, var, False, 0.1, 1e-5)[0]
    np.testing.assert_allclose(result.numpy(), ((x - mean) / torch.sqrt(var + 1e-5)).numpy(), atol=1e-9)
    scale, shift, each = recorder.sizes
    assert scale.numel() == shift.numel() == 3, "each is one number for all samples of a channel"
    assert (scale >= 4 * UNIT * 0.9).all()
    assert (shift >= 4 * UNIT * 900.0).all()
    assert (each >= UNIT * 900.0).all()


def test_a_batch_norm_whose_bias_cancels_the_mean_moves_by_both() -> None:
    recorder, x = Recorder(), drawn(4, 3) + 1000.0
    mean, var = torch.full((3,), 1000.0, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    bias = mean / torch.sqrt(var + 1e-5)  # the shift is nothing
    batch_norm(recorder, x, None, bias, mean, var, False, 0.1, 1e-5)
    _, shift, _ = recorder.sizes
    assert (shift >= 4 * UNIT * 1900.0).all()


def test_a_group_norm_is_the_layer_norm_of_its_groups() -> None:
    recorder, x = Recorder(), drawn(2, 6, 5)
    found = group_norm(recorder, x, None, None, 2, 6, 5, 3, 1e-5)[0]
    expected = nn.functional.group_norm(x, 3, eps=1e-5)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-9)


@pytest.mark.parametrize(("rule", "expected"), [(softmax, torch.softmax), (log_softmax, torch.log_softmax)])
def test_a_softmax_moves_its_numerators_their_sum_and_the_quotient(
    rule: Callable[..., Tensor], expected: Callable[..., Tensor]
) -> None:
    recorder, x = Recorder(), drawn(3, 100)
    np.testing.assert_allclose(rule(recorder, x, 1).numpy(), expected(x, 1).numpy(), atol=1e-12)
    numerators, total, *rest = recorder.sizes
    exponentials = (x - x.amax(1, keepdim=True)).exp()
    assert (numerators >= UNIT * exponentials).all()
    assert (total >= UNIT * math.sqrt(100) * exponentials.sum(1, keepdim=True)).all()
    assert rest
    assert all((size > 0).any() for size in rest)


def test_noise_fills_its_range_on_both_sides() -> None:
    moved = Noise(1).add(torch.zeros(10_000, dtype=torch.float64), torch.full((10_000,), 2.0, dtype=torch.float64))
    assert -2 <= float(moved.min()) < -1.99
    assert 1.99 < float(moved.max()) <= 2


# ---- whole modules ----------------------------------------------------------------------------------------------------


def bound_of(function: Callable[[Tensor], Tensor], x: np.ndarray) -> float:  # type: ignore[type-arg]
    given = contract((spec("x", shape=x.shape),), (spec("y", shape=x.shape),))
    return estimated_bounds(Of(function).eval(), given, {"x": x})["y"]


def test_the_bound_is_a_multiple_of_the_largest_of_many_deviations() -> None:
    """One rounding of 1 is at most u: sixteen draws over a thousand elements come near to it."""
    x = np.ones(1000, np.float32)
    assert 0.9 * FACTOR * UNIT < bound_of(lambda x: x + 0, x) <= FACTOR * UNIT * 1.001


def test_a_value_that_may_become_infinite_has_no_bound() -> None:
    x = np.full(4, 1.0, np.float32)
    with pytest.raises(NotDrawnError, match="output y is not finite under rounding errors"):
        bound_of(lambda x: torch.where(x + 0.5 == 1.5, 1.0, torch.inf), x)


def test_a_shape_that_depends_on_rounding_has_no_bound() -> None:
    def longer(x: Tensor) -> Tensor:
        return x if bool((x + 0.5 == 1.5).all()) else x[:2]

    with pytest.raises(NotDrawnError, match="under rounding errors of float32"):
        bound_of(longer, np.full(4, 1.0, np.float32))


def test_an_operator_that_is_less_exact_moves_by_its_factor() -> None:
    x = np.ones(1000, np.float32)
    given = contract((spec("x", shape=x.shape),), (spec("y", shape=x.shape),))
    found = estimated_bounds(Of(lambda x: x + 0).eval(), given, {"x": x}, wider={"add": 7.0})["y"]
    assert 0.9 * 7 * FACTOR * UNIT < found <= 7 * FACTOR * UNIT * 1.001


def test_the_magnitudes_of_a_sum_are_added_up_once_for_all_draws() -> None:
    calls, moves, a = [], Moves(), drawn(3, 4)

    def product(*args: Tensor) -> Tensor:
        calls.append(args)
        return ATEN.mm.default(*args)

    for _ in range(DRAWS):
        moves.size(1, product, "mm", (a, a.T), {})(a @ a.T)
    assert len(calls) == 1


def test_the_spectrum_of_a_signal_moves() -> None:
    assert (
        bound_of(lambda x: torch.fft.rfft(x).abs()[:, :4], np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)[:, :4])
        > 0
    )
