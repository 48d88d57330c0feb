from __future__ import annotations

import platform

import pytest
import torch

from torchferry.engines import machine
from torchferry.engines.kernel_probe import kernel_probe
from torchferry.engines.numerics import torch_numerics


def test_the_string_names_what_decides_the_bits() -> None:
    version, blas, isa, processor = torch_numerics().rpartition(", kernels ")[0].split(", ", 3)
    assert version == f"torch {torch.__version__.partition('+')[0]}"
    assert blas in ("mkl", "no mkl")
    assert isa == torch.backends.cpu.get_cpu_capability()
    assert processor
    assert torch_numerics().endswith(f", kernels {kernel_probe()}")


def test_a_processor_without_a_name_is_its_architecture(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    nothing = tmp_path_factory.mktemp("proc") / "cpuinfo"
    monkeypatch.setattr(machine, "_CPUINFO", nothing)
    assert torch_numerics().endswith(f", {platform.machine()}, kernels {kernel_probe()}")
    nothing.write_text("processor : 0\nCPU part : 0xd0c\n")
    assert torch_numerics().endswith(f", {platform.machine()}, kernels {kernel_probe()}")
    nothing.write_text("processor : 0\nmodel name : Fast One\nmodel name : Other\n")
    assert torch_numerics().endswith(f", Fast One, kernels {kernel_probe()}")
