"""What torch collects anew at each export though no test changes it: kept for the process, which saves a quarter of an export.

The two tables are those of operators that torch decomposes, and of functions that it translates to ONNX. The names are
torch's own, of no promised interface; a torch without them is left as it is.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any


def keep() -> None:
    """Make torch remember both tables."""
    export = importlib.import_module("torch._export.utils")
    collect = "_collect_all_valid_cia_ops_for_namespace"
    if hasattr(export, collect):
        setattr(export, collect, _by_namespace(getattr(export, collect)))
    onnx = importlib.import_module("torch.onnx._internal.exporter._registration")
    translations = getattr(onnx, "onnxscript_apis", None)
    if hasattr(translations, "get_torchlib_ops"):
        setattr(translations, "get_torchlib_ops", cache(translations.get_torchlib_ops))  # noqa: B010 (a module)


def _by_namespace(collect: Callable[[Any], set[Any]]) -> Callable[[Any], set[Any]]:
    """Collect a namespace's operators again only when it has got more of them."""
    kept: dict[tuple[str, int], set[Any]] = {}

    def kept_or_collected(namespace: Any) -> set[Any]:
        key = namespace.name, len(list(namespace))
        if key not in kept:
            kept[key] = collect(namespace)
        return kept[key]

    return kept_or_collected
