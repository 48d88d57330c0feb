"""A softmax over a dim that is not the last one: columns beside each other, where they lie, with the bits of rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import spec
from builders.functions import differing
from builders.generated_c import COMPILERS, Array, Subject, load, same_bits, subject_of
from builders.networks import normal
from builders.spread import spread
from torchferry.cgen import reference
from torchferry.cgen.index_map import IndexMap
from torchferry.cgen.ops.softmax import BLOCK, Softmax

FLAGS = [("-O2",), ("-O3", "-march=x86-64-v3"), ("-O3", "-march=x86-64-v4"), ("-O2", "-U__SSE2__")]
KERNELS = Path(reference.__file__).parent / "kernels"


class Of(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor | tuple[Tensor, ...]]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self.function(x)


def made(module: nn.Module, *shape: int, outputs: tuple[str, ...] = ("y",)) -> Subject:
    return subject_of(module, (spec("x", shape=("N", *shape)),), outputs, {"x": normal(6, *shape, seed=1)})


def kinds(subject: Subject) -> list[tuple[str, int]]:
    """The softmaxes with how far apart the elements of a row lie, and the copies."""
    nodes = subject.generated.graph.nodes
    return [
        ("softmax", node.inner) if isinstance(node, Softmax) else ("copy", 0)
        for node in nodes
        if isinstance(node, Softmax | IndexMap)
    ]


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(
    ("shape", "dim", "inner"), [((3, 9, 70), 2, 70), ((19, 64), 1, 64), ((4, 5, 3), 1, 15), ((130, 3), 1, 3)]
)
@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
@pytest.mark.parametrize("flags", spread(FLAGS, 1), ids=" ".join)
def test_columns_have_the_bits_of_rows_and_nothing_is_copied(
    name: str, shape: tuple[int, ...], dim: int, inner: int, compiler: str, flags: tuple[str, ...], tmp_path: Path
) -> None:
    function = getattr(torch, name)
    columns = made(Of(lambda x: function(x, dim)), *shape)
    rows = made(Of(lambda x: function(x.transpose(dim, -1).contiguous().clone(), -1)), *shape)
    assert kinds(columns) == [("softmax", inner)]
    compiled = load(columns, tmp_path, compiler, *flags)
    samples = {"x": columns.samples["x"] * np.float32(40)}
    samples["x"][0, 0] = [np.inf, np.nan, -np.inf, 0.0][len(shape) % 4]
    got = compiled.run(samples)
    definition = reference.run(columns.generated.graph, samples)[0]
    assert same_bits(got, {"y": definition})
    assert same_bits({"y": np.swapaxes(got["y"], dim, -1)}, {"y": reference.run(rows.generated.graph, samples)[0]})
    assert compiled.selftest() == -1


def test_rows_that_were_brought_together_by_hand_are_columns_too() -> None:
    assert kinds(made(Of(lambda x: x.transpose(1, 2).softmax(-1).transpose(1, 2)), 5, 7)) == [("softmax", 7)]


@pytest.mark.parametrize(
    ("function", "outputs", "found"),
    [
        (lambda x: x.transpose(1, 2).softmax(-1), ("y",), [("copy", 0), ("softmax", 1)]),
        (
            lambda x: (lambda rows: (rows.transpose(1, 2), rows))(x.transpose(1, 2).softmax(-1)),
            ("y", "z"),
            [("copy", 0), ("softmax", 1), ("copy", 0)],
        ),
        (lambda x: x.transpose(1, 2).softmax(-1).transpose(1, 2).flip(1), ("y",), [("softmax", 7), ("copy", 0)]),
        (lambda x: x.transpose(1, 2).softmax(-1).reshape(-1, 7, 5).flip(1), ("y",), [("copy", 0), ("softmax", 1), ("copy", 0)]),
    ],
    ids=["not taken back", "read as rows too", "and more", "otherwise"],
)
def test_other_copies_stay(
    function: Callable[[Tensor], Tensor], outputs: tuple[str, ...], found: list[tuple[str, int]], tmp_path: Path
) -> None:
    subject = made(Of(function), 5, 7, outputs=outputs)
    results = reference.run(subject.generated.graph, subject.samples)
    assert same_bits(load(subject, tmp_path).run(subject.samples), dict(zip(outputs, results, strict=True)))
    for exact, result in zip(subject.float64().values(), results, strict=True):
        assert np.abs(exact - result).max() < 1e-6
    assert kinds(subject) == found


def test_the_channels_of_an_image_are_rows_where_they_lie_last(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Softmax(1), nn.Conv2d(8, 4, 1), nn.LogSoftmax(1))
    subject = made(net, 3, 9, 9)
    assert kinds(subject) == [("softmax", 1), ("softmax", 49)]
    definition: dict[str, Array] = {"y": reference.run(subject.generated.graph, subject.samples)[0]}
    assert differing(load(subject, tmp_path).run(subject.samples), definition) == []
    assert np.abs(definition["y"] - subject.float64()["y"]).max() < 1e-5


def test_a_block_is_as_wide_in_python_as_in_c() -> None:
    assert f"#define MODEL_BLOCK {BLOCK} " in (KERNELS / "exp_columns.c").read_text()
