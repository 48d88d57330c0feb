"""What a rule takes for granted: other options have no bound, and neither has what roundings may turn into something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from builders.contracts import contract, spec
from builders.functions import Of
from torchferry.bounds.certified import certified_bounds
from torchferry.bounds.error_bound import Bounded, NotCertifiedError, exact
from torchferry.bounds.rounding import FUNCTIONS
from torchferry.bounds.rules import rules
from torchferry.bundle.contract import Array
from torchferry.intake.source import ExportSource

RULES = rules()
RNG = np.random.default_rng(6)


def of(*values: float, error: float = 0.0) -> Bounded:
    array = np.array(values)
    return Bounded(array, np.full(array.shape, error))


def places(*values: int, error: float = 0.0) -> Bounded:
    return Bounded(np.array(values), np.full(len(values), error))


SQUARE = exact(RNG.normal(size=(3, 3)))
ROWS = exact(RNG.normal(size=(1, 2, 3)))
TABLE = exact(RNG.normal(size=(4, 3)))
IMAGE = exact(RNG.normal(size=(2, 4, 3, 3)))
CHANNELS = exact(np.arange(1.0, 5.0))
STATE = exact(np.zeros((1, 1, 2)))
WEIGHTS = [exact(RNG.normal(size=shape)) for shape in ((2, 3), (2, 2), (2,), (2,))]
SEQUENCE = exact(RNG.normal(size=(3, 1, 3)))
Call = Callable[[], Any]

# What has a bound, and the same with an option or an argument that the rule was not made for.
PAIRS: dict[str, tuple[Call, Call]] = {
    "addmm, alpha": (lambda: RULES["addmm"](SQUARE, SQUARE, SQUARE), lambda: RULES["addmm"](SQUARE, SQUARE, SQUARE, alpha=2)),
    "addmm, beta": (lambda: RULES["addmm"](SQUARE, SQUARE, SQUARE), lambda: RULES["addmm"](SQUARE, SQUARE, SQUARE, beta=0)),
    "einsum of one": (lambda: RULES["einsum"]("ij,jk", [SQUARE] * 2), lambda: RULES["einsum"]("ij->ji", [SQUARE])),
    "einsum of three": (lambda: RULES["einsum"]("ij,jk", [SQUARE] * 2), lambda: RULES["einsum"]("ij,jk,kl", [SQUARE] * 3)),
    "index_add, alpha": (
        lambda: RULES["index_add"](of(1, 2), 0, places(0), of(3)),
        lambda: RULES["index_add"](of(1, 2), 0, places(0), of(3), alpha=2),
    ),
    "index_add, rounded places": (
        lambda: RULES["index_add"](of(1, 2), 0, places(0), of(3)),
        lambda: RULES["index_add"](of(1, 2), 0, places(0, error=1.0), of(3)),
    ),
    "scatter_add, rounded places": (
        lambda: RULES["scatter_add"](of(1, 2), 0, places(0), of(3)),
        lambda: RULES["scatter_add"](of(1, 2), 0, places(0, error=1.0), of(3)),
    ),
    **{
        f"norm of order {order}": (lambda: RULES["norm"](SQUARE, 2), lambda order=order: RULES["norm"](SQUARE, order))
        for order in (0, 3, -1, float("inf"), "nuc", 1.5)
    },
    "batch_norm in training": (
        lambda: RULES["batch_norm"](IMAGE, None, None, CHANNELS, CHANNELS, False, 0.1, 1e-5, True),
        lambda: RULES["batch_norm"](IMAGE, None, None, CHANNELS, CHANNELS, True, 0.1, 1e-5, True),
    ),
    "batch_norm without a mean": (
        lambda: RULES["batch_norm"](IMAGE, None, None, CHANNELS, CHANNELS, False, 0.1, 1e-5, True),
        lambda: RULES["batch_norm"](IMAGE, None, None, None, None, False, 0.1, 1e-5, True),
    ),
    "instance_norm with kept statistics": (
        lambda: RULES["instance_norm"](IMAGE, None, None, None, None, True, 0.1, 1e-5, True),
        lambda: RULES["instance_norm"](IMAGE, None, None, CHANNELS, CHANNELS, False, 0.1, 1e-5, True),
    ),
    "bags with weights": (
        lambda: RULES["embedding_bag"](TABLE, places(0, 1), places(0)),
        lambda: RULES["embedding_bag"](TABLE, places(0, 1), places(0), False, 0, False, of(1, 2)),
    ),
    "bags of rounded rows": (
        lambda: RULES["embedding_bag"](TABLE, places(0, 1), places(0)),
        lambda: RULES["embedding_bag"](TABLE, places(0, 1, error=1.0), places(0)),
    ),
    "bags of rounded length": (
        lambda: RULES["embedding_bag"](TABLE, places(0, 1), places(0)),
        lambda: RULES["embedding_bag"](TABLE, places(0, 1), places(0, error=1.0)),
    ),
    "rounding to decimals": (lambda: RULES["round"](of(0.4)), lambda: RULES["round"](of(0.44), decimals=1)),
    "a range of floats": (lambda: RULES["arange"](0, 5), lambda: RULES["arange"](0, 0.5, 0.1)),
    "a division that rounds down": (
        lambda: RULES["div"](of(1), of(3)),
        lambda: RULES["div"](of(1), of(3), rounding_mode="floor"),
    ),
    "a division that cuts off": (lambda: RULES["div"](of(1), of(3)), lambda: RULES["div"](of(1), of(3), rounding_mode="trunc")),
    "attention with dropout": (
        lambda: RULES["scaled_dot_product_attention"](ROWS, ROWS, ROWS),
        lambda: RULES["scaled_dot_product_attention"](ROWS, ROWS, ROWS, None, 0.1),
    ),
    "index_put that adds": (
        lambda: RULES["index_put"](of(1, 2), [places(0)], of(3)),
        lambda: RULES["index_put"](of(1, 2), [places(0)], of(3), True),
    ),
    "index_put at rounded places": (
        lambda: RULES["index_put"](of(1, 2), [places(0)], of(3)),
        lambda: RULES["index_put"](of(1, 2), [places(0, error=1.0)], of(3)),
    ),
    "index at rounded places": (
        lambda: RULES["index"](of(1, 2), [places(0)]),
        lambda: RULES["index"](of(1, 2), [places(0, error=1.0)]),
    ),
    "embedding at rounded places": (
        lambda: RULES["embedding"](TABLE, places(0)),
        lambda: RULES["embedding"](TABLE, places(0, error=1.0)),
    ),
    "interpolation of integers": (
        lambda: RULES["upsample_linear1d"](ROWS, [6], False, None),
        lambda: RULES["upsample_linear1d"](exact(np.ones((1, 2, 3), dtype=np.int64)), [6], False, None),
    ),
    "the nearest of many": (
        lambda: RULES["upsample_nearest1d"](ROWS, [6], None),
        lambda: RULES["upsample_nearest1d"](exact(np.zeros((1, 1, 1025))), [6], None),
    ),
    "the nearest of few for many": (
        lambda: RULES["upsample_nearest1d"](ROWS, [6], None),
        lambda: RULES["upsample_nearest1d"](exact(np.zeros((1, 1, 3))), [1025], None),
    ),
    "a recurrent layer with dropout": (
        lambda: RULES["rnn_tanh"](SEQUENCE, STATE, WEIGHTS, True, 1, 0.5, False, False, False),
        lambda: RULES["rnn_tanh"](SEQUENCE, STATE, WEIGHTS, True, 1, 0.5, True, False, False),
    ),
    "a recurrent layer with a weight more": (
        lambda: RULES["rnn_tanh"](SEQUENCE, STATE, WEIGHTS, True, 1, 0.0, False, False, False),
        lambda: RULES["rnn_tanh"](SEQUENCE, STATE, [*WEIGHTS, SQUARE], True, 1, 0.0, False, False, False),
    ),
    "a recurrent layer of packed sequences": (
        lambda: RULES["rnn_tanh"](SEQUENCE, STATE, WEIGHTS, True, 1, 0.0, False, False, False),
        lambda: RULES["rnn_tanh"](SEQUENCE, places(1), STATE, WEIGHTS, True, 1, 0.0, False, False),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_an_option_that_a_rule_was_not_made_for_has_no_bound(name: str) -> None:
    plain, other = PAIRS[name]
    found = plain()
    first = found[0] if isinstance(found, tuple) else found
    assert np.isfinite(first.error).all()
    with pytest.raises(NotCertifiedError, match=r"ha(s|ve) no certified rule"):
        other()


ENDLESS: dict[str, tuple[Call, Call]] = {
    "sqrt of what may be below 0": (lambda: RULES["sqrt"](of(0.3, error=0.1)), lambda: RULES["sqrt"](of(0.05, error=0.1))),
    "sqrt of 0": (lambda: RULES["sqrt"](of(0.0)), lambda: RULES["sqrt"](of(-1e-9))),
    "log of what may be 0": (lambda: RULES["log"](of(0.2, error=0.1)), lambda: RULES["log"](of(0.1, error=0.1))),
    "log of 0": (lambda: RULES["log"](of(1.0)), lambda: RULES["log"](of(0.0))),
    "rsqrt of what may be 0": (lambda: RULES["rsqrt"](of(0.2, error=0.1)), lambda: RULES["rsqrt"](of(0.1, error=0.1))),
    "a division by what may be 0": (lambda: RULES["div"](of(1), of(0.2, error=0.1)), lambda: RULES["div"](of(1), of(0.1, error=0.1))),
    "a power of what may be 0": (
        lambda: RULES["pow"](of(0.2, error=0.1), 1.5),
        lambda: RULES["pow"](of(0.1, error=0.1), 1.5),
    ),
    "a power of what is below 0": (lambda: RULES["pow"](of(-2.0), 64.0), lambda: RULES["pow"](of(-2.0), 65.0)),
    "a power of what is below 0, by a tensor that is rounded": (
        lambda: RULES["pow"](of(-2.0), exact(np.array(2.0))),
        lambda: RULES["pow"](of(-2.0), Bounded(np.array(2.0), np.array(1e-6))),
    ),
    "a remainder of a rounded number": (lambda: RULES["remainder"](of(2.0), 0.75), lambda: RULES["remainder"](of(2.0, error=1e-6), 0.75)),
    "a remainder by a rounded number": (lambda: RULES["fmod"](of(2.0), 0.75), lambda: RULES["fmod"](of(2.0), 0.1)),
    "a remainder by 0": (lambda: RULES["remainder"](of(2.0), 0.75), lambda: RULES["remainder"](of(2.0), 0.0)),
    "the place of the largest of rounded numbers": (
        lambda: RULES["max"](of(1, 2), 0)[1],
        lambda: RULES["max"](of(1, 2, error=0.6), 0)[1],
    ),
    "the order of rounded numbers": (lambda: RULES["sort"](of(1, 2))[1], lambda: RULES["sort"](of(1, 2, error=0.6))[1]),
    "the places of the largest two of rounded numbers": (
        lambda: RULES["topk"](of(1, 2, 3), 2)[1],
        lambda: RULES["topk"](of(1, 2, 3, error=0.6), 2)[1],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDLESS)
def test_what_roundings_may_turn_into_something_else_has_no_finite_bound(name: str) -> None:
    sure, unsure = ENDLESS[name]
    assert np.isfinite(sure().error).all()
    assert np.isinf(unsure().error).all()


COMPARISONS: dict[str, Callable[[Array, Array], Array]] = {
    "gt": np.greater,
    "ge": np.greater_equal,
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize(("first", "second"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.25, 0.25), (0.5, 0.5)])
def test_a_comparison_that_an_error_may_turn_is_not_sure(name: str, first: float, second: float) -> None:
    """Every pair of numbers within the errors is compared: where one of them decides otherwise, the bound must be 1."""
    a, b = (side.ravel() for side in np.meshgrid(np.arange(-2, 2.25, 0.25), np.arange(-2, 2.25, 0.25)))
    found = RULES[name](Bounded(a, np.full(a.shape, first)), Bounded(b, np.full(b.shape, second)))
    compare = COMPARISONS[name]
    assert (found.value == compare(a, b)).all()
    for moved in np.linspace(-1, 1, 5):
        for other in np.linspace(-1, 1, 5):
            assert (found.error >= (compare(a + moved * first, b + other * second) != found.value)).all()
    assert set(found.error) <= {0.0, 1.0}
    assert found.error.max() == (1.0 if first or second else 0.0)


def test_a_number_of_the_program_is_compared_as_float32_has_it() -> None:
    rounded = float(np.float32(0.1))
    assert rounded > 0.1
    found = RULES["gt"](of(rounded, 0.3), 0.1)
    assert found.error.tolist() == [1.0, 0.0], "float32 says that 0.1 is not above 0.1"
    assert RULES["gt"](places(3), 3).error.tolist() == [0.0]


@pytest.mark.parametrize("name", ["logical_and", "logical_or", "logical_xor"])
@pytest.mark.parametrize("unsure", [0, 1])
def test_logic_is_as_sure_as_each_of_its_arguments(name: str, unsure: int) -> None:
    truth = [Bounded(np.array([True]), np.array([1.0 if at == unsure else 0.0])) for at in range(2)]
    assert RULES[name](*truth).error.tolist() == [1.0]
    assert RULES[name](*(exact(np.array([True])) for _ in range(2))).error.tolist() == [0.0]


def test_a_choice_that_is_not_sure_may_be_the_other_one() -> None:
    unsure = Bounded(np.array([True, False]), np.ones(2))
    a, b = Bounded(np.array([1.0, 1.0]), np.array([0.1, 0.2])), Bounded(np.array([3.0, 3.5]), np.array([0.4, 0.01]))
    for found in (RULES["where"](unsure, a, b), RULES["masked_fill"](b, unsure, a)):
        assert found.value.tolist() == [1.0, 3.5]
        for at, (low, high) in enumerate([(0.9, 3.4), (0.8, 3.51)]):
            assert found.error[at] >= max(high - found.value[at], found.value[at] - low) - 1e-12
    sure = RULES["where"](exact(np.array([True, False])), a, b)
    assert sure.error.tolist() == [0.1, 0.01]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_what_has_no_bound_has_an_infinite_error_and_not_nan(name: str) -> None:
    """NaN is never larger than an edge: what follows would take it for a small error."""
    for x, y in ((np.inf, 1.0), (1.0, np.inf), (np.inf, 0.0), (np.inf, np.inf)):
        assert not np.isnan(FUNCTIONS[name].bound(np.array([x]), np.array([y]))).any()


def test_what_an_infinite_error_reaches_is_not_certified_behind_an_edge() -> None:
    """A remainder of rounded numbers may jump from 0.02 to 0.3, and hardshrink cuts off at 0.1."""
    x = np.full((2, 3), 3.2, dtype=np.float32)
    net = Of(lambda x: F.hardshrink(torch.tanh((x * 0.1) % 0.3), 0.1)).eval()
    kinds = contract((spec("x", shape=("N", 3)),), (spec("y", shape=("N", 3)),))
    with pytest.raises(NotCertifiedError, match="no finite bound"):
        certified_bounds(ExportSource(net, kinds, {"x": x}).program, kinds, {"x": x})


@pytest.mark.parametrize("error", [np.inf, np.nan])
def test_an_edge_is_sure_only_where_the_error_is_known_to_be_small(error: float) -> None:
    assert not (RULES["hardshrink"](of(0.3, 0.7, error=error)).error < 0.3).any()
