"""Class names: every class that a golden counts has one, and as many as there are scores. The C++ twin is in cpp/src/verify.cpp."""

from __future__ import annotations

from collections.abc import Sequence

from torchferry.bundle.contract import Contract
from torchferry.bundle.golden import CaseArrays
from torchferry.compare.tolerance import find_scores
from torchferry.errors import ExitCode, FerryError

NAME_EVERY = "which have names; name every class and export again"


def require_class_names(contract: Contract, cases: Sequence[CaseArrays]) -> None:
    """Refuse goldens with a label that no name stands for. Raises FerryError(BAD_INPUT)."""
    if contract.classes is None:
        return
    for case in cases:
        problem = contract.classes.problem(case.float64[contract.classes.output])
        if problem is not None:
            raise FerryError(
                ExitCode.BAD_INPUT, f"classes: golden case {case.name}: {contract.classes.output}: {problem}, {NAME_EVERY}"
            )


def require_as_many_as_scores(contract: Contract, cases: Sequence[CaseArrays]) -> None:
    """Refuse another number of names than of scores, where the label is the largest of one. Raises FerryError(BAD_INPUT)."""
    if contract.classes is None:
        return
    label = contract.output(contract.classes.output)
    scores = find_scores(contract, label, cases)
    axis = None if scores is None else scores.class_axis(label)
    if scores is None or axis is None:
        return
    width, count = scores.shape[axis], len(contract.classes.names)
    if isinstance(width, int) and width != count:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"classes: got {count} names, expected {width}: {label.name} is the largest of {width} {scores.name}",
        )
