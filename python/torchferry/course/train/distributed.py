"""One training in several processes, on one machine or on many.

PyTorch's launcher starts them: `torchrun --nproc-per-node 2 -m torchferry train mnist-mlp`. Every process holds the model and
the data, takes its share of each minibatch, and DistributedDataParallel averages the gradients: the weights are those of
one process with the same batch size, up to the order of sums. Only the first process writes and prints.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """`rank` of `size` processes; `local_rank` counts those on this machine."""

    rank: int = 0
    local_rank: int = 0
    size: int = 1

    def share(self, rows: Tensor) -> Tensor:
        """Return this process's rows of a minibatch: int64 [n] of [batch]."""
        return rows[self.rank :: self.size]

    def wrap(self, network: nn.Module) -> nn.Module:
        """Wrap the network so that its `backward()` averages gradients over all processes."""
        return network if self.size == 1 else DistributedDataParallel(network)

    def gather(self, value: T) -> list[T]:
        """Gather the values of all processes, by rank, in each of them."""
        values = [value] * self.size
        if self.size > 1:
            dist.all_gather_object(values, value)
        return values


def launched() -> Processes:
    """Return what torchrun says about the processes; a single one where it did not start this one."""
    if not dist.is_torchelastic_launched():
        return Processes()
    return Processes(int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"]), int(os.environ["WORLD_SIZE"]))


@contextlib.contextmanager
def connected(processes: Processes, device: torch.device) -> Iterator[None]:
    """Connect the processes: gloo between CPUs, nccl between GPUs."""
    if processes.size == 1:
        yield
        return
    dist.init_process_group("gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl")
    try:
        yield
    finally:
        dist.destroy_process_group()
