"""Whether an engine keeps `samples: independent`: a golden batch is cut in two and reversed, and each answer must stay what it was.

The C++ twin is cpp/src/regroup.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from torchferry.bundle.contract import BATCH, Array, Contract, TensorSpec
from torchferry.bundle.golden import CaseArrays
from torchferry.compare.verdict import Verdict

Part = CaseArrays
Judge = Callable[[CaseArrays, Mapping[str, Array], str], Verdict]


def regrouped(contract: Contract, case: CaseArrays) -> list[Part]:
    """Return the samples of a case [N, ...] in reverse order and, where the contract allows such batches, in two parts.

    Return an empty list where the contract promises nothing of samples, or the case has one of them only. A stream has states of
    its own: the single calls show what its samples do to each other.
    """
    if case.is_step:
        return []
    count = next((len(case.inputs[spec.name]) for spec in contract.inputs if spec.is_batched), 0)
    if contract.samples == "batch" or count < 2:
        return []
    rows = np.arange(count)[::-1]
    half = count // 2
    groups = [rows] if half < contract.symbols[BATCH].min else [rows[: count - half], rows[count - half :]]
    return [_part(contract, case, group) for group in groups]


def mixing_problem(output: str, parts: Sequence[Part], answers: Sequence[Mapping[str, Array]], judge: Judge) -> str | None:
    """Return how an output [n, ...] of the parts differs from that of the whole batch, which was right; None where it does not.

    `judge(part, answer, output)` compares under the row that held for the whole batch, or where that asks for equality, though
    bits depend on the batch, under the row that holds on any machine.
    """
    for part, answer in zip(parts, answers, strict=True):
        verdict = judge(part, answer, output)
        if verdict.passed:
            continue
        at = verdict.problem or ""
        if verdict.worst is not None:
            index = ",".join(map(str, verdict.worst.index))
            at = f"at [{index}] of them got {verdict.worst.actual:.9g}, expected {verdict.worst.expected:.9g}"
        return (
            f"samples: the answers change with the samples beside them ({part.name}: {at}), and the contract says independent; "
            "export the bundle again"
        )
    return None


def _part(contract: Contract, case: CaseArrays, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Part:
    def taken(arrays: Mapping[str, Array], specs: tuple[TensorSpec, ...]) -> dict[str, Array]:
        return dict(_taken(arrays, specs, rows))

    return CaseArrays(
        f"samples {rows[0]} to {rows[-1]} alone",
        taken(case.inputs, contract.inputs),
        taken(case.float32, contract.outputs),
        taken(case.float64, contract.outputs),
    )


def _taken(
    arrays: Mapping[str, Array], specs: tuple[TensorSpec, ...], rows: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Iterator[tuple[str, Array]]:
    for spec in specs:
        array = arrays[spec.name]
        fits = spec.is_batched and array.ndim > 0 and len(array) > rows.max()  # a golden that does not fit is refused as it is
        yield spec.name, np.ascontiguousarray(array[rows]) if fits else array
