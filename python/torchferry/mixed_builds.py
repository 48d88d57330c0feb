"""Makes `import torchvision` work beside a torch of another build, for every program of this environment.

pip's default torchvision is built for CUDA. Beside a CPU torch its compiled operators do not load, and then the module that describes
them to torch's compiler, `torchvision._meta_registrations`, ends the import with "operator torchvision::nms does not exist". Models,
transforms and data sets need none of those operators, so an empty module takes its place; `torchvision.ops.nms` and the like go on
to say that the operators are missing. An install that matches is imported as it is.

This module imports neither torch nor torchvision: `make setup` has every Python of `.venv` load it at its start.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

_DESCRIPTIONS = "torchvision._meta_registrations"


class _EmptyModule:
    """A loader by its methods: importing `importlib.abc` would take every Python of `.venv` 20 ms."""

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave the choice of a module to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module empty."""


class _OperatorsMissing:
    """Finds the operators' descriptions empty where the operators themselves did not load."""

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """Return a spec for that one module, else None."""
        if fullname != _DESCRIPTIONS:
            return None
        extension = sys.modules.get("torchvision.extension")  # torchvision imports it first
        loaded = extension is None or extension._has_ops()
        return None if loaded else ModuleSpec(fullname, _EmptyModule())  # type: ignore[arg-type]  # has its methods, see there


if not any(isinstance(finder, _OperatorsMissing) for finder in sys.meta_path):
    sys.meta_path.insert(0, _OperatorsMissing())
