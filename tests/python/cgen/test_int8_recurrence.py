"""int8 recurrence: the product with the state is exact sums of bytes, the C gives the definition's bits, float64 is near."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import spec
from builders.generated_c import Subject, load, quantized, same_bits, subject_of
from builders.networks import normal
from builders.spread import spread
from torchferry.cgen import reference
from torchferry.cgen.ops.recurrence import IntegerRecurrence, Recurrence

FLAGS = {"VNNI": ("-O3", "-march=native"), "SSE2": ("-O2", "-march=x86-64"), "plain": ("-O0", "-U__SSE2__")}
RELATIVE = 0.02  # of the largest number of an output
GIVEN = ("x", "h")


class Loop(nn.Module):
    """A recurrent layer from a given state, a product that reads its steps, and the last state."""

    def __init__(self, kind: type[nn.RNNBase], **options: object) -> None:
        super().__init__()
        self.loop = kind(5, 18, batch_first=True, **options)  # type: ignore[arg-type]
        self.head = nn.Linear(18 * (2 if self.loop.bidirectional else 1), 3)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        start = h.transpose(0, 1)
        state = (start, torch.zeros_like(start)) if isinstance(self.loop, nn.LSTM) else start
        steps, last = self.loop(x, state)
        return self.head(steps), (last[0] if isinstance(last, tuple) else last).transpose(0, 1)


LOOPS = {
    "lstm": lambda: Loop(nn.LSTM),
    "lstm of both directions": lambda: Loop(nn.LSTM, bidirectional=True),
    "gru": lambda: Loop(nn.GRU),
    "gru without bias": lambda: Loop(nn.GRU, bias=False),
    "rnn of both directions": lambda: Loop(nn.RNN, bidirectional=True),
    "rnn with relu": lambda: Loop(nn.RNN, nonlinearity="relu"),
}


@cache
def subject(name: str) -> Subject:
    torch.manual_seed(3)
    module = LOOPS[name]()
    directions = 2 if module.loop.bidirectional else 1
    shapes = (7, 5), (directions, 18)
    specs = tuple(spec(given, shape=("N", *shape)) for given, shape in zip(GIVEN, shapes, strict=True))
    samples = {given: normal(40, *shape, seed=seed) for seed, (given, shape) in enumerate(zip(GIVEN, shapes, strict=True))}
    samples["h"] = np.tanh(samples["h"])
    return quantized(subject_of(module, specs, ("y", "last"), samples))


def answers(of: Subject) -> dict[str, np.ndarray]:
    results = reference.run(of.generated.graph, of.samples)
    return {s.name: array for s, array in zip(of.contract.outputs, results, strict=True)}


def loops(of: Subject) -> list[IntegerRecurrence]:
    nodes = [node for node in of.generated.graph.nodes if isinstance(node, Recurrence)]
    assert nodes
    assert all(isinstance(node, IntegerRecurrence) for node in nodes)
    return nodes  # type: ignore[return-value]


@pytest.mark.parametrize("name", spread(LOOPS, 2))
def test_the_state_meets_int8_weights_and_the_steps_are_bytes(name: str) -> None:
    for node in loops(subject(name)):
        weights = {table.kind: table.ctype for table in node.tables()}
        assert weights["wide"] == "int8_t"
        assert node.results[0].dtype == "uint8", "the product after it reads the same bytes"


@pytest.mark.parametrize("name", spread(LOOPS, 2))
def test_answers_are_near_to_float64(name: str) -> None:
    exact = subject(name).float64()
    for output, found in answers(subject(name)).items():
        assert np.abs(found - exact[output]).max() <= RELATIVE * np.abs(exact[output]).max()


@pytest.mark.parametrize("path", FLAGS)
@pytest.mark.parametrize("name", spread(LOOPS, 2))
def test_the_c_gives_the_bits_of_the_definition(name: str, path: str, tmp_path: Path) -> None:
    of = subject(name)
    compiled = load(of, tmp_path, "gcc", *FLAGS[path])
    assert same_bits(compiled.run(of.samples), answers(of))
    assert compiled.selftest() == -1


def test_a_state_beyond_the_calibration_saturates() -> None:
    of = subject("gru")
    (node,) = loops(of)
    limits = np.array([-1e6, 1e6], np.float32)[:, None] * np.ones((1, node.hidden), np.float32)
    codes = np.array([0, 255])[:, None] * np.ones((1, node.hidden))
    exact = (codes @ node.weight.T + node.bias) * node.unit
    assert np.allclose(node.gates(limits), exact, rtol=1e-6, atol=0)
