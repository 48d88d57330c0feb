"""Which passes run in which order. The graph is verified after each, and a broken one is named."""

from __future__ import annotations

from collections.abc import Callable

from torchferry.cgen.ir import Graph
from torchferry.cgen.passes.channels_last import channels_last
from torchferry.cgen.passes.columns import over_columns
from torchferry.cgen.passes.fold import drop_dead, fold_after, fold_before, join_functions, mark_zeros, read_bytes
from torchferry.cgen.passes.functions_of_one import join_functions_of_one
from torchferry.cgen.passes.grids import find_grids
from torchferry.cgen.verify import verify

Pass = Callable[[Graph], Graph]
SIMPLIFY: tuple[Pass, ...] = (
    drop_dead,
    fold_after,
    fold_before,
    read_bytes,
    mark_zeros,
    join_functions,
    over_columns,
    channels_last,
)

# Before it is known what becomes bytes. Grids are found before a scale is folded away.
INT8 = (find_grids, *(step for step in SIMPLIFY if step is not join_functions), join_functions_of_one)


def run(graph: Graph, passes: tuple[Pass, ...] = SIMPLIFY) -> Graph:
    """Return the graph after all passes. Raises FerryError(INTERNAL) that names the pass whose graph is broken."""
    for step in passes:
        graph = verify(step(graph), step.__name__)
    return graph
