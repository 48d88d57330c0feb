"""What the config of Triton takes from the contract: which outputs have class names, and how many samples it may join."""

from __future__ import annotations

import dataclasses

import pytest

from builders.contracts import contract, spec
from builders.programs import ROOT
from torchferry.bundle.contract import Classes, TensorSpec
from torchferry.bundle.reader import open_bundle
from torchferry.serve.repository import has_labels, write_config

CLASSES = Classes(output="label", names=("small", "large"))
LABEL = spec("label", "int64", ("N",))


@pytest.mark.parametrize(
    ("output", "named"),
    [
        (spec("scores", shape=("N", 2)), True),
        (spec("counts", "int64", ("N", 2)), False),
        (spec("more", shape=("N", 3)), False),
        (spec("places", shape=("N", 2, 2)), False),
    ],
    ids=lambda value: value.name if isinstance(value, TensorSpec) else None,
)
def test_only_scores_of_the_classes_have_their_names(output: TensorSpec, named: bool) -> None:
    assert has_labels(contract((spec("x"),), (output, LABEL), classes=CLASSES), output) == named
    assert not has_labels(contract((spec("x"),), (output, LABEL)), output)


@pytest.mark.parametrize(("limit", "join", "most"), [(8, 32, 8), (8, 4, 4), (8, 0, 0), (None, 32, 32)])
def test_no_more_samples_are_joined_than_the_contract_allows(limit: int | None, join: int, most: int) -> None:
    bundle = open_bundle(ROOT / "exported" / "iris-adaline")
    if limit is not None:
        limited = bundle.contract.with_max_batch(limit)
        bundle = dataclasses.replace(bundle, manifest=bundle.manifest.model_copy(update={"contract": limited}))
    artifact = next(one for one in bundle.manifest.artifacts if one.engine == "onnxruntime")
    assert f"max_batch_size: {most}\n" in write_config(bundle, artifact, join)
