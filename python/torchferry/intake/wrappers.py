"""Modules around a module: what runs it in another way, and is no part of it."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from torchferry.errors import ExitCode, FerryError

INNER = {
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
}
"""Where a wrapper keeps the module that it runs. By name: to import the first takes a second."""


def unwrapped(module: nn.Module, note: Callable[[str], None]) -> nn.Module:
    """Return the module without what `torch.compile` or training on many devices put around it, and say so.

    Raises FerryError(BAD_INPUT) where a part inside is wrapped: it would have to be replaced in the user's module.
    """
    while name := _inner(module):
        inner: nn.Module = getattr(module, name)
        note(f"the module is {type(inner).__name__} inside {type(module).__name__}, without which it is exported")
        module = inner
    for path, part in module.named_modules():
        if name := _inner(part):
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"module: {path}: got {type(part).__name__}, expected the module inside it; put {path}.{name} in its place",
            )
    return module


def _inner(module: nn.Module) -> str:
    kind = type(module)
    return INNER.get(f"{kind.__module__}.{kind.__qualname__}", "")
