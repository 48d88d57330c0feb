"""Times of the nodes of an ONNX model, by the profiler of ONNX Runtime."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torchferry.bundle.contract import Array
from torchferry.engines.base import OpenRequest
from torchferry.engines.onnxruntime import OnnxRuntimeModel
from torchferry.layer_times import UNMEASURED_CALLS, LayerTime, LayerTimes

_KERNEL = "_kernel_time"  # behind a node's name: the kernel alone


def profile(request: OpenRequest, inputs: Mapping[str, Array], calls: int) -> list[LayerTime]:
    """Time each node over `calls` calls of a session of its own, on arrays [N, ...] by input name."""
    with tempfile.TemporaryDirectory(prefix="ferry-profile-") as folder:
        model = OnnxRuntimeModel(request, profile_prefix=str(Path(folder) / "layers"))
        for _ in range(UNMEASURED_CALLS + calls):
            model.run(inputs)
        trace = Path(model.end_profiling()).read_bytes()
    times = LayerTimes()
    for event in _measured(json.loads(trace)):
        times.add(event["name"].removesuffix(_KERNEL), event["args"]["op_name"], event["dur"] * 1e3)
    return times.means(calls)


def _measured(events: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Yield the kernels' events behind the first calls; a call's own event is written when it ends."""
    ended = 0
    for event in events:
        ended += event.get("name") == "model_run"
        if ended >= UNMEASURED_CALLS and event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            yield event
