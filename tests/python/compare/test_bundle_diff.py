"""Two bundles against each other: what was not compared is not the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.bundles import edit_manifest, fill_bundle
from torchferry.bundle.reader import open_bundle
from torchferry.compare.bundle_diff import BundleDiff, EngineOutputs, require_one_contract
from torchferry.compare.engine_diff import OutputDiff
from torchferry.errors import ExitCode, FerryError


def output(*, passed: bool) -> OutputDiff:
    return OutputDiff("y", 4, 1, 0, 0, 0.5, 0.5, 1.0, 0.25, "a test", passed)


def test_two_bundles_are_the_same_where_every_output_passed() -> None:
    right, wrong = (EngineOutputs("a", "b", (output(passed=passed),)) for passed in (True, False))
    absent = EngineOutputs("a", "c", (), "it is not here")
    assert BundleDiff((), (right, absent)).is_same
    assert not BundleDiff((), (right, wrong)).is_same


def test_nothing_compared_is_not_the_same() -> None:
    assert not BundleDiff((), ()).is_same
    assert not BundleDiff((), (EngineOutputs("a", "b", ()),)).is_same


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_bundles_of_two_contracts_are_not_compared(tmp_path: Path, kind: str) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        fill_bundle(tmp_path / name)
    first, second = (open_bundle(tmp_path / name) for name in ("one", "two"))
    require_one_contract(first, second)
    edit_manifest(tmp_path / "two", lambda value: value["contract"][kind][0].update(shape=["N", 3]))
    with pytest.raises(FerryError, match=f"contract.{kind}: got") as caught:
        require_one_contract(first, open_bundle(tmp_path / "two"))
    assert caught.value.code == ExitCode.BAD_INPUT
