"""Times of the operators of a torch.export program, under the paths of the modules that they come from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch.fx import Interpreter, Node

from torchferry.bundle.contract import Array
from torchferry.engines.base import OpenRequest
from torchferry.engines.eager import EagerModel
from torchferry.engines.torch_device import call_module
from torchferry.errors import ExitCode, FerryError
from torchferry.layer_times import UNMEASURED_CALLS, LayerTime, LayerTimes


def profile(request: OpenRequest, inputs: Mapping[str, Array], calls: int) -> list[LayerTime]:
    """Time each operator over `calls` calls on arrays [N, ...] by input name. Raises FerryError(UNAVAILABLE) for another device, whose kernels run later."""
    if request.device != "cpu":
        raise FerryError(ExitCode.UNAVAILABLE, f"--device: got {request.device}, expected cpu: eager times operators there only")
    timed = _TimedCalls(EagerModel(request).module)
    for call in range(UNMEASURED_CALLS + calls):
        timed.is_measured = call >= UNMEASURED_CALLS
        call_module("eager", timed.run, request, inputs)
    return timed.times.means(calls)


class _TimedCalls(Interpreter):
    """Runs a graph node by node and times those that compute."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__(module)
        self.times = LayerTimes()
        self.is_measured = False

    def run_node(self, n: Node) -> Any:
        """Run one node."""
        begin = time.perf_counter_ns()
        value = super().run_node(n)
        if self.is_measured and n.op == "call_function":
            self.times.add(_layer_of(n), str(n.target), time.perf_counter_ns() - begin)
        return value


def _layer_of(node: Node) -> str:
    """Return `PATH/NODE`: the innermost module that the node comes from, and the node's own name in the graph."""
    stack = node.meta.get("nn_module_stack") or {}
    path = next(reversed(stack.values()))[0] if stack else ""
    return f"{path}/{node.name}"
