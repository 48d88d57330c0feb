"""The machine and the program of a verdict: what decides bits besides the bundle (FORMAT.md section 9)."""

from __future__ import annotations

import os
import platform
from importlib import metadata

from torchferry.engines.machine import processor_name
from torchferry.version import VERSION

_LIBRARIES = ("numpy", "torch", "onnxruntime", "executorch")
SWITCHES = ("ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA")


def machine_json() -> dict[str, object]:
    """Return system, processor, versions of what computes, and the switches of kernels that this process has; no name of a host."""
    libraries = {name: version for name in _LIBRARIES if (version := _version(name)) is not None}
    return {
        "language": "python",
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "processor": processor_name(),
        "versions": {"torchferry": VERSION, "python": platform.python_version(), **libraries},
        "switches": {name: os.environ[name] for name in SWITCHES if name in os.environ},
    }


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
