"""Operators that only move elements: the C gives eager's own bits, and what would mix samples is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from builders.contracts import spec
from builders.functions import All, Of, differing, member
from builders.generated_c import Subject, load, same_bits, subject_of
from builders.networks import normal
from builders.spread import spread
from torchferry.cgen import reference
from torchferry.cgen.index_map import IndexMap, step
from torchferry.errors import FerryError

FLAGS = [("-O0",), ("-O2",)]


def with_constant(x: Tensor) -> Tensor:
    return torch.cat([x.new_full((x.shape[0], 1, 5), 2.5), x[:, 0], x.new_zeros(x.shape[0], 2, 5)], 1)


def written(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, 1, :, 2:4] = x[:, 0, :, :2]
    y[:, :, 0] = 7
    return y


# On samples [3, 4, 5].
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "permute": lambda x: x.permute(0, 3, 1, 2),
    "transpose": lambda x: x.transpose(1, 3),
    "the batch as an inner dim and back": lambda x: x.permute(2, 0, 1, 3).flip(0).permute(1, 0, 2, 3),
    "the batch times a dim": lambda x: x.reshape(-1, 4, 5).flip(2).reshape(-1, 3, 4, 5).transpose(1, 2),
    "slice": lambda x: x[:, 1:, ::2, 1:4],
    "select": lambda x: x[:, -1, :, 2],
    "narrow": lambda x: x.narrow(3, 1, 3),
    "split": lambda x: x.split([1, 3], 2)[1],
    "chunk": lambda x: torch.cat(x.chunk(2, 3)[::-1], 3),
    "unbind": lambda x: torch.stack(x.unbind(1)[::-1], 2),
    "cat": lambda x: torch.cat([x, x[:, :1], x.flip(1)], 1),
    "cat of the last dim": lambda x: torch.cat([x, x[..., :2]], -1),
    "cat with constants": with_constant,
    "stack": lambda x: torch.stack([x, x.flip(3)], 1),
    "expand": lambda x: x[:, :, :1].expand(-1, -1, 6, -1).contiguous(),
    "repeat": lambda x: x.repeat(1, 2, 1, 3),
    "repeat interleave": lambda x: x.repeat_interleave(3, 2),
    "flip": lambda x: x.flip(1, 3),
    "roll": lambda x: x.roll((1, -2), (2, 3)),
    "index select": lambda x: x.index_select(2, torch.tensor([3, 0, 0, 2])),
    "index by constants of two dims": lambda x: x[:, :, torch.tensor([0, 3, 1]), torch.tensor([4, 4, 0])],
    "constant pad": lambda x: F.pad(x, (1, 2, 0, 1), value=-0.5),
    "constant pad that crops": lambda x: F.pad(x, (-1, 2, 1, -2)),
    "reflect pad": lambda x: F.pad(x, (2, 1, 3, 0), mode="reflect"),
    "replicate pad": lambda x: F.pad(x, (2, 1, 3, 0), mode="replicate"),
    "circular pad": lambda x: F.pad(x, (2, 1, 3, 0), mode="circular"),
    "upsample nearest": lambda x: F.interpolate(x, scale_factor=2),
    "upsample nearest to a size": lambda x: F.interpolate(x, size=(7, 3)),
    "upsample nearest exact": lambda x: F.interpolate(x, size=(7, 3), mode="nearest-exact"),
    "pixel shuffle": lambda x: F.pixel_shuffle(x.transpose(1, 2), 2),
    "pixel unshuffle": lambda x: F.pixel_unshuffle(x[..., :4], 2),
    "channel shuffle": lambda x: F.channel_shuffle(x.transpose(1, 2), 2),
    "movedim": lambda x: x.movedim(1, 3),
    "unfold": lambda x: x.unfold(3, 3, 1),
    "diagonal": lambda x: x.diagonal(0, 2, 3),
    "tril": lambda x: x.tril(),
    "im2col": lambda x: F.unfold(x, (2, 3), padding=1),
    "unsqueeze, squeeze and view": lambda x: x.unsqueeze(2).flatten(3).squeeze(2).view(-1, 6, 10),
    "the batch twice, one after the other": lambda x: torch.cat([x, x * 2], 0)[x.shape[0] :],
    "written in place": written,
}


def subject_for(function: Callable[[Tensor], Tensor]) -> Subject:
    return subject_of(Of(function), (spec("x", shape=("N", 3, 4, 5)),), ("y",), {"x": normal(6, 3, 4, 5, seed=3)})


def definition(subject: Subject) -> dict[str, np.ndarray]:
    return {"y": reference.run(subject.generated.graph, subject.samples)[0]}


@pytest.mark.slow
def test_the_elements_of_every_function_are_where_eager_has_them(tmp_path: Path) -> None:
    x = (spec("x", shape=("N", 3, 4, 5)),)
    subject = subject_of(All(FUNCTIONS.values()), x, tuple(map(member, FUNCTIONS)), {"x": normal(6, 3, 4, 5, seed=3)})
    expected = subject.float32()
    results = reference.run(subject.generated.graph, subject.samples)
    assert differing(dict(zip(expected, results, strict=True)), expected) == []
    for flags in FLAGS:
        compiled = load(subject, tmp_path, "gcc", *flags)
        assert differing(compiled.run(subject.samples), expected) == [], flags
        assert compiled.selftest() == -1


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.flip(0),
        lambda x: x.roll(1, 0),
        lambda x: torch.cat([x, x.flip(0)], 0)[: x.shape[0] * 2].view(2, -1, 3, 4, 5)[1],
        lambda x: x.transpose(0, 1).reshape(-1, 4, 5).flip(0).reshape(3, -1, 4, 5).transpose(0, 1),
        lambda x: x[:1].expand_as(x) + x,
        lambda x: x.sum(0, keepdim=True) + x,
        lambda x: x.permute(1, 0, 2, 3).cumsum(1).permute(1, 0, 2, 3),
    ],
)
def test_what_mixes_samples_is_refused(function: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(FerryError, match="samples must not mix"):
        subject_for(function)


def test_other_dtypes_move_too(tmp_path: Path) -> None:
    class Positive(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            return (x > 0).transpose(1, 2), x.argmax(2).flip(1), (x > 1)[:, :, ::2].to(torch.int64)

    subject = subject_of(Positive(), (spec("x", shape=("N", 4, 5)),), ("a", "b", "c"), {"x": normal(6, 4, 5)})
    assert same_bits(load(subject, tmp_path, "gcc", "-O2").run(subject.samples), subject.float32())


def test_bytes_become_floats_only_where_they_meet_floats(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 4), dtype=np.uint8)
    subject = subject_of(
        Of(lambda x: x.permute(0, 2, 1).float() / 255), (spec("x", "uint8", ("N", 3, 4)),), ("y",), {"x": images}
    )
    assert [n.output.dtype for n in subject.generated.graph.nodes if isinstance(n, IndexMap)] == ["uint8"]
    assert same_bits(load(subject, tmp_path).run(subject.samples), subject.float32())


@pytest.mark.parametrize("name", spread(["permute", "slice", "flip", "cat", "expand", "constant pad"], 3))
def test_regular_places_need_no_table(name: str) -> None:
    nodes = subject_for(FUNCTIONS[name]).generated.graph.nodes
    copies = [node for node in nodes if isinstance(node, IndexMap)]
    assert copies
    assert not any(node.tables() for node in copies)


def test_a_shape_alone_costs_nothing() -> None:
    assert not subject_for(lambda x: x.flatten(1).unsqueeze(1).view(-1, 15, 4)).generated.graph.nodes


def test_even_steps_are_found() -> None:
    assert step(np.array([3, 1, -1])) == -2
    assert step(np.array([0, 1, 3])) is None


def test_values_with_fewer_dims_are_repeated(tmp_path: Path) -> None:
    subject = subject_for(lambda x: x * x[:, :, :1] + x[:, :, 0, 0].unsqueeze(-1).unsqueeze(-1) - x.mean().new_ones(4, 1))
    got = load(subject, tmp_path, "gcc", "-O2").run(subject.samples)
    assert same_bits(got, definition(subject))
    assert np.allclose(got["y"], subject.float64()["y"], atol=1e-6)
