"""The memory plan: values that live at the same time never share memory."""

from __future__ import annotations

import itertools

import pytest

from builders.generated_c import Subject
from builders.networks import deep, dense, fork, image_net, residual
from torchferry.cgen.emit.layers import group
from torchferry.cgen.emit.plan import Plan, plan


def lives(subject: Subject) -> tuple[Plan, dict[object, tuple[int, int]]]:
    graph = subject.generated.graph
    layers = group(graph)
    made = plan(graph, layers)
    spans: dict[object, tuple[int, int]] = {}
    for index, layer in enumerate(layers):
        for value in [*layer.reads(), *layer.writes()]:
            owner = made.owner(value)
            first, _ = spans.get(owner, (index, index))
            spans[owner] = (first, index)
    return made, spans


@pytest.mark.parametrize("make", [fork, residual, deep, lambda: dense(9, 100, 30, 100, 4), lambda: image_net(9, 9, 100)])
def test_no_two_living_values_overlap(make: object) -> None:
    made, spans = lives(make())  # type: ignore[operator]
    stored = [value for value in spans if value in made.places and made.places[value].area not in ("input", "output")]
    for a, b in itertools.combinations(stored, 2):
        if made.places[a].area != made.places[b].area or spans[a][1] < spans[b][0] or spans[b][1] < spans[a][0]:
            continue
        starts = made.places[a].offset, made.places[b].offset
        assert starts[0] + a.size <= starts[1] or starts[1] + b.size <= starts[0]


def test_a_deep_network_needs_two_buffers_only() -> None:
    made, _ = lives(deep(depth=12, width=24))
    assert made.sizes["floats"] == 2 * 32


def test_an_activation_works_in_place() -> None:
    made, _ = lives(dense(5, 40, 2))
    assert made.sizes["floats"] == 48
