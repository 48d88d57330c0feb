"""The same samples in other groups, on sessions that are plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from builders.bundles import doubled, doubling_case, edit_manifest, fill_bundle
from builders.contracts import doubling
from torchferry.bundle.contract import Array, SymbolRange
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.proof.regroup import regrouped
from torchferry.proof.replay import replay


class Recording:
    """A session that doubles, and adds to `y` what `mix` makes of the batch."""

    numerics = ""

    def __init__(self, mix: float = 0.0) -> None:
        self._mix = mix
        self.seen: list[list[float]] = []

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        x = inputs["x"]
        self.seen.append([float(value) for value in x[:, 0]])
        found = doubled(x)
        whole = float(x.sum()) in (15.0, 0.0)  # of the golden: an engine that is right there and nowhere else
        return {**found, "y": found["y"] + np.float32(0 if whole else self._mix)}


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    fill_bundle(tmp_path)
    return open_bundle(tmp_path)


def test_a_case_is_run_again_in_reverse_and_in_two_parts(bundle: Bundle) -> None:
    session = Recording()
    assert replay(bundle, session, engine="onnxruntime", device="cpu", calls=2).passed
    assert session.seen == [[0, 2, 4], [0, 2, 4], [4, 2], [0]]


def test_an_engine_that_mixes_samples_fails_in_its_first_call_and_in_that_output(bundle: Bundle) -> None:
    result = replay(bundle, Recording(mix=1.0), engine="onnxruntime", device="cpu", calls=2)
    assert result.status == "failed"
    found = {(verdict.call, verdict.output): verdict.problem for verdict in result.verdicts}
    assert str(found.pop((1, "y"))) == (
        "samples: the answers change with the samples beside them (samples 2 to 1 alone: at [0,0] of them got 9, expected 8), and the "
        "contract says independent; export the bundle again"
    )
    assert set(found.values()) == {None}


def test_nothing_is_promised_where_samples_depend_on_the_batch(bundle: Bundle) -> None:
    edit_manifest(bundle.folder, lambda value: value["contract"].update(samples="batch"))
    session = Recording(mix=1.0)
    assert replay(open_bundle(bundle.folder), session, engine="onnxruntime", device="cpu").passed
    assert session.seen == [[0, 2, 4]]


def test_a_batch_that_may_not_be_cut_is_reversed_only() -> None:
    limited = doubling().model_copy(update={"symbols": {"N": SymbolRange(min=2, max=None)}})
    (part,) = regrouped(limited, doubling_case())
    assert part.inputs["x"].tolist() == [[4, 5], [2, 3], [0, 1]]
    assert part.float64["y"].tolist() == [[8, 10], [4, 6], [0, 2]]


def test_two_parts_of_the_smallest_batch_are_run() -> None:
    """Samples that mix may still agree when all of them are there in reverse: where parts are allowed, they are asked for."""
    limited = doubling().model_copy(update={"symbols": {"N": SymbolRange(min=2, max=None)}})
    parts = regrouped(limited, doubling_case("batch-4", 4))
    assert [part.inputs["x"][:, 0].tolist() for part in parts] == [[6, 4], [2, 0]]


def test_one_sample_has_no_other_groups() -> None:
    assert regrouped(doubling(), doubling_case("batch-1", 1)) == []
