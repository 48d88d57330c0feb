"""Worst cases of norms, attention, recurrent layers and upsampling: hostile numbers, and ways to compute them that engines have."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from torchferry.bounds.error_bound import INFLATION, Bounded, exact
from torchferry.bounds.rules import rules
from torchferry.bundle.contract import Array

RULES = rules()
EPS = 1e-5
RNG = np.random.default_rng(11)
Ways = dict[str, Callable[[Array], Array]]


def rows_of(n: int) -> Array:
    """5,000 rows: of many scales, with large means, nearly constant, with ties, with one number that is much larger."""
    scale = 10.0 ** RNG.uniform(-4, 4, (1000, 1))
    normal = RNG.normal(size=(1000, n))
    spiked = normal.copy()
    spiked[:, 0] *= 1e3
    kinds = (
        scale * normal,
        normal + RNG.choice([1, 10, 100, 1000], (1000, 1)),
        scale * (1 + 1e-3 * normal),
        np.round(normal) * scale,
        spiked,
    )
    return np.concatenate(kinds).astype(np.float32)


# ---- norms ------------------------------------------------------------------------------------------------------------


def last(array: Array) -> Array:
    return np.add.accumulate(array, -1, dtype=np.float32)[:, -1:]


def by_squares(x: Array) -> Array:
    n = np.float32(x.shape[1])
    mean = last(x) / n
    inverse = np.float32(1) / np.sqrt(np.maximum(last(x * x) / n - mean * mean, np.float32(0)) + np.float32(EPS))
    return x * inverse - mean * inverse


def in_two_passes(x: Array) -> Array:
    n = np.float32(x.shape[1])
    centre = x - last(x) / n
    return centre / np.sqrt(last(centre * centre) / n + np.float32(EPS))


def by_updates(x: Array) -> Array:
    mean = squares = np.zeros((len(x), 1), np.float32)
    for at in range(x.shape[1]):
        off = x[:, at : at + 1] - mean
        mean = mean + off / np.float32(at + 1)
        squares = squares + off * (x[:, at : at + 1] - mean)
    return (x - mean) / np.sqrt(squares / np.float32(x.shape[1]) + np.float32(EPS))


def by_pairs(x: Array) -> Array:
    """Updates of halves by halves (Chan, Golub and LeVeque)."""

    def parts(x: Array) -> tuple[Array, Array, int]:
        if x.shape[1] == 1:
            return x, np.zeros_like(x), 1
        (a, s, n), (b, t, m) = parts(x[:, : x.shape[1] // 2]), parts(x[:, x.shape[1] // 2 :])
        off, share = b - a, np.float32(m / (n + m))
        return a + off * share, s + t + off * off * np.float32(n) * share, n + m

    mean, squares, n = parts(x)
    return (x - mean) / np.sqrt(squares / np.float32(n) + np.float32(EPS))


def of_torch(x: Array) -> Array:
    return F.layer_norm(torch.from_numpy(x), [x.shape[1]], eps=EPS).numpy()


NORMS: Ways = {"squares": by_squares, "passes": in_two_passes, "updates": by_updates, "pairs": by_pairs, "torch": of_torch}


def exact_norm(x: Array) -> Array:
    wide = x.astype(np.longdouble)
    centre = wide - wide.mean(1, keepdims=True)
    return centre / np.sqrt((centre * centre).mean(1, keepdims=True) + np.longdouble(EPS))


@pytest.mark.parametrize("n", [2, 17, 400])
@pytest.mark.parametrize("way", NORMS)
def test_no_way_to_compute_a_norm_leaves_its_worst_case(way: str, n: int) -> None:
    x = rows_of(n)
    found = RULES["layer_norm"](exact(x), [n], None, None, EPS)
    sure = np.isfinite(found.error)
    assert sure[:1000].mean() > 0.99, "numbers without a large mean have a bound"
    with np.errstate(invalid="ignore"):
        off = np.abs(NORMS[way](x) - exact_norm(x))
    assert (off <= found.error * INFLATION)[sure].all()


def test_the_worst_case_of_a_norm_is_not_far_from_what_is_seen() -> None:
    x = RNG.normal(size=(2000, 24)).astype(np.float32)
    found = RULES["layer_norm"](exact(x), [24], None, None, EPS)
    worst = max(float(np.abs(way(x) - exact_norm(x)).max()) for way in NORMS.values())
    assert found.error.max() <= 120 * worst


@pytest.mark.parametrize("share", [1e-6, 1e-3, 0.3])
def test_a_norm_carries_the_errors_of_its_argument(share: float) -> None:
    """Near-zero variances too: what changes is bounded by eps."""
    x = np.concatenate([RNG.normal(size=(500, 6)), 1 + 1e-3 * RNG.normal(size=(500, 6)), np.ones((500, 6))])
    error = share * RNG.uniform(0, 1, x.shape)
    weight, bias = exact(RNG.normal(size=6)), exact(RNG.normal(size=6))
    found = RULES["layer_norm"](Bounded(x, error), [6], weight, bias, EPS)
    furthest = 0.0
    for _ in range(200):
        moved = x + error * RNG.choice([-1, 1], x.shape)
        off = np.abs(exact_norm(moved) * weight.real + bias.real - found.value)
        assert (off <= found.error * INFLATION).all()
        furthest = max(furthest, float((off / found.error)[:500].max()))
    assert furthest > 0.25 or share < 1e-5, "nor does the bound say nothing"


def test_group_and_instance_norms_are_rows_of_a_layer_norm() -> None:
    x = RNG.normal(size=(50, 6, 3, 3)).astype(np.float32)
    weight, bias = (RNG.normal(size=6).astype(np.float32) for _ in range(2))
    given = [torch.from_numpy(array) for array in (x, weight, bias)]
    group = RULES["group_norm"](exact(x), 2, exact(weight), exact(bias), EPS)
    off = np.abs(
        F.group_norm(given[0], 2, *given[1:], EPS).numpy()
        - F.group_norm(given[0].double(), 2, *(p.double() for p in given[1:]), EPS).numpy()
    )
    assert (off <= group.error).all()
    own = RULES["instance_norm"](exact(x), exact(weight), exact(bias), None, None, True, 0.1, EPS, False)
    wide = F.instance_norm(given[0].double(), None, None, *(p.double() for p in given[1:]), True, 0.1, EPS).numpy()
    assert (np.abs(F.instance_norm(given[0], None, None, *given[1:], True, 0.1, EPS).numpy() - wide) <= own.error).all()
    assert np.allclose(own.value, wide)


# ---- attention --------------------------------------------------------------------------------------------------------


def by_blocks(q: Array, k: Array, v: Array, scale: float) -> Array:
    """Online softmax over blocks of 16 keys, the query scaled beforehand (FlashAttention)."""
    q = q * np.float32(scale)
    top, total, made = np.full((*q.shape[:-1], 1), -np.inf, np.float32), np.float32(0), np.float32(0)
    for at in range(0, k.shape[-2], 16):
        scores = q @ k[..., at : at + 16, :].swapaxes(-1, -2)
        higher = np.maximum(top, scores.max(-1, keepdims=True))
        shrink, new = np.exp(top - higher), np.exp(scores - higher)
        total, made, top = total * shrink + new.sum(-1, keepdims=True), made * shrink + new @ v[..., at : at + 16, :], higher
    return np.asarray(made / total)


@pytest.mark.parametrize("size", [0.1, 1.0, 6.0])
@pytest.mark.parametrize("length", [5, 16, 70])
def test_no_way_to_compute_attention_leaves_its_worst_case(length: int, size: float) -> None:
    q, k, v = (RNG.normal(size=(12, 2, length, 8)).astype(np.float32) for _ in range(3))
    q *= np.float32(size)
    k *= np.float32(size)
    found = RULES["scaled_dot_product_attention"](exact(q), exact(k), exact(v))
    given = [torch.from_numpy(array) for array in (q, k, v)]
    with sdpa_kernel(SDPBackend.MATH):
        wide = F.scaled_dot_product_attention(*(part.double() for part in given)).numpy()
    ways = [by_blocks(q, k, v, 8**-0.5)]
    for kernel in (SDPBackend.MATH, SDPBackend.FLASH_ATTENTION):
        with sdpa_kernel(kernel):
            ways.append(F.scaled_dot_product_attention(*given).numpy())
    for made in ways:
        assert (np.abs(made - wide) <= found.error).all()
    assert found.error.max() <= 400 * max(np.abs(made - wide).max() for made in ways)


MASKS: dict[str, dict[str, Any]] = {
    "causal": {"is_causal": True},
    "truth": {"attn_mask": torch.ones(6, 6).tril().bool()},
    "minus infinity": {"attn_mask": torch.zeros(6, 6).masked_fill(torch.ones(6, 6).triu(1).bool(), -torch.inf)},
    "large": {"attn_mask": torch.zeros(6, 6).masked_fill(torch.ones(6, 6).triu(1).bool(), torch.finfo(torch.float32).min)},
    "numbers": {"attn_mask": torch.randn(6, 6, generator=torch.Generator().manual_seed(3))},
}


@pytest.mark.parametrize("name", MASKS)
def test_masked_scores_vanish_and_carry_no_error(name: str) -> None:
    x = RNG.normal(size=(200, 1, 6, 4)).astype(np.float32)
    q = torch.from_numpy(x)
    masks = {
        key: mask.double() if isinstance(mask, torch.Tensor) and mask.is_floating_point() else mask
        for key, mask in MASKS[name].items()
    }
    given = {
        key.removeprefix("attn_"): exact(mask.numpy()) if isinstance(mask, torch.Tensor) else mask
        for key, mask in MASKS[name].items()
    }
    found = RULES["scaled_dot_product_attention"](exact(x), exact(x * np.float32(0.5)), exact(x), **given)
    wide = F.scaled_dot_product_attention(q.double(), 0.5 * q.double(), q.double(), **masks).numpy()
    made = F.scaled_dot_product_attention(q, 0.5 * q, q, **MASKS[name]).numpy()
    assert (np.abs(made - wide) <= found.error).all()
    assert np.allclose(found.value, wide)
    assert found.error.max() < 2e-4


def test_attention_carries_the_errors_of_all_three() -> None:
    parts = [RNG.normal(size=(40, 3, 4)) for _ in range(3)]
    errors = [10.0 ** RNG.uniform(-4, -1) * RNG.uniform(0, 1, part.shape) for part in parts]
    found = RULES["scaled_dot_product_attention"](*(Bounded(*both) for both in zip(parts, errors, strict=True)))
    for _ in range(500):
        moved = [
            torch.from_numpy(part + error * RNG.choice([-1, 1], part.shape)) for part, error in zip(parts, errors, strict=True)
        ]
        assert (np.abs(F.scaled_dot_product_attention(*moved).numpy() - found.value) <= found.error * INFLATION).all()


# ---- recurrent layers -------------------------------------------------------------------------------------------------

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "lstm": lambda: nn.LSTM(4, 6, 2, batch_first=True),
    "gru": lambda: nn.GRU(4, 6, 2, bidirectional=True, batch_first=True),
    "rnn_tanh": lambda: nn.RNN(4, 6, bidirectional=True, batch_first=True),
    "rnn_relu": lambda: nn.RNN(4, 6, nonlinearity="relu", bias=False, batch_first=True),
}


def layer(name: str, size: float) -> tuple[nn.Module, Callable[[Bounded], Bounded]]:
    torch.manual_seed(7)
    made: Any = LAYERS[name]()
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(size)
    weights = [exact(weight.detach().numpy().astype(np.float64)) for weight in made.parameters()]

    def rule(x: Bounded) -> Bounded:
        ways = 2 if made.bidirectional else 1
        start = exact(np.zeros((made.num_layers * ways, len(x.value), 6)))
        state = [start, start] if name == "lstm" else start
        found: Bounded = RULES[name](x, state, weights, made.bias, made.num_layers, 0.0, False, made.bidirectional, True)[0]
        return found

    return made.eval(), rule


@pytest.mark.parametrize("size", [1.0, 4.0])
@pytest.mark.parametrize("name", LAYERS)
def test_a_recurrent_layer_in_float32_stays_in_its_worst_case(name: str, size: float) -> None:
    made, rule = layer(name, size)
    x = (RNG.normal(size=(300, 4, 4)) * 10.0 ** RNG.uniform(-3, 2, (300, 1, 1))).astype(np.float32)
    found = rule(exact(x))
    with torch.no_grad():
        narrow = made(torch.from_numpy(x))[0].numpy()
        wide = made.double()(torch.from_numpy(x).double())[0].numpy()
    assert np.allclose(found.value, wide)
    assert (np.abs(narrow - wide) <= found.error).all()
    if size == 1.0:
        assert found.error.max() <= 400 * np.abs(narrow - wide).max()


@pytest.mark.parametrize("error", [1e-5, 0.05])
@pytest.mark.parametrize("name", LAYERS)
def test_a_recurrent_layer_carries_the_errors_of_its_input_through_time(name: str, error: float) -> None:
    made, rule = layer(name, 2.0)
    made.double()
    x = RNG.normal(size=(20, 4, 4))
    found = rule(Bounded(x, np.full(x.shape, error)))
    with torch.no_grad():
        for _ in range(100):
            moved = made(torch.from_numpy(x + error * RNG.choice([-1, 1], x.shape)))[0].numpy()
            assert (np.abs(moved - found.value) <= found.error * INFLATION).all()


@pytest.mark.parametrize("cell", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_a_cell_is_one_step(cell: Any) -> None:
    torch.manual_seed(3)
    made = cell(5, 4)
    x, h = (RNG.normal(size=(2000, size)).astype(np.float32) for size in (5, 4))
    weights = [exact(weight.detach().numpy().astype(np.float64)) for weight in made.parameters()]
    name = {nn.LSTMCell: "lstm_cell", nn.GRUCell: "gru_cell", nn.RNNCell: "rnn_tanh_cell"}[cell]
    is_lstm = cell is nn.LSTMCell
    found = RULES[name](exact(x), [exact(h), exact(h)] if is_lstm else exact(h), *weights)
    given = [torch.from_numpy(array) for array in (x, h)]
    state = lambda double: (given[1].to(double), given[1].to(double)) if is_lstm else given[1].to(double)  # noqa: E731
    with torch.no_grad():
        narrow = made(given[0], state(torch.float32))
        wide = made.double()(given[0].double(), state(torch.float64))
    for bound, low, high in zip(found, narrow, wide, strict=True) if is_lstm else [(found, narrow, wide)]:
        off = np.abs(low.numpy() - high.numpy())
        assert (off <= bound.error).all()
        assert bound.error.max() <= 60 * off.max()


# ---- upsampling -------------------------------------------------------------------------------------------------------


def by_division(x: Array, wanted: int, *, cubic: bool) -> Array:
    """Interpolate the last dim in float32, with places by a division as ONNX Runtime has them."""
    size = x.shape[-1]
    places = (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) / np.float32(wanted / size) - np.float32(0.5)
    places = places if cubic else np.clip(places, np.float32(0), None)
    start = np.floor(places)
    t, a = places - start, np.float32(-0.75)
    if cubic:
        near = [((a + 2) * d - (a + 3)) * d * d + np.float32(1) for d in (t, 1 - t)]
        far = [((a * d - 5 * a) * d + 8 * a) * d - 4 * a for d in (t + 1, 2 - t)]
        weights, first = [far[0], *near, far[1]], -1
    else:
        weights, first = [1 - t, t], 0
    at = start.astype(int)
    terms = [w * x[..., np.clip(at + first + i, 0, size - 1)] for i, w in enumerate(weights)]
    return np.asarray(np.sum(terms, axis=0, dtype=np.float32))


@pytest.mark.parametrize("wanted", [3, 7, 30, 61, 200, 333])
@pytest.mark.parametrize("size", [2, 5, 30, 100])
def test_no_way_to_compute_places_leaves_the_worst_case_of_interpolation(size: int, wanted: int) -> None:
    x = (RNG.normal(size=(40, 2, size)) * 10.0 ** RNG.uniform(-2, 2, (40, 1, 1))).astype(np.float32)
    given = torch.from_numpy(x)
    found = RULES["upsample_linear1d"](exact(x), [wanted], False, None)
    wide = F.interpolate(given.double(), size=wanted, mode="linear").numpy()
    assert np.allclose(found.value, wide, rtol=1e-12)
    for made in (F.interpolate(given, size=wanted, mode="linear").numpy(), by_division(x, wanted, cubic=False)):
        assert (np.abs(made - wide) <= found.error).all()
    square = RULES["upsample_bicubic2d"](exact(x[:, :, None]), [1, wanted], False, None)
    wide = F.interpolate(given.double()[:, :, None], size=(1, wanted), mode="bicubic").numpy()
    assert np.allclose(square.value, wide, rtol=1e-9, atol=1e-12)
    for made in (
        F.interpolate(given[:, :, None], size=(1, wanted), mode="bicubic").numpy(),
        by_division(x, wanted, cubic=True)[:, :, None],
    ):
        assert (np.abs(made - wide) <= square.error).all()


@pytest.mark.parametrize(
    "given", [{"scale_factor": 2.0}, {"scale_factor": 1.5}, {"size": (9, 31)}, {"size": (9, 31), "align_corners": True}]
)
def test_interpolation_is_bounded_near_what_is_seen(given: dict[str, Any]) -> None:
    x = RNG.normal(size=(20, 2, 12, 20)).astype(np.float32)
    factors = [given["scale_factor"]] * 2 if "scale_factor" in given else None
    found = RULES["upsample_bilinear2d"](exact(x), given.get("size"), given.get("align_corners", False), factors)
    narrow, wide = (
        F.interpolate(part, mode="bilinear", **given).numpy() for part in (torch.from_numpy(x), torch.from_numpy(x).double())
    )
    off = np.abs(narrow - wide)
    assert (off <= found.error).all()
    assert found.error.max() <= 25 * off.max()


def test_nearest_picks_what_any_way_to_compute_places_picks() -> None:
    """41 * float32(1 / 41) is below 1: whoever multiplies picks another number than whoever divides."""
    x = RNG.normal(size=(1, 1, 3)).astype(np.float32)
    index = np.arange(123, dtype=np.float32)
    multiplied, divided = (np.floor(way).astype(int) for way in (index * np.float32(1 / 41), index / np.float32(41)))
    assert (multiplied != divided).any()
    found = RULES["upsample_nearest1d"](exact(x), [123], None)
    for picks in (multiplied, divided):
        assert (np.abs(x[..., np.clip(picks, 0, 2)] - found.value) <= found.error).all()
    assert RULES["upsample_nearest1d"](exact(x), None, [2.0]).error.max() == 0


# ---- bags, weight norm, values put in places --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_are_sums_in_any_order(mode: Any) -> None:
    table = (RNG.normal(size=(50, 7)) * 10.0 ** RNG.uniform(-3, 3, (50, 1))).astype(np.float32)
    indices, offsets = RNG.integers(0, 50, 400), np.array([0, 1, 9, 9, 200])
    found, *_ = RULES["embedding_bag"](exact(table), exact(indices), exact(offsets), False, ["sum", "mean", "max"].index(mode))
    at = torch.from_numpy(indices), torch.from_numpy(offsets)
    wide = F.embedding_bag(at[0], torch.from_numpy(table).double(), at[1], mode=mode).numpy()
    assert np.allclose(found.value, wide)
    assert (np.abs(F.embedding_bag(at[0], torch.from_numpy(table), at[1], mode=mode).numpy() - wide) <= found.error).all()
    for bag, (start, end) in enumerate(pairwise([*offsets, 400])):
        rows = np.sort(table[indices[start:end]], axis=0)
        if mode != "max" and len(rows):
            total = np.add.accumulate(rows, dtype=np.float32)[-1] / np.float32(len(rows) if mode == "mean" else 1)
            assert (np.abs(total - wide[bag]) <= found.error[bag]).all()
    assert (found.error == 0).all() == (mode == "max")


def test_weight_norm_rounds_norm_and_quotient() -> None:
    v, g = RNG.normal(size=(60, 30)).astype(np.float32), RNG.normal(size=(60, 1)).astype(np.float32)
    found = RULES["_weight_norm"](exact(v), exact(g))
    wide = v * (g.astype(np.longdouble) / np.sqrt((v.astype(np.longdouble) ** 2).sum(1, keepdims=True)))
    squares = np.sqrt(np.add.accumulate(v * v, 1, dtype=np.float32)[:, -1:])
    for made in (v * (g / squares), (v / squares) * g):
        off = np.abs(made - wide)
        assert (off <= found.error).all()
        assert found.error.max() <= 40 * off.max()


def test_one_value_in_the_place_of_a_mask_need_not_be_sure() -> None:
    x, zero = Bounded(np.array([-1.0, -1e-9, 1e-9, 1.0]), np.full(4, 1e-8)), exact(np.zeros(()))
    found = RULES["index_put"](x, [RULES["lt"](x, 0)], zero)
    assert found.value.tolist() == [0, 0, 1e-9, 1]
    assert (found.error >= [0, 1.1e-8, 1e-9, 1e-8]).all()
    assert (found.error <= 2e-8).all()
