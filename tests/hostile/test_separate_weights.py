"""Separate weights in a bundle that are not those of its code, sealed: a session names them in one line, and nothing is written."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import torchferry
from builders.bundles import reseal
from hostile.refusal import snapshot
from torchferry.engines.c_build import find_compiler
from torchferry.errors import ExitCode, FerryError
from torchferry.packages.write import write_package

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler is here")
X = np.random.default_rng(0).standard_normal((8, 6)).astype(np.float32)


def exported(folder: Path, hidden: int, name: str = "net") -> Path:
    torch.manual_seed(hidden)
    module = nn.Sequential(nn.Linear(6, hidden), nn.ReLU(), nn.Linear(hidden, 3)).eval()
    out = folder / f"{name}{hidden}"
    arguments = {"inputs": {"x": "float32[N,6]"}, "outputs": ["y"], "golden": {"x": X}, "to": ["c"]}
    torchferry.export(module, out=out, name=name, separate_weights=True, stress=False, **arguments)  # type: ignore[arg-type]
    return out


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("apart")
    return exported(folder, 5), exported(folder, 7)


def numbers(text: str) -> list[str]:
    return text.partition("{")[2].rpartition("}")[0].split(",")


def cut(text: str) -> str:
    """The array without its last 64 bytes."""
    kept = numbers(text)[:-64]
    return re.sub(r"\[\d+\]", f"[{len(kept)}]", text.partition("{")[0]) + "{" + ",".join(kept) + "};\n"


FAULTS: dict[str, Callable[[str, str], str]] = {
    "of another contract": lambda _, other: other,
    "truncated": lambda own, _: cut(own),
    "a flipped bit": lambda own, _: own.replace(f"{numbers(own)[-80]},", f"{int(numbers(own)[-80]) ^ 1},", 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_are_not_those_of_the_code_are_refused(fault: str, two: tuple[Path, Path], tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(two[0], bundle)
    own, other = ((folder / "weights.c").read_text() for folder in two)
    changed = FAULTS[fault](own, other)
    assert changed != own
    (bundle / "weights.c").write_text(changed)
    reseal(bundle)
    shutil.rmtree(bundle / "native")  # as it comes from a machine of another kind
    before = snapshot(bundle)
    with pytest.raises(FerryError) as caught:
        torchferry.Session(torchferry.open_bundle(bundle), "c", allow_native=True)
    assert caught.value.code == ExitCode.MISMATCH
    assert "\n" not in str(caught.value)
    assert "self-test" in str(caught.value)
    assert snapshot(bundle) == before


def test_the_weights_of_the_code_are_taken(two: tuple[Path, Path]) -> None:
    assert torchferry.Session(torchferry.open_bundle(two[0]), "c", allow_native=True).run({"x": X})["y"].shape == (8, 3)


def test_two_models_of_one_prefix_are_refused_and_nothing_is_written(two: tuple[Path, Path], tmp_path: Path) -> None:
    bundles = [torchferry.open_bundle(folder) for folder in two]
    with pytest.raises(FerryError, match="got the prefix net of net and of net") as caught:
        write_package(bundles, "c", tmp_path / "out")
    assert caught.value.code == ExitCode.USAGE
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
