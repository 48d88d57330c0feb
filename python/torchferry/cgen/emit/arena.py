"""One piece of memory for everything that a call keeps: which bytes a block gets, by when its rooms are in use."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

LINE, LARGE = 64, 1024  # bytes: blocks from LARGE on start at a cache line, if the arena does
WIDEST = 16  # bytes at which other blocks start: the widest element of every target
TRIES = 400  # orders that are tried at most
WORK = 10_000_000  # pairs of blocks that are compared at most: a second or two


@dataclass(frozen=True)
class Room:
    """`length` bytes at `offset` of a block, in use from layer `birth` to layer `death`."""

    offset: int
    length: int
    birth: int
    death: int

    def at(self, base: int) -> Room:
        """Return the room of a block that starts at `base`."""
        return Room(base + self.offset, self.length, self.birth, self.death)


Block = tuple[Room, ...]  # rooms that stay at the same distance from each other


def arrange(blocks: Sequence[Block]) -> list[int]:
    """Return where each block starts. No two rooms that are in use at the same layer share a byte, but for those of one block.

    Blocks are placed one by one at the lowest start that fits: as they are born, by size, and by size times lifetime. From the best
    of these orders on, moves of single blocks are tried, always the same ones, until no order could need less.
    """
    birth, size = [_birth(block) for block in blocks], [_size(block) for block in blocks]
    area = [length * _life(block) for length, block in zip(size, blocks, strict=True)]
    numbers = range(len(blocks))
    orders = [sorted(numbers, key=key) for key in (birth.__getitem__, lambda n: -size[n], lambda n: -area[n])]
    order = min(orders, key=lambda order: end(blocks, _placed(blocks, order)))
    best, least, rng = _placed(blocks, order), _least(blocks), random.Random(0)
    for _ in range(min(TRIES, WORK // (len(blocks) ** 2 + 1))):
        if end(blocks, best) <= least:
            break
        moved = [*order]
        moved.insert(rng.randrange(len(moved)), moved.pop(rng.randrange(len(moved))))
        starts = _placed(blocks, moved)
        if end(blocks, starts) <= end(blocks, best):
            order, best = moved, starts
    return best


def needed(blocks: Sequence[Block]) -> list[int]:
    """Return how many bytes are in use at each layer, up to the last one at which any are."""
    found = [0] * (1 + max((room.death for block in blocks for room in block), default=-1))
    for block in blocks:
        for layer in range(_birth(block), max(room.death for room in block) + 1):
            found[layer] += _in_use(block, layer)
    return found


def _least(blocks: Sequence[Block]) -> int:
    return max(needed(blocks), default=0)


def end(blocks: Sequence[Block], starts: Sequence[int]) -> int:
    """Return the first byte after all blocks."""
    return max((start + _size(block) for block, start in zip(blocks, starts, strict=True)), default=0)


def _in_use(block: Block, layer: int) -> int:
    """Return how many bytes of a block are in use at a layer; one room may be part of another."""
    used, until = 0, 0
    for room in sorted((room for room in block if room.birth <= layer <= room.death), key=lambda room: room.offset):
        used += max(0, room.offset + room.length - max(until, room.offset))
        until = max(until, room.offset + room.length)
    return used


def _placed(blocks: Sequence[Block], order: Sequence[int]) -> list[int]:
    starts, busy = [0] * len(blocks), list[Room]()
    for index in order:
        starts[index] = _lowest(blocks[index], busy)
        busy += [room.at(starts[index]) for room in blocks[index]]
    return starts


def _lowest(block: Block, busy: Sequence[Room]) -> int:
    """Return the lowest start at which no room of the block meets a busy one."""
    step = LINE if _size(block) >= LARGE else WIDEST
    taken = sorted(  # of each meeting: a start up to the first number or from the second number on would avoid it
        (other.offset - room.offset - room.length, other.offset + other.length - room.offset)
        for room in block
        for other in busy
        if other.birth <= room.death and room.birth <= other.death
    )
    start = 0
    for before, after in taken:
        if start <= before:
            break
        start = max(start, -(-after // step) * step)
    return start


def _size(block: Block) -> int:
    return max(room.offset + room.length for room in block)


def _birth(block: Block) -> int:
    return min(room.birth for room in block)


def _life(block: Block) -> int:
    return max(room.death for room in block) - _birth(block) + 1
