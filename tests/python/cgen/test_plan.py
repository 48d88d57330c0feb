"""The memory plan: values that live at the same time never share memory."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from builders.contracts import spec
from builders.generated_c import Subject, subject_of
from builders.memory_networks import MEMORY_SUBJECTS
from builders.networks import deep, dense, fork, residual
from torchferry.cgen.emit.layers import Layer, group
from torchferry.cgen.emit.plan import Plan, area_of, element_bytes, plan
from torchferry.cgen.values import Value


def made_for(subject: Subject) -> tuple[tuple[Layer, ...], Plan]:
    layers = group(subject.generated.graph)
    return layers, plan(subject.generated.graph, layers)


def lives(layers: tuple[Layer, ...], made: Plan) -> dict[Value, tuple[int, int]]:
    """The layers from the first to the last that touches what is stored in a place."""
    spans: dict[Value, tuple[int, int]] = {}
    for index, layer in enumerate(layers):
        for value in [*layer.reads(), *layer.writes()]:
            owner = made.owner(value)
            first, _ = spans.get(owner, (index, index))
            spans[owner] = (first, index)
    return spans


def bytes_of(made: Plan, value: Value) -> range:
    place, width = made.places[value], element_bytes(area_of(value.dtype))
    return range(place.offset * width, (place.offset + made.parts.get(value, value.size)) * width)


def is_part_of(made: Plan, layers: tuple[Layer, ...], a: Value, b: Value) -> bool:
    """Whether one of two values is, element by element, a part of the other, which is copied nowhere."""
    for layer in layers:
        placed = {made.owner(value) for value in made.placed.get(layer, ())}
        results = {made.owner(value) for value in layer.head.outputs} if layer.head is not None else set()
        if (a in placed and b in results) or (b in placed and a in results):
            return True
    return False


EVERY = {**{f"memory {name}": make for name, make in MEMORY_SUBJECTS.items()}, "fork": fork, "residual": residual, "deep": deep}


@pytest.mark.parametrize("name", EVERY)
def test_no_two_living_values_overlap(name: str) -> None:
    layers, made = made_for(EVERY[name]())
    spans = lives(layers, made)
    stored = [value for value in spans if value in made.places and made.places[value].area not in ("input", "output")]
    for a, b in itertools.combinations(stored, 2):
        meet = set(bytes_of(made, a)) & set(bytes_of(made, b))
        if meet and spans[a][0] < spans[b][1] and spans[b][0] < spans[a][1]:
            assert is_part_of(made, layers, a, b), f"{a.name} and {b.name}"
        assert max(bytes_of(made, a)) < made.bytes


def test_a_deep_network_needs_two_buffers_only() -> None:
    assert made_for(deep(depth=12, width=24))[1].bytes == 2 * 24 * 4


def test_an_activation_works_in_place() -> None:
    assert made_for(dense(5, 40, 2))[1].bytes == 40 * 4


def test_a_bottleneck_takes_no_room_beside_two_buffers() -> None:
    assert made_for(dense(200, 128, 128, 128, 128, 8, 128, 128, 128, 128, 200))[1].bytes == 1024


def test_the_inputs_that_a_product_gathers_are_not_in_the_arena() -> None:
    assert made_for(dense(640, 64, 3))[1].bytes == 64 * 4


class Skip(nn.Module):
    """Two convolutions of one size, and what came before them added."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.convs[0](x))
        x = torch.relu(self.convs[2](torch.relu(self.convs[1](x))) + x)
        return x.mean((2, 3))


def test_a_residual_is_added_in_its_own_place() -> None:
    """Beside two tensors there are a row of results and three rows of the input with their padding, all of eight channels."""
    tensor, row, lines = 8 * 16 * 16 * 4, 16 * 8 * 4, 3 * (16 + 2) * 8 * 4
    made = made_for(of(Skip(), 8, 16, 16))[1]
    assert made.bytes == 2 * tensor + row + lines


class Joined(nn.Module):
    """Branches whose results are put together, and taken apart again."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(3, 4, size, padding=size // 2) for size in (1, 3, 5))
        self.last = nn.Conv2d(4, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        whole = torch.cat([torch.relu(branch(x)) for branch in self.branches], 1)
        a, b, c = whole.chunk(3, 1)
        return self.last(a) + self.last(b) * self.last(c)


def test_a_concatenation_and_its_parts_are_not_copied() -> None:
    layers, made = made_for(of(Joined(), 3, 10, 10))
    assert sum(len(placed) for placed in made.placed.values()) == 6
    source = of(Joined(), 3, 10, 10).generated.files["model.c"]
    assert not [
        layer for layer in layers if layer.head is not None and layer.head.describe() == "cat" and "cat" in source.split("*/")[1]
    ]


def test_values_of_several_types_share_bytes() -> None:
    _, made = made_for(MEMORY_SUBJECTS["types"]())
    apart = dict.fromkeys(made.areas, 0)
    for value, place in made.places.items():
        if place.area in apart:
            apart[place.area] = max(apart[place.area], bytes_of(made, value).stop)
    assert made.bytes < sum(apart.values())


def of(module: nn.Module, *shape: int) -> Subject:
    torch.manual_seed(0)
    return subject_of(module, (spec("x", shape=("N", *shape)),), ("y",), {"x": np.ones((2, *shape), np.float32)})
