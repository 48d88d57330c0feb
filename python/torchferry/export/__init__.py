"""Export: a module in eval mode to artifacts, goldens, tolerances, and at last a bundle that has been replayed.

`torchferry.export` is this package, and it can be called: `torchferry.export(module, inputs=..., out=...)` (see api.export).
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return import_module("torchferry.export.api").export(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
