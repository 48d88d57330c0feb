"""Pairs of input and output that a stream carries: wherever they are named, one input is left that a call is given."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from builders.contracts import contract, spec
from torchferry.bundle.contract import Contract
from torchferry.bundle.state import CarriedState
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.state import with_state

BOTH = contract((spec("x"), spec("h")), (spec("y"), spec("next")))
PAIRS = {"x": "y", "h": "next"}


def test_a_pair_stands_in_the_contract_and_no_pairs_change_nothing() -> None:
    assert with_state(BOTH, {"h": "next"}).state == {"h": "next"}
    assert with_state(BOTH, {}) is BOTH


def test_a_call_that_is_given_nothing_is_refused_in_words() -> None:
    with pytest.raises(FerryError, match="state: got every input, expected one that a stream is given in each call") as caught:
        with_state(BOTH, PAIRS)
    assert caught.value.code == ExitCode.USAGE


def test_the_contract_of_a_bundle_and_a_stream_refuse_it_too() -> None:
    with pytest.raises(ValidationError, match="state: got every input"):
        Contract.model_validate({**BOTH.model_dump(), "state": PAIRS})
    with pytest.raises(FerryError, match="no input is left") as caught:
        CarriedState(BOTH, ["x=y", "h=next"])
    assert caught.value.code == ExitCode.USAGE
    assert [one.name for one in CarriedState(BOTH, ["h=next"]).lines.inputs] == ["x"]


def test_an_input_twice_is_refused() -> None:
    with pytest.raises(FerryError, match="got an input twice"):
        CarriedState(BOTH, ["h=next", "h=y"])


@pytest.mark.parametrize("pairs", [{"z": "next"}, {"h": "z"}, {"next": "h"}])
def test_a_name_that_the_contract_has_not_is_refused(pairs: dict[str, str]) -> None:
    with pytest.raises(FerryError, match="expected INPUT=OUTPUT") as caught:
        with_state(BOTH, pairs)
    assert caught.value.code == ExitCode.USAGE
