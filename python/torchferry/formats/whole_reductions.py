"""`amax`, `amin` and `aminmax` over every dim, for torch.onnx, whose functions of them ask for dims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Node

from torchferry.intake.source import decomposed

_ATEN = torch.ops.aten


def with_named_dims(program: ExportedProgram) -> ExportedProgram:
    """Return the program whose largest and smallest values over all dims name these dims; itself where it has none."""
    found = any(_is_whole(node) for node in program.graph.nodes)
    return decomposed(program, _TABLE) if found else program


def _is_whole(node: Node) -> bool:
    if node.target == _ATEN.aminmax.default:
        return node.kwargs.get("dim") is None
    dims = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    return node.target in (_ATEN.amax.default, _ATEN.amin.default) and not dims


def _over(operator: Any) -> Callable[..., Tensor]:
    def reduced(x: Tensor, dim: Sequence[int] = (), keepdim: bool = False) -> Tensor:
        found: Tensor = NotImplemented if dim else operator(x, list(range(x.ndim)), keepdim)
        return found

    return reduced


def _both(x: Tensor, *, dim: int | None = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    dims = list(range(x.ndim)) if dim is None else [dim]
    return _ATEN.amin.default(x, dims, keepdim), _ATEN.amax.default(x, dims, keepdim)


_TABLE = {
    _ATEN.amax.default: _over(_ATEN.amax.default),
    _ATEN.amin.default: _over(_ATEN.amin.default),
    _ATEN.aminmax.default: _both,
}
