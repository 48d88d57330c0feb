"""Which cases a bundle gets: the user's, of several sizes, and no dim cut that another input indexes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import torchferry
from builders.contracts import contract, spec
from torchferry.bundle.contract import Array, SymbolRange
from torchferry.bundle.golden import CaseArrays
from torchferry.bundle.reader import Bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.golden_cases import cases_of_their_own, smallest_batch
from torchferry.intake.outputs import least_size


class Graph(nn.Module):
    """Each node adds what its neighbours are, then a layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 3)

    def forward(self, node: torch.Tensor, edge: torch.Tensor) -> torch.Tensor:
        sent = node.index_select(0, edge[0])
        result: torch.Tensor = self.layer(torch.zeros_like(node).index_add(0, edge[1], sent))
        return result


def graph(nodes: int, edges: int) -> dict[str, Array]:
    """A random graph whose last edge names its last node."""
    random = np.random.default_rng(nodes)
    edge = random.integers(0, nodes, (2, edges))
    edge[:, -1] = nodes - 1
    return {"node": random.normal(size=(nodes, 4)).astype(np.float32), "edge": edge}


def exported(golden: Any, out: Path, **options: Any) -> Bundle:
    inputs = {"node": "float32[V,4]", "edge": "int64[2,E]"}
    return torchferry.export(Graph().eval(), inputs=inputs, golden=golden, out=out, to=["onnx"], **options)


def sizes(bundle: Bundle) -> dict[str, tuple[int, int]]:
    """Nodes and edges of each case."""
    arrays = {case.name: bundle.read_arrays(case.inputs) for case in bundle.manifest.golden.cases}
    return {name: (len(found["node"]), found["edge"].shape[1]) for name, found in arrays.items()}


def test_a_dim_that_another_input_indexes_is_made_longer_and_not_cut(tmp_path: Path) -> None:
    assert sizes(exported(graph(20, 50), tmp_path / "g")) == {"batch-1": (20, 50), "other-sizes": (30, 25), "stress": (20, 50)}


def test_one_that_cannot_grow_stays_as_it_is(tmp_path: Path) -> None:
    found = sizes(exported(graph(20, 50), tmp_path / "g", symbols={"V": (1, 20)}))
    assert found == {"batch-1": (20, 50), "other-sizes": (20, 25), "stress": (20, 50)}


def test_several_goldens_are_several_cases_in_their_own_sizes(tmp_path: Path) -> None:
    bundle = exported([graph(20, 50), graph(5, 7), graph(33, 4)], tmp_path / "g")
    assert sizes(bundle) == {"batch-1": (20, 50), "given-2": (5, 7), "given-3": (33, 4), "stress": (20, 50)}
    assert bundle.manifest.golden.source == "real"


@pytest.mark.parametrize(
    ("golden", "words"),
    [
        ([], "golden: got an empty list, expected at least one case"),
        (
            [graph(20, 50), {"node": np.zeros((3, 5), np.float32), "edge": np.zeros((2, 1), np.int64)}],
            "golden: input node: shape",
        ),
        ([graph(20, 50), {"node": np.zeros((3, 4), np.float32)}], "golden: inputs: got ['node'], expected"),
    ],
    ids=["none", "a wrong shape", "an input missing"],
)
def test_a_case_that_is_none_is_refused_in_one_line(golden: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(FerryError) as caught:
        exported(golden, tmp_path / "g")
    assert str(caught.value).startswith(words)
    assert caught.value.code in (ExitCode.USAGE, ExitCode.BAD_INPUT)
    assert not (tmp_path / "g").exists()


def test_a_wrong_answer_in_a_later_case_is_seen(tmp_path: Path) -> None:
    """An index outside shows that every case is run by eager and by each engine."""
    outside: Mapping[str, Array] = {**graph(5, 7), "edge": np.full((2, 3), 9)}
    with pytest.raises(FerryError, match=r"module: given-2: got (IndexError|RuntimeError)"):
        exported([graph(20, 50), outside], tmp_path / "g")


def test_integers_that_reach_a_size_are_no_indices_into_it() -> None:
    specs = (spec("x", shape=("V", 2)), spec("i", "int64", ("E",)))
    arrays: dict[str, Array] = {"x": np.zeros((10, 2), np.float32), "i": np.array([0, 7, 250])}
    assert least_size(specs, arrays, "V", 10) == 1
    arrays["i"] = np.array([0, 7, 2])
    assert least_size(specs, arrays, "V", 10) == 8


def test_a_batch_is_not_cut_below_what_an_input_without_a_batch_indexes() -> None:
    given = contract((spec("x"), spec("i", "int64", ("K",))), (spec("y"),))
    assert smallest_batch(given, {"x": np.zeros((9, 2), np.float32), "i": np.array([0, 4])}) == 5
    tokens = contract((spec("x", "int64", ("N", 2)),), (spec("y"),))
    assert smallest_batch(tokens, {"x": np.full((9, 2), 5)}) == 1
    limited = given.model_copy(update={"symbols": {**given.symbols, "N": SymbolRange(min=7, max=None)}})
    assert smallest_batch(limited, {"x": np.zeros((9, 2), np.float32), "i": np.array([0, 4])}) == 7


def test_only_cases_with_samples_of_their_own_count() -> None:
    names = ("batch-64", "batch-1", "other-sizes", "given-2")
    cases = [*(CaseArrays(name, {}, {}, {}) for name in names), CaseArrays("stress", {}, {}, {}, "stress")]
    assert [case.name for case in cases_of_their_own(cases)] == ["batch-64", "other-sizes", "given-2", "stress"]


def test_goldens_outside_the_range_that_their_contract_gives_are_refused(tmp_path: Path) -> None:
    golden = np.linspace(-0.5, 1, 24, dtype=np.float32).reshape(6, 4)
    with pytest.raises(FerryError) as caught:
        torchferry.export(
            nn.Linear(4, 3).eval(), inputs={"x": "float32[N,4]:0..1"}, golden=golden, out=tmp_path / "b", to=["export"]
        )
    assert str(caught.value).startswith("golden: input x: element [0, 0]: got -0.5, expected 0 to 1")
    assert caught.value.code == ExitCode.BAD_INPUT
    assert list(tmp_path.iterdir()) == []
