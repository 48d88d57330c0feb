"""A TorchScript module without its source: a copy of its own, and as a module that torch.export takes."""

from __future__ import annotations

import io
from typing import Any

import torch
from torch import Tensor

from torchferry.intake.quiet import quiet


def own_copy(compiled: Any) -> Any:
    """Return a copy of a TorchScript module that shares nothing: torch's exporters rewrite its graph in place."""
    stream = io.BytesIO()
    torch.jit.save(compiled, stream)
    stream.seek(0)
    return torch.jit.load(stream)


def as_exportable(module: torch.nn.Module, examples: tuple[Tensor, ...]) -> torch.nn.Module:
    """Return a module that computes what a TorchScript module does, operator by operator; any other module as it is.

    `examples`: its inputs [N, ...]. Raises what torch's converter raises, of many kinds, for TorchScript that it does not take.
    """
    if not isinstance(module, torch.jit.ScriptModule):
        return module
    from torch._export.converter import TS2EPConverter  # torch exports no public name for it

    with torch.no_grad(), quiet():
        converted: torch.nn.Module = TS2EPConverter(own_copy(module), examples).convert().module(check_guards=False)
    return converted
