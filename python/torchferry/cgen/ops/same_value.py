"""Operators whose input is their result: dropout in eval mode, and one of several results."""

from __future__ import annotations

import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.lowering import Operator, arguments
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import Value


def _dropout(builder: Builder, node: torch.fx.Node) -> Value:
    if arguments(node)["train"]:
        raise refuse(node, f"{node.target} in train mode", "eval mode (module.eval())")
    return builder.value(node, node.args[0])


def _item(builder: Builder, node: torch.fx.Node) -> Value:
    """Return one result of an operator with several."""
    source, index = node.args
    results = builder.results.get(source, ()) if isinstance(source, torch.fx.Node) else ()
    if not isinstance(index, int) or index >= max(len(results), 1):
        raise refuse(node, f"result {index} of an operator", f"the first {max(len(results), 1)} only")
    return results[index] if results else builder.value(node, source)


OPERATORS = (
    Operator(
        tuple(f"aten.{name}.default" for name in ("dropout", "alpha_dropout", "feature_dropout")),
        _dropout,
        ("Dropout in eval mode",),
    ),
    Operator(("<built-in function getitem>",), _item),
)
