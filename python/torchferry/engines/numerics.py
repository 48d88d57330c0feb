"""The numerics string of torch on this machine: equal strings promise equal bits (FORMAT.md section 5)."""

from __future__ import annotations

import torch

from torchferry.engines.kernel_probe import kernel_probe
from torchferry.engines.machine import processor_name


def torch_numerics() -> str:
    """Return what decides the bits: `torch 2.13.0, mkl, AVX512, Intel(R) Xeon(R) Processor, kernels 098f123828eb2fc6`.

    cpp/engines/torchscript.cpp builds the same text.
    """
    version = torch.__version__.partition("+")[0]
    blas = "mkl" if torch.backends.mkl.is_available() else "no mkl"
    return f"torch {version}, {blas}, {torch.backends.cpu.get_cpu_capability()}, {processor_name()}, kernels {kernel_probe()}"
