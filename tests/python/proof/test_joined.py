"""Whose calls may be joined: every tensor has a row for each sample, and the samples do not depend on each other."""

from __future__ import annotations

import pytest

from builders.contracts import contract, doubling, spec
from torchferry.bundle.contract import Contract
from torchferry.proof.joined import why_bits_change, why_never_joined

WHOLE = spec("whole", shape=(3,))


@pytest.mark.parametrize(
    "one", [contract((spec("x"), WHOLE), (spec("y"),)), contract((spec("x"),), (spec("y"), WHOLE))], ids=["input", "output"]
)
def test_a_tensor_that_is_one_for_a_whole_call_cannot_be_cut_again(one: Contract) -> None:
    assert why_never_joined(one) == "got whole without a batch N, which is one for a whole call"


def test_samples_that_depend_on_each_other_are_never_joined() -> None:
    assert why_never_joined(doubling()) is None
    assert "samples: batch" in str(why_never_joined(doubling().model_copy(update={"samples": "batch"})))


@pytest.mark.parametrize(("engine", "keeps"), [("c", True), ("c-int8", True), ("onnxruntime", False), ("nobody", False)])
def test_only_engines_that_compute_sample_by_sample_keep_the_bits(engine: str, keeps: bool) -> None:
    assert (why_bits_change(engine) is None) == keeps
