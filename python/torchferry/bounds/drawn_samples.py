"""Which samples of a case are drawn on: all of them where that is quick, else those on which float32 eager is furthest off."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from torchferry.bounds.eager_distance import distances
from torchferry.bounds.rounding import Float64
from torchferry.bounds.work import work_of
from torchferry.bundle.contract import BATCH, Array, Contract
from torchferry.bundle.golden import CaseArrays
from torchferry.intake.golden_cases import first_samples, smallest_batch
from torchferry.intake.mixing import taken_rows
from torchferry.intake.outputs import symbol_sizes

MOST_WORK = 4e9
"""Multiply-adds of one draw: about half a second on two cores. Sixteen draws of what takes more are not waited for."""
MOST_TRIED = 4e10
"""Multiply-adds of the samples that are tried beside others: some ten seconds for the seven runs of each on one core."""


def drawn_samples(module: torch.nn.Module, contract: Contract, case: CaseArrays) -> tuple[Mapping[str, Array], str]:
    """Return the inputs [n, ...] to draw on, and which they are in words. Raises what the module raises under a draw."""
    count = symbol_sizes(contract.inputs, case.inputs).get(BATCH, 1)
    if BATCH not in contract.symbols or contract.samples != "independent":
        return case.inputs, "all samples"
    affordable, work = affordable_samples(module, contract, case.inputs)
    if affordable >= count:
        return case.inputs, f"all {count} samples"
    rows = np.sort(np.argsort(_off(contract, case, count), kind="stable")[-affordable:])
    words = f"{affordable} of {count} samples, those that float32 eager is furthest off on, since one takes {work:.2g} multiply-adds a draw"
    return taken_rows(contract, case.inputs, rows), words


def affordable_samples(module: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array]) -> tuple[int, float]:
    """Return how many independent samples [N, ...] a draw can be made on, and the multiply-adds of each, counted on the least."""
    least = smallest_batch(contract, inputs)
    work = work_of(module, contract, first_samples(contract, inputs, least)).total
    return max(1, int(MOST_WORK / max(work, 1.0))) * least, work / max(least, 1)


def tried_samples(module: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array]) -> int | None:
    """Return how many samples [N, ...] are run alone, beside others and in another order, seven times each; None: as many as there are."""
    try:
        work = work_of(module, contract, first_samples(contract, inputs, smallest_batch(contract, inputs)))
    except Exception:  # of the user's code, in parts of the goldens: those who run it say so
        return None
    return int(MOST_TRIED / max(work.multiply_adds, 1.0)) * smallest_batch(contract, inputs)


def _off(contract: Contract, case: CaseArrays, count: int) -> Float64:
    """Return how far float32 eager is off on each sample [count], as a share of the largest that it is off in an output."""
    found = np.zeros(count)
    for spec in contract.outputs:
        if spec.is_float and spec.is_batched and case.float32[spec.name].size:
            off = distances(case, spec.name).reshape(count, -1).max(axis=1)
            found = np.maximum(found, np.nan_to_num(off / max(off.max(), np.finfo(np.float64).tiny), nan=1.0))
    return found
