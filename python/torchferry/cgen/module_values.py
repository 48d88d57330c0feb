"""Which values the user's modules give to each other: what `ferry diff` can show of a graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch.fx
from torch.export import ExportedProgram

from torchferry.cgen.ir import ModuleValue
from torchferry.cgen.layout import layout_of
from torchferry.cgen.refusal import module_calls
from torchferry.cgen.values import Value
from torchferry.errors import FerryError

_Calls = Mapping[torch.fx.Node, list[tuple[str, int]]]


def module_values(program: ExportedProgram, results: Mapping[torch.fx.Node, tuple[Value, ...]]) -> tuple[ModuleValue, ...]:
    """Return each value [N, ...] that leaves a call of a module or enters it, in the order in which they are computed."""
    calls = {node: module_calls(node) for node in program.graph.nodes}
    return tuple(found for node in program.graph.nodes for found in _crossing(node, calls, results))


def _crossing(node: torch.fx.Node, calls: _Calls, results: Mapping[torch.fx.Node, tuple[Value, ...]]) -> Iterator[ModuleValue]:
    values = results.get(node, ())
    shape = _shape(node) if len(values) == 1 else None
    if shape is None:
        return
    own = calls[node]
    for call in reversed(own):
        if any(call not in calls[user] for user in node.users):
            yield ModuleValue(*call, False, shape, values[0])
    for call in dict.fromkeys(call for user in node.users for call in calls[user] if call not in own):
        yield ModuleValue(*call, True, shape, values[0])


def _shape(node: torch.fx.Node) -> tuple[int, ...] | None:
    """Return the shape of a sample; None where the batch is not the first dim alone."""
    try:
        layout = layout_of(node)
    except FerryError:
        return None
    return layout.shape[1:] if layout.batch == 0 and layout.shape[0] == 1 else None
