"""torchferry carries a PyTorch model from Python to C++ and to the edge, and proves that nothing was lost on the way.

The names below are the public API, with the nouns of `ferry/ferry.hpp`. Each is imported when it is first used: `import torchferry`
alone imports neither torch nor numpy.
"""

from typing import TYPE_CHECKING

from torchferry.version import VERSION as __version__

if TYPE_CHECKING:
    from torchferry.bundle.contract import Contract, TensorSpec
    from torchferry.bundle.reader import Bundle, open_bundle
    from torchferry.compare.verdict import Verdict
    from torchferry.engines.base import Session
    from torchferry.engines.stream import Stream
    from torchferry.errors import ExitCode, FerryError
    from torchferry.exporter.api import export
    from torchferry.layer_times import LayerTime
    from torchferry.preprocess.image import ImagePreprocess
    from torchferry.proof.diff_engines import EnginesDiff, diff
    from torchferry.proof.replay import EngineVerdict
    from torchferry.proof.verify import verify
else:
    _MODULES = {
        "Bundle": "bundle.reader",
        "Contract": "bundle.contract",
        "EngineVerdict": "proof.replay",
        "EnginesDiff": "proof.diff_engines",
        "ExitCode": "errors",
        "FerryError": "errors",
        "ImagePreprocess": "preprocess.image",
        "LayerTime": "layer_times",
        "Session": "engines.base",
        "Stream": "engines.stream",
        "TensorSpec": "bundle.contract",
        "Verdict": "compare.verdict",
        "diff": "proof.diff_engines",
        "export": "exporter.api",
        "open_bundle": "bundle.reader",
        "verify": "proof.verify",
    }

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used. Raises AttributeError for any other name, FerryError without its extra."""
        from importlib import import_module

        if name not in _MODULES:
            raise AttributeError(f"module 'torchferry' has no attribute {name!r}; it has {', '.join(__all__)}")
        from torchferry.extras import named_extras

        with named_extras(f"torchferry.{name}"):
            module = import_module(f"torchferry.{_MODULES[name]}")
        value = globals()[name] = getattr(module, name)
        return value

    def __dir__() -> list[str]:
        """List the public names."""
        return sorted(__all__)


__all__ = [
    "Bundle",
    "Contract",
    "EngineVerdict",
    "EnginesDiff",
    "ExitCode",
    "FerryError",
    "ImagePreprocess",
    "LayerTime",
    "Session",
    "Stream",
    "TensorSpec",
    "Verdict",
    "__version__",
    "diff",
    "export",
    "open_bundle",
    "verify",
]
