"""Separate weights in a bundle that are not those of its code, sealed: both languages name them in one line, and nothing is written."""

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
from builders.programs import Program
from hostile.refusal import assert_error, snapshot
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
    (bundle / "model.weights.bin").write_bytes(bytes(map(int, numbers(changed))))
    reseal(bundle)
    shutil.rmtree(bundle / "native")  # as it comes from a machine of another kind
    before = snapshot(bundle)
    with pytest.raises(FerryError) as caught:
        torchferry.Session(torchferry.open_bundle(bundle), "c", allow_native=True)
    assert caught.value.code == ExitCode.MISMATCH
    assert "\n" not in str(caught.value)
    assert "self-test" in str(caught.value)
    assert snapshot(bundle) == before


BIN, TEXT = "model.weights.bin", "weights.c"
FOREIGN: dict[str, tuple[str, Callable[[bytes, bytes], bytes]]] = {
    "the file of another model": (BIN, lambda _, other: other),
    "the file, truncated": (BIN, lambda own, _: own[:-1]),
    "the file, longer": (BIN, lambda own, _: own + b"\0"),
    "one bit of a weight": (BIN, lambda own, _: own[:200] + bytes([own[200] ^ 1]) + own[201:]),
    "weights.c of another model": (TEXT, lambda _, other: other),
    "no array in weights.c": (TEXT, lambda own, _: own.partition(b"{")[0]),
}


def put(fault: str, two: tuple[Path, Path], bundle: Path) -> None:
    """Copy the first bundle, with the fault, sealed."""
    shutil.copytree(two[0], bundle)
    name, change = FOREIGN[fault]
    (bundle / name).write_bytes(change(*((folder / name).read_bytes() for folder in two)))
    reseal(bundle)


@pytest.mark.parametrize("kept", [True, False], ids=["with an object", "without"])
@pytest.mark.parametrize("fault", FOREIGN)
def test_a_file_of_weights_that_is_not_what_runs_is_refused(
    fault: str, kept: bool, two: tuple[Path, Path], quick_program: Program, tmp_path: Path
) -> None:
    """`model.weights.bin` is what a firmware maps: a session that answered with other weights would say nothing of it."""
    bundle = tmp_path / "bundle"
    put(fault, two, bundle)
    if not kept:
        shutil.rmtree(bundle / "native")
    before = snapshot(bundle)
    found = quick_program("verify", bundle, "--engine", "c", "--allow-native")
    assert_error(found, ExitCode.FORMAT, "model.weights.bin: got other bytes than those of weights.c")
    assert snapshot(bundle) == before


def test_a_second_session_of_one_process_looks_at_the_file_again(two: tuple[Path, Path], tmp_path: Path) -> None:
    torchferry.Session(torchferry.open_bundle(two[0]), "c", allow_native=True)
    put("one bit of a weight", two, tmp_path / "bundle")
    with pytest.raises(FerryError, match="other bytes than those of weights") as caught:
        torchferry.Session(torchferry.open_bundle(tmp_path / "bundle"), "c", allow_native=True)
    assert caught.value.code == ExitCode.FORMAT


def test_both_languages_take_the_weights_of_the_code(two: tuple[Path, Path], quick_program: Program) -> None:
    assert quick_program("verify", two[0], "--engine", "c", "--allow-native").code == ExitCode.OK


def test_the_weights_of_the_code_are_taken(two: tuple[Path, Path]) -> None:
    assert torchferry.Session(torchferry.open_bundle(two[0]), "c", allow_native=True).run({"x": X})["y"].shape == (8, 3)


def test_two_models_of_one_prefix_are_refused_and_nothing_is_written(two: tuple[Path, Path], tmp_path: Path) -> None:
    bundles = [torchferry.open_bundle(folder) for folder in two]
    with pytest.raises(FerryError, match="got the prefix net of net and of net") as caught:
        write_package(bundles, "c", tmp_path / "out")
    assert caught.value.code == ExitCode.USAGE
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
