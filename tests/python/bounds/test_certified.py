"""The rules of certified bounds, operator by operator: none is smaller than the error that a value inside its own bound can make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from builders.contracts import contract, spec
from torchferry.bounds import error_bound
from torchferry.bounds.certified import certified_bounds
from torchferry.bounds.error_bound import INFLATION, Bounded, NotCertifiedError, exact
from torchferry.bounds.rounding import Float64
from torchferry.bounds.rules import rules
from torchferry.bundle.contract import Array
from torchferry.intake.source import ExportSource

RULES = rules()

GRID = np.linspace(-6, 6, 481)
FUNCTIONS: dict[str, tuple[Callable[[Bounded], Bounded], Callable[[Tensor], Tensor]]] = {
    "relu": (RULES["relu"], F.relu),
    "relu6": (RULES["relu6"], F.relu6),
    "hardtanh": (RULES["hardtanh"], F.hardtanh),
    "clamp to 0.1": (lambda x: RULES["clamp"](x, None, 0.1), lambda x: x.clamp(max=0.1)),
    "clamp from -0.3 to 0.7": (lambda x: RULES["clamp"](x, -0.3, 0.7), lambda x: x.clamp(-0.3, 0.7)),
    "leaky_relu": (RULES["leaky_relu"], F.leaky_relu),
    "leaky_relu falling": (lambda x: RULES["leaky_relu"](x, -0.5), lambda x: F.leaky_relu(x, -0.5)),
    "leaky_relu steep": (lambda x: RULES["leaky_relu"](x, 3.0), lambda x: F.leaky_relu(x, 3.0)),
    "elu": (RULES["elu"], F.elu),
    "gelu": (RULES["gelu"], F.gelu),
    "gelu tanh": (lambda x: RULES["gelu"](x, approximate="tanh"), lambda x: F.gelu(x, approximate="tanh")),
    "silu": (RULES["silu"], F.silu),
    "hardswish": (RULES["hardswish"], F.hardswish),
    "softplus": (RULES["softplus"], F.softplus),
    "sigmoid": (RULES["sigmoid"], torch.sigmoid),
    "tanh": (RULES["tanh"], torch.tanh),
    "exp": (RULES["exp"], torch.exp),
}


def at(function: Callable[[Tensor], Tensor], values: Array) -> Float64:
    return function(torch.from_numpy(np.ascontiguousarray(values))).numpy().astype(np.float64)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("error", [1e-4, 0.03, 0.5])
def test_a_function_carries_the_error_of_its_argument(name: str, error: float) -> None:
    rule, function = FUNCTIONS[name]
    bounded = rule(Bounded(GRID, np.full(GRID.shape, error)))
    for share in np.linspace(-1, 1, 21):
        off = np.abs(at(function, GRID + share * error) - bounded.value)
        assert (off <= bounded.error * INFLATION).all(), GRID[off.argmax()]
    assert (bounded.error < 8 * error * np.exp(np.abs(GRID) + error)).all(), "nor does the bound say nothing"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_in_float32_is_within_the_bound_of_its_exact_argument(name: str) -> None:
    rule, function = FUNCTIONS[name]
    x = np.random.default_rng(3).uniform(-8, 8, 20_000).astype(np.float32)
    off = np.abs(at(function, x) - at(function, x.astype(np.float64)))
    assert (off <= rule(exact(x.astype(np.float64))).error).all()


def test_functions_have_room_for_engines_that_round_otherwise() -> None:
    """A bound of 0 says that a function is exact, which only selections are."""
    x = exact(np.linspace(-3, 3, 25))
    inexact = {"elu", "gelu", "gelu tanh", "silu", "softplus", "sigmoid", "tanh", "exp"}
    assert {name for name in FUNCTIONS if (FUNCTIONS[name][0](x).error[:12] > 0).all()} >= inexact


@pytest.mark.parametrize("axes", [0, 1, (0, 1), None])
@pytest.mark.parametrize("name", ["sum", "mean"])
def test_a_sum_carries_the_errors_of_all_its_terms(name: str, axes: Any) -> None:
    generator = np.random.default_rng(5)
    value, error = generator.normal(size=(6, 50)), generator.uniform(0, 1e-2, (6, 50))
    bounded = RULES[name](Bounded(value, error), axes)
    worst = np.abs(getattr(value + error, name)(axis=axes) - bounded.value)
    assert (worst <= bounded.error).all()
    assert (bounded.error <= 1.01 * worst).all()


def test_a_product_carries_the_errors_of_its_inputs_whatever_the_signs_of_the_weights() -> None:
    generator = np.random.default_rng(6)
    weight, value, error = generator.normal(size=(4, 30)), generator.normal(size=(5, 30)), generator.uniform(0, 1e-2, (5, 30))
    bounded = error_bound.linear(Bounded(value, error), weight, None)
    corners = np.stack([(value[row] + np.sign(weight) * error[row]) * weight for row in range(5)]).sum(axis=2)
    worst = np.abs(corners - bounded.value)
    assert (worst <= bounded.error).all()
    assert (bounded.error <= 1.01 * worst).all()


def test_a_layer_carries_the_errors_of_computed_weights_and_biases() -> None:
    generator = np.random.default_rng(7)
    x, weight, bias = generator.normal(size=(5, 30)), generator.normal(size=(4, 30)), generator.normal(size=4)
    errors = generator.uniform(0, 1e-2, (4, 30)), generator.uniform(0, 1e-2, 4)
    bounded = RULES["linear"](exact(x), Bounded(weight, errors[0]), Bounded(bias, errors[1]))
    worst = np.abs(x) @ errors[0].T + errors[1]
    assert (worst <= bounded.error).all()
    assert (bounded.error <= 1.01 * worst).all()
    assert RULES["mv"](exact(weight), Bounded(x[0], np.full(30, 0.1))).error == pytest.approx(
        0.1 * np.abs(weight).sum(1), rel=1e-3
    )


def test_a_bias_is_one_more_addition() -> None:
    """2^24 + 1 is a tie in float32: a bias beside a product of one term is rounded."""
    bounded = error_bound.linear(exact(np.array([[2.0**24]])), np.array([[1.0]]), np.array([1.0]))
    assert np.float32(2.0**24) + np.float32(1) == 2.0**24
    assert bounded.error[0, 0] >= 1


@pytest.mark.parametrize(
    "values",
    [np.array([[2.0**24, 1.0, -(2.0**24)]]), np.array([[1e8, 3.0, -1e8, 5.0]])],
)
def test_partial_sums_may_be_much_larger_than_the_sum(values: Float64) -> None:
    total = np.float32(0)
    for value in values[0].astype(np.float32):
        total = np.float32(total + value)
    bounded = error_bound.linear(exact(values), np.ones_like(values), None)
    assert abs(float(total) - float(bounded.value[0, 0])) > 0
    assert abs(float(total) - float(bounded.value[0, 0])) <= bounded.error[0, 0]


def test_zeros_that_are_not_exact_are_no_zeros() -> None:
    inexact, ten = Bounded(np.zeros(1), np.full(1, 0.5)), exact(np.full(1, 10.0))
    assert error_bound.multiply(inexact, ten).error[0] >= 5
    assert error_bound.divide(inexact, ten).error[0] >= 0.05
    assert error_bound.add(inexact, exact(np.full(1, 0.1))).error[0] > 0.5
    assert error_bound.multiply(exact(np.zeros(1)), ten).error[0] == 0


def test_errors_of_both_operands_add_up() -> None:
    one = Bounded(np.ones(1), np.full(1, 0.5))
    assert one.size[0] == 1.5
    assert error_bound.add(one, one).error[0] >= 1
    assert error_bound.multiply(one, one).error[0] >= 1.5**2 - 1


def test_the_least_divisor_counts() -> None:
    one, two = Bounded(np.ones(1), np.full(1, 0.5)), Bounded(np.full(1, 2.0), np.full(1, 1.0))
    assert error_bound.divide(one, two).error[0] >= 1.5 / 1 - 0.5
    assert np.isinf(error_bound.divide(one, Bounded(np.ones(1), np.ones(1))).error[0])


# ---- what has no rule -------------------------------------------------------------------------------------------------


class Of(nn.Module):
    """A module made from a function of its input and of a matrix that it keeps."""

    eye: Tensor

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.register_buffer("eye", torch.eye(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.eye)


X = np.array([[0.5, 1.25, -0.75], [1.5, 0.25, 2.0], [0.1, 0.2, 0.3]], np.float32)


def bound_of(function: Callable[[Tensor, Tensor], Tensor]) -> float:
    given = contract((spec("x", shape=(3, 3)),), (spec("y", shape=(3, 3)),))
    source = ExportSource(Of(function).eval(), given, {"x": X})
    return certified_bounds(source.program, given, {"x": X})["y"]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x, eye: torch.addmm(x[0], x, eye, alpha=2), "a scaled product"),
        (lambda x, eye: torch.addmm(x[0], x, eye, beta=3), "a scaled product"),
        (lambda x, _: torch.div(x, 0.3, rounding_mode="floor"), "a rounded division"),
        (lambda x, _: torch.div(x, 0.3, rounding_mode="trunc"), "a rounded division"),
        (lambda x, _: F.elu(x, alpha=2.0), "a scaled elu"),
        (lambda x, _: F.softplus(x, beta=3.0), "a scaled softplus"),
        (lambda x, _: x.to(torch.bfloat16).to(torch.float32), "bfloat16"),
        (lambda x, _: x.to(torch.float16).to(torch.float32), "float16"),
        (lambda x, _: (x * 0.1).argmax(0, keepdim=True).to(torch.float32) + x, "no finite bound"),
        (lambda x, _: (x * 0.1).round(decimals=1), "a rounding to decimals"),
        (lambda x, _: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5), "attention with dropout"),
        (lambda x, _: torch.einsum("ij,jk,kl->il", x, x, x), "a sum of products of 3 tensors"),
        (lambda x, _: x / (x - x), "no finite bound"),
        (lambda x, _: torch.cumprod(x, 0), "cumprod has no certified rule"),
        (lambda x, _: F.dropout(x, 0.5, training=True), "dropout has no certified rule"),
    ],
)
def test_what_has_no_rule_is_not_certified(function: Callable[[Tensor, Tensor], Tensor], words: str) -> None:
    with pytest.raises(NotCertifiedError, match=words):
        bound_of(function)


def test_a_decision_on_exact_values_is_certified() -> None:
    assert bound_of(lambda x, _: (x > 0).to(torch.float32)) == 0


def test_a_decision_by_rounded_numbers_is_sure_where_their_errors_do_not_reach_it() -> None:
    assert bound_of(lambda x, _: (x * 0.1 > 0).to(torch.float32)) == 0
    assert bound_of(lambda x, _: (x * 0.1).floor()) == 0
    assert bound_of(lambda x, _: (x * 0.1 > 0.05).to(torch.float32)) >= 1, "0.5 * 0.1 is 0.05 or not"
    assert bound_of(lambda x, _: (x > 0.1).to(torch.float32)) >= 1, "0.1 is another number in float32, which x has"
    assert bound_of(lambda x, _: (x * 10).floor()) >= 1, "10 times 0.1 or 0.3 in float32 is a whole number or not"


def test_a_choice_that_is_not_sure_counts_both() -> None:
    assert bound_of(lambda x, _: torch.where(x * 0.1 > 0.05, x * 0 + 7, x)) >= 6.5
    assert bound_of(lambda x, _: torch.where(x * 0.1 > 0, x, -x)) == 0


def test_dropout_in_eval_mode_changes_nothing() -> None:
    assert bound_of(lambda x, _: F.dropout(x * 0.1, 0.5, training=False)) == bound_of(lambda x, _: x * 0.1)


def test_moved_values_keep_their_own_errors() -> None:
    small = bound_of(lambda x, _: x * 0.1)
    assert 0 < small < 1e-6
    assert bound_of(lambda x, _: torch.cat([x[:1], (x * 0.1)[1:]])) <= small
    assert bound_of(lambda x, _: torch.cat([x[:1], (x * 1000.1)[1:]])) > 100 * small
