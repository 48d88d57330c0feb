"""Sizes at which a module may go another way than at its goldens, for formats that keep the way of the goldens alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from torchferry.bundle.contract import BATCH, Array, Contract
from torchferry.intake.dim_limits import said_limits, said_multiples
from torchferry.intake.outputs import least_size, resize, symbol_sizes

MOST_ELEMENTS = 2**22
"""Of the inputs of one size that is tried."""
_SAMPLES = 2  # of a size that is not the batch


def other_sizes(contract: Contract, goldens: Mapping[str, Array], problem: str) -> Iterator[tuple[str, int]]:
    """Yield symbols of goldens [N, ...] with a size: the ends of the contract's limits, and those beyond the limits that torch.export found.

    `problem` is what torch.export said when it did not take the module.
    """
    sizes = symbol_sizes(contract.inputs, goldens)
    for symbol, limits in contract.symbols.items():
        near = sorted({limits.min, limits.max or sizes[symbol], *_beyond(symbol, sizes[symbol], problem)})
        least = max(limits.min, least_size(contract.inputs, goldens, symbol, sizes[symbol]))
        for size in near:
            if least <= size <= (limits.max or size) and size != sizes[symbol]:
                yield symbol, size


def inputs_of(contract: Contract, goldens: Mapping[str, Array], symbol: str, size: int) -> dict[str, Array] | None:
    """Return the goldens [N, ...] at another size of one symbol, two samples where it is not the batch; None where they are too many numbers."""
    sizes = symbol_sizes(contract.inputs, goldens) | {symbol: size}
    if BATCH in sizes and symbol != BATCH:
        fewest = max(_SAMPLES, contract.symbols[BATCH].min, least_size(contract.inputs, goldens, BATCH, sizes[BATCH]))
        sizes[BATCH] = min(sizes[BATCH], fewest)
    shapes = ([dim if isinstance(dim, int) else sizes[dim] for dim in spec.shape] for spec in contract.inputs)
    count = sum(map(prod, shapes))
    return resize(goldens, contract.inputs, sizes) if count <= MOST_ELEMENTS else None


def _beyond(symbol: str, size: int, problem: str) -> Iterator[int]:
    """Yield the sizes next to those for which torch.export saw one way."""
    for name, end, limit in said_limits(problem):
        if name == symbol:
            yield limit + (1 if end == "most" else -1)
    if symbol in said_multiples(problem):
        yield size + 1
