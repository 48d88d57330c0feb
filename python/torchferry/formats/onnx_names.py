"""Names of an ONNX graph: its inputs and outputs have the contract's, whatever the values inside are called.

ONNX has one set of names for all values of a graph. Both exporters of PyTorch give the inner ones names of their own, so that an input
`cat` would clash with the result of `torch.cat`; and a state that goes in and out under one name cannot be both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import onnx

from torchferry.bundle.contract import Contract

INPUT, OUTPUT = "{}.in", "{}.out"  # what an exporter is told: no name of a contract has a dot


def given_names(contract: Contract) -> dict[str, Any]:
    """Return the options `input_names` and `output_names` of torch.onnx.export: names that no inner value has."""
    return {
        "input_names": [INPUT.format(spec.name) for spec in contract.inputs],
        "output_names": [OUTPUT.format(spec.name) for spec in contract.outputs],
    }


def output_name(name: str, contract: Contract) -> str:
    """Return what the graph calls that output: its own name, or `NAME.out` where an input has that name."""
    return OUTPUT.format(name) if any(spec.name == name for spec in contract.inputs) else name


def take_contract_names(model: onnx.ModelProto, contract: Contract) -> None:
    """Give the inputs and outputs, in place, the contract's names; inner values that have one of those become `NAME.value`."""
    new = {INPUT.format(spec.name): spec.name for spec in contract.inputs}
    new |= {OUTPUT.format(spec.name): output_name(spec.name, contract) for spec in contract.outputs}
    inner = {name: f"{name}.value" for name in new.values() if name not in new}
    for graph in _graphs(model.graph):
        _rename(graph, inner | new)


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph and the branches and bodies inside it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inside in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _graphs(inside)


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)
