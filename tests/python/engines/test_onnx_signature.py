"""Inputs and outputs of an ONNX model against those of a contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from builders.contracts import contract, spec
from torchferry.engines.onnx_signature import matched_outputs
from torchferry.errors import ExitCode, FerryError


@dataclass
class Tensor:
    name: str
    type: str
    shape: Sequence[object]


X, Y, LABEL = (
    Tensor("x", "tensor(float)", ["N", 2]),
    Tensor("y", "tensor(float)", ["N", 2]),
    Tensor("label", "tensor(int64)", [None]),
)
CONTRACT = contract((spec("x"),), (spec("y"), spec("label", "int64", ("N",))))


def test_outputs_come_in_the_contracts_order() -> None:
    assert matched_outputs(CONTRACT, [X], [LABEL, Y]) == ["y", "label"]


def test_a_size_that_is_free_in_the_model_may_be_a_number_of_the_contract() -> None:
    assert matched_outputs(CONTRACT, [Tensor("x", "tensor(float)", ["N", "M"])], [Y, LABEL]) == ["y", "label"]


@pytest.mark.parametrize(
    ("inputs", "outputs", "code", "said"),
    [
        ([Tensor("z", "tensor(float)", ["N", 2])], [Y, LABEL], ExitCode.FORMAT, "input x: got none of that name in the model"),
        (
            [Tensor("x", "tensor(double)", ["N", 2])],
            [Y, LABEL],
            ExitCode.FORMAT,
            r"input x: got \[\?,2\] of another dtype in the",
        ),
        ([Tensor("x", "tensor(float)", [4, 2])], [Y, LABEL], ExitCode.FORMAT, r"got \[4,2\] in the model, expected \[\?,2\] of"),
        ([Tensor("x", "tensor(float)", ["N"])], [Y, LABEL], ExitCode.FORMAT, r"got \[\?\] in the model, expected \[\?,2\] of"),
        ([X, LABEL], [Y, LABEL], ExitCode.FORMAT, "got a model of 2 inputs, expected 1 as in the contract"),
        ([X], [Y], ExitCode.MISMATCH, "output label: got none of that name"),
        ([X], [Y, LABEL, X], ExitCode.MISMATCH, "got a model of 3 outputs, expected 2 as in the contract"),
        ([X], [Tensor("y", "tensor(float)", ["N", 3]), LABEL], ExitCode.MISMATCH, r"output y: got \[\?,3\] in the model"),
    ],
)
def test_another_model_is_refused(inputs: list[Tensor], outputs: list[Tensor], code: ExitCode, said: str) -> None:
    with pytest.raises(FerryError, match=said) as caught:
        matched_outputs(CONTRACT, inputs, outputs)
    assert caught.value.code == code
