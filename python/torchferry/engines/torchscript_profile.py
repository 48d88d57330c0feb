"""Times of the operators of a TorchScript module, by the profiler of PyTorch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch

from torchferry.bundle.contract import Array
from torchferry.engines.base import OpenRequest
from torchferry.engines.torchscript import TorchScriptModel
from torchferry.errors import ExitCode, FerryError
from torchferry.layer_times import UNMEASURED_CALLS, LayerTime, LayerTimes

_OPERATOR = 0  # at::RecordScope::FUNCTION; a TorchScript function is another scope


def profile(request: OpenRequest, inputs: Mapping[str, Array], calls: int) -> list[LayerTime]:
    """Time each operator over `calls` calls, by its place in a call: a frozen module has no layers left.

    `inputs`: arrays [N, ...] by name. Raises FerryError(UNAVAILABLE) for another device, whose kernels run later.
    """
    if request.device != "cpu":
        raise FerryError(
            ExitCode.UNAVAILABLE, f"--device: got {request.device}, expected cpu: torchscript times operators there only"
        )
    model = TorchScriptModel(request)
    for _ in range(UNMEASURED_CALLS):
        model.run(inputs)
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # asked for once, at the first profile; it prints to stderr else
    with torch.autograd.profiler.profile() as profiler:
        for _ in range(calls):
            model.run(inputs)
    return _means(sorted(profiler.function_events, key=lambda event: event.time_range.start), calls)


def _means(events: list[Any], calls: int) -> list[LayerTime]:
    """Add up the operators that no other one called, by their place in the `forward` that each call is."""
    times, places = LayerTimes(), Counter[int]()
    for event in events:
        callers = _callers(event)
        if event.scope == _OPERATOR and callers and all(caller.scope != _OPERATOR for caller in callers):
            call = callers[-1].id
            times.add(str(places[call]), event.name, event.time_range.elapsed_us() * 1e3)
            places[call] += 1
    return times.means(calls)


def _callers(event: Any) -> list[Any]:
    """Return what an event was called by, the innermost first: nothing for what copies inputs and outputs."""
    found = []
    while (event := event.cpu_parent) is not None:
        found.append(event)
    return found
