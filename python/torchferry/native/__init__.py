"""Runs and verifies bundles by libferry, the C++ half: neither torch nor another runtime is imported into Python.

    from torchferry import native

    bundle = native.open_bundle("exported/digits-mlp")
    with bundle.session("onnxruntime") as session:
        label = session.run({"image": pixels})["label"]
    assert bundle.verify().passed

Every failure is a FerryError with the exit code and the words of `ferry-run`.
"""

from __future__ import annotations

from torchferry.errors import ExitCode, FerryError
from torchferry.native.batcher import Batcher, Call
from torchferry.native.bundle import Bundle, Report, open_bundle, open_memory
from torchferry.native.samples import Samples
from torchferry.native.session import Session
from torchferry.native.tensors import TensorSpec

__all__ = [
    "Batcher",
    "Bundle",
    "Call",
    "ExitCode",
    "FerryError",
    "Report",
    "Samples",
    "Session",
    "TensorSpec",
    "open_bundle",
    "open_memory",
]
