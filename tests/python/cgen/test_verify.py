"""The verifier: each rule is seen to fail, and the pass that broke the graph is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from builders.networks import dense, fork, image_net
from torchferry.cgen.ir import Graph, Map
from torchferry.cgen.ops.argmax import Argmax
from torchferry.cgen.ops.arithmetic import ADD
from torchferry.cgen.ops.comparisons import FUNCTIONS
from torchferry.cgen.ops.elementwise import RELU
from torchferry.cgen.ops.integer_linear import IntegerLinear
from torchferry.cgen.ops.linear import Linear
from torchferry.cgen.ops.quantize import Quantize
from torchferry.cgen.ops.softmax import Softmax
from torchferry.cgen.passes import pipeline
from torchferry.cgen.scales import ToFloats
from torchferry.cgen.values import Constant, DType, Value
from torchferry.cgen.verify import verify
from torchferry.errors import ExitCode, FerryError

X = Value("x", (4,), "float32")
Y = Value("y", (4,), "float32")
B = Value("b", (4,), "uint8")


def value(size: int = 4, dtype: DType = "float32") -> Value:
    return Value("y", (size,), dtype)


def graph(*nodes: Any, inputs: tuple[Value, ...] = (X, B)) -> Graph:
    output = nodes[-1].output
    return Graph(inputs, tuple(nodes), (output,), (output.shape,))


def relu(x: Value = X, y: Value = Y) -> Map:
    return Map(RELU, (x,), y, "")


def linear(x: Value = X, weight: tuple[int, int] = (4, 4), bias: int = 4, y: Value = Y) -> Linear:
    return Linear(x, np.ones(weight), np.zeros(bias), y, "")


def integers(x: Value = B, y: Value = Y, bias: int = 4) -> IntegerLinear:
    ones = np.ones((4, 4), np.int64)
    return IntegerLinear(x, ones, np.zeros(bias, np.int64), ToFloats(np.ones(4)), y, "")


NO_DTYPE = cast(DType, "float16")
BROKEN: dict[str, tuple[Graph, str]] = {
    "read before it is defined": (graph(relu(Value("z", (4,), "float32"))), "relu: z: read before it is defined"),
    "nodes in the wrong order": (graph(relu(Y, value()), relu()), "relu: y: read before it is defined"),
    "written twice": (graph(relu(), relu()), "relu: y: written twice"),
    "an input that is written": (graph(relu(X, X)), "relu: x: written twice"),
    "an unknown dtype": (graph(relu(X, value(4, NO_DTYPE))), "y: dtype float16"),
    "an empty shape": (graph(relu(), inputs=(X, Value("z", (4, 0), "float32"))), "the caller: z: shape [4, 0]"),
    "an output that nobody gives": (replace(graph(relu()), outputs=(value(),)), "output y: never defined"),
    "an output in another size": (replace(graph(relu()), shapes=((5,),)), "output y: 4 elements in shape [5]"),
    "an output in a smaller size": (replace(graph(relu()), shapes=((3,),)), "output y: 4 elements in shape [3]"),
    "an output without a shape": (replace(graph(relu()), shapes=()), "1 outputs in 0 shapes"),
    "a map of two sizes": (graph(relu(X, value(5))), "an operand of 4 elements for an output of 5"),
    "a map of a constant's size": (graph(Map(ADD, (X, Constant(np.ones(3))), Y, "")), "an operand of 3 elements"),
    "a map of two dtypes": (graph(Map(ADD, (X, B), Y, "")), "operands of dtypes float32 and uint8"),
    "a map of constants": (graph(Map(ADD, (Constant(np.ones(4)),) * 2, Y, "")), "no operand depends on an input"),
    "a comparison that is no bool": (graph(Map(FUNCTIONS[0], (X, X), Y, "")), "a result of dtype float32, expected bool"),
    "a product of integers": (graph(linear(y=value(4, "int64"))), "Linear: float32 to int64"),
    "a product of another width": (graph(linear(weight=(4, 3))), "4 elements to 4, expected rows of 3 to rows of 4"),
    "a bias of another width": (graph(linear(bias=3)), "a bias of shape [3], expected [4]"),
    "softmax of bytes": (graph(Softmax(B, 4, False, Y, "")), "Softmax: uint8 to float32"),
    "softmax of another width": (graph(Softmax(X, 3, False, Y, "")), "4 elements to 4, expected as many in rows of 3"),
    "argmax as float": (graph(Argmax(X, 4, value(1), "")), "Argmax: float32 to float32, expected float32 or int64 to int64"),
    "argmax of another width": (graph(Argmax(X, 3, value(1, "int64"), "")), "4 elements to 1, expected rows of 3"),
    "bytes of integers": (graph(Quantize(B, 1.0, 0, value(4, "uint8"), "")), "Quantize: uint8 to uint8"),
    "bytes of another size": (graph(Quantize(X, 1.0, 0, value(5, "uint8"), "")), "4 elements to 5, expected as many"),
    "an integer product of floats": (graph(integers(X)), "IntegerLinear: float32 to float32, expected uint8 to float32"),
    "an integer product of another width": (graph(integers(y=value(5))), "4 elements to 5, expected rows of 4 to rows of 4"),
    "an integer bias of another width": (graph(integers(bias=2)), "a bias of shape [2], expected [4]"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_graph_is_refused_and_its_pass_is_named(name: str) -> None:
    broken, words = BROKEN[name]

    def careless(given: Graph) -> Graph:
        del given
        return broken

    with pytest.raises(FerryError) as caught:
        pipeline.run(graph(relu()), (careless,))
    assert caught.value.code == ExitCode.INTERNAL
    assert str(caught.value).startswith("c: pass careless: got a graph with ")
    assert words in str(caught.value)


@pytest.mark.parametrize("make", [fork, lambda: dense(5, 40, 2), lambda: image_net(6, 6, 50)])
def test_the_graphs_of_networks_pass(make: Callable[[], Any]) -> None:
    made = make().generated.graph
    assert verify(made, "all") is made


def test_every_pass_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(pipeline, "verify", lambda made, after: seen.append(after) or made)
    pipeline.run(graph(relu()))
    assert seen == [step.__name__ for step in pipeline.SIMPLIFY]
