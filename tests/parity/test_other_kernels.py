"""Switches of MKL and oneDNN change kernels and no name: both programs see it, alike, and hold the bound in place of the bits."""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import torchferry
from builders.programs import BUILD, ROOT, run_program
from builders.spread import spread

SWITCHES = {
    "MKL, compatible": {"MKL_CBWR": "COMPATIBLE"},
    "MKL, AVX2": {"MKL_CBWR": "AVX2"},
    "oneDNN, SSE4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "ATen, without vectors": {"ATEN_CPU_CAPABILITY": "default"},
}
COMMANDS = {"python": [sys.executable, "-m", "torchferry"], "c++": [str(BUILD / "bin" / "ferry-run")]}


class Net(nn.Module):
    """A convolution, a wide product and a function: what oneDNN, MKL and ATen each compute."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.convolution, self.head = nn.Conv2d(3, 16, 3), nn.Linear(16 * 10 * 10, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map image [N,3,12,12] to probabilities [N,10]."""
        return self.head(torch.tanh(self.convolution(image)).flatten(1)).softmax(1)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kernels") / "net"
    torchferry.export(Net().eval(), inputs={"image": "float32[N,3,12,12]:0..1"}, to=["torchscript"], out=folder)
    return folder


def verified(bundle: Path, language: str, switch: dict[str, str]) -> Any:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python"), **switch}
    done = run_program(COMMANDS[language], "verify", bundle, "--engine", "torchscript", "--json", env=environment)
    assert done.code == 0, done.stdout
    (engine,) = json.loads(done.stdout)["engines"]
    return engine


@functools.cache
def numerics_of(switch: str) -> str:
    code = "from torchferry.engines.numerics import torch_numerics; print(torch_numerics())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python"), **SWITCHES.get(switch, {})}
    return run_program([sys.executable, "-c", code], env=environment).stdout.decode().strip()


@pytest.mark.parametrize("language", COMMANDS)
def test_the_kernels_of_the_golden_give_its_bits(bundle: Path, language: str) -> None:
    engine = verified(bundle, language, {})
    assert engine["numerics"] == numerics_of("")
    assert {verdict["kind"] for verdict in engine["verdicts"]} == {"bits"}
    assert {verdict["other_kernels_ulp"] for verdict in engine["verdicts"]} == {None}


@pytest.mark.parametrize("switch", spread(SWITCHES, 1))
def test_other_kernels_are_seen_by_both_programs_and_held_to_the_bound(bundle: Path, switch: str) -> None:
    if numerics_of(switch) == numerics_of(""):
        pytest.skip(f"{switch}: this processor's kernels are the same with the switch")
    ours, theirs = (verified(bundle, language, SWITCHES[switch]) for language in COMMANDS)
    assert ours == theirs
    assert ours["numerics"] == numerics_of(switch)
    assert {verdict["kind"] for verdict in ours["verdicts"]} == {"absolute"}
    assert all(0 <= verdict["other_kernels_ulp"] < 2**12 for verdict in ours["verdicts"])


@pytest.mark.slow
@pytest.mark.parametrize("processor", spread(["Haswell", "Nehalem"], 1))
def test_other_processors_are_seen(bundle: Path, processor: str) -> None:
    emulator = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")
    if platform.machine() != "x86_64" or emulator is None:
        pytest.skip("processors are emulated by qemu-user on x86-64")
    done = run_program(
        [emulator, "-cpu", processor, *COMMANDS["c++"]], "verify", bundle, "--engine", "torchscript", "--no-isolate"
    )
    assert done.code == 0, done.stdout
    assert b", other kernels (" in done.stdout


def test_a_verdict_on_other_kernels_says_how_far_they_are(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["golden"]["numerics"] = "torch 1.0, mkl, AVX512, Another"
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    for command in COMMANDS.values():
        done = run_program(
            command, "verify", bundle, "--engine", "torchscript", env={**os.environ, "PYTHONPATH": str(ROOT / "python")}
        )
        assert done.code == 0
        assert b"PASS, other kernels (0 ulp)" in done.stdout
