"""torchferry carries a PyTorch model from Python to C++ and to the edge, and proves that nothing was lost on the way."""

from typing import Any

from torchferry.version import VERSION as __version__

__all__ = ["__version__", "export"]


def __getattr__(name: str) -> Any:
    """`torchferry.export`, imported when it is first asked for."""
    if name == "export":
        from importlib import import_module

        return import_module("torchferry.export")
    raise AttributeError(f"module 'torchferry' has no attribute {name!r}")
