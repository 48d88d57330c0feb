"""Which passes run in which order. The graph is verified after each, and a broken one is named."""

from __future__ import annotations

from collections.abc import Callable

from torchferry.cgen.ir import Graph
from torchferry.cgen.passes.channels_last import channels_last
from torchferry.cgen.passes.fold import drop_dead, fold_after, fold_before, join_functions, mark_zeros, read_bytes
from torchferry.cgen.verify import verify

Pass = Callable[[Graph], Graph]
SIMPLIFY: tuple[Pass, ...] = (drop_dead, fold_after, fold_before, read_bytes, mark_zeros, join_functions, channels_last)

INT8 = tuple(step for step in SIMPLIFY if step is not join_functions)  # before it is known what becomes bytes


def run(graph: Graph, passes: tuple[Pass, ...] = SIMPLIFY) -> Graph:
    """Return the graph after all passes. Raises FerryError(INTERNAL) that names the pass whose graph is broken."""
    for step in passes:
        graph = verify(step(graph), step.__name__)
    return graph
