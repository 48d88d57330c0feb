"""A probe of an ONNX artifact: the values that leave a module's nodes, or enter them, as further outputs.

Which node belongs to which module is told by the module names that the exporter keeps beside each node; in the older exporter's
files by the node's name (`/body/0/Gemm`); in files without either by the weights that a node reads. Not seen: modules that leave
no node behind (dropout, what was folded into a constant), those that have several values in common with the rest, those inside
an `If` or a `Loop`, and calls of one module directly after each other, which look like one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx
from onnx import TensorProto

from torchferry.engines.onnx_door import check_model
from torchferry.errors import ExitCode, FerryError
from torchferry.formats.onnx import MODULE_NAMES
from torchferry.formats.taps import PROBED, ProbeRequest, Shown, Tap, frame_of
from torchferry.intake.source import first_line

_ELEMENTS = {"float32": "FLOAT", "float64": "DOUBLE"}  # names that differ from those of dtypes
_FLOATS = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16})


@dataclass(frozen=True)
class _Value:
    is_float: bool
    shape: tuple[int | None, ...] | None


def probe_onnx(request: ProbeRequest) -> Shown:
    """Make an artifact with its own outputs and then each tap that it shows, and return those taps. Raises FerryError(FORMAT).

    The graph's outputs have the contract's names and order already.
    """
    taps, data = request.taps, request.main_file
    check_model(request.main_path, data)
    try:
        model = onnx.load_from_string(data)
        graph = _Graph(onnx.shape_inference.infer_shapes(model).graph)
    except Exception as error:  # onnx raises errors of many kinds
        raise FerryError(
            ExitCode.FORMAT, f"onnxruntime: got a file that onnx cannot read ({first_line(error)}); export the bundle again"
        ) from None
    frame = frame_of(taps, set(graph.runs))
    found = [(tap, value) for tap in taps if (value := graph.find(tap, frame)) is not None]
    for index, (tap, value) in enumerate(found):
        name = PROBED.format(index)
        model.graph.node.append(onnx.helper.make_node("Identity", [value], [name], name=name))
        element = getattr(TensorProto, _ELEMENTS.get(tap.dtype, tap.dtype.upper()))
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, element, [None] * len(tap.shape)))
    return Shown({request.main_path: model.SerializeToString()}, [tap for tap, _ in found])


class _Graph:
    """Nodes in runs: neighbours of one module make one call of it."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._nodes = list(graph.node)
        self._values = {info.name: _described(info) for info in (*graph.input, *graph.output, *graph.value_info)}
        weights = {tensor.name for tensor in graph.initializer}
        self._fixed = weights | {name for node in graph.node if node.op_type == "Constant" for name in node.output}
        self._outputs = {info.name for info in graph.output}
        scopes = [_scopes(node, weights) for node in self._nodes]
        self.runs: dict[str, list[list[int]]] = {}
        for index, paths in enumerate(scopes):
            for path in paths or ():
                runs = self.runs.setdefault(path, [])
                if runs and not _is_left(scopes[runs[-1][-1] + 1 : index], path):
                    runs[-1].append(index)
                else:
                    runs.append([index])

    def find(self, tap: Tap, frame: str) -> str | None:
        """Return the one value of the tap's kind that leaves (or enters) that call; None where there is not exactly one."""
        runs = self.runs.get(frame + tap.path, [])
        if len(runs) != tap.calls:
            return None
        inside = [self._nodes[index] for index in runs[tap.call - 1]]
        members = set(runs[tap.call - 1])
        produced = {name for node in inside for name in node.output if name}
        if tap.into:
            names = {name for node in inside for name in node.input if name} - produced - self._fixed
        else:
            outside = {
                name for index, node in enumerate(self._nodes) if index not in members for name in _reads(node)
            } | self._outputs
            names = produced & outside
        fitting = [name for name in names if self._fits(name, tap)]
        return fitting[0] if len(fitting) == 1 else None

    def _fits(self, name: str, tap: Tap) -> bool:
        """Say whether a value is the layer's own; one of another shape is not: the exporter merged the layer with its neighbour."""
        value = self._values.get(name)
        if value is None or value.is_float != tap.is_float:
            return False
        shape = value.shape
        return shape is None or (
            len(shape) == len(tap.shape) and all(a is None or a == b for a, b in zip(shape, tap.shape, strict=True))
        )


def _is_left(between: Sequence[list[str] | None], path: str) -> bool:
    """Did the graph leave the module in between? Nodes of no known place do not tell."""
    return any(paths is not None and path not in paths for paths in between)


def _scopes(node: onnx.NodeProto, weights: set[str]) -> list[str] | None:
    """Return the paths of the modules around a node, outermost first; None: unknown."""
    kept = [entry.value for entry in node.metadata_props if entry.key == MODULE_NAMES]
    if kept:
        names = [str(name) for name in ast.literal_eval(kept[0])]
        return [name for name in names[:-1] if name] if names[:1] == [""] else None
    if node.name.startswith("/"):
        parts = node.name.split("/")[1:-1]
        return [".".join(parts[: end + 1]) for end in range(len(parts))]
    if node.op_type == "Constant":
        return None
    owners = {name.rpartition(".")[0] for name in node.input if name in weights and "." in name}
    return list(_parents(owners.pop())) if len(owners) == 1 else []


def _parents(path: str) -> Iterator[str]:
    parts = path.split(".")
    return (".".join(parts[: end + 1]) for end in range(len(parts)))


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """Yield what a node reads, also inside the graphs of an `If` or a `Loop`."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            yield from (info.name for info in graph.output)
            for inner in graph.node:
                yield from _reads(inner)


def _described(info: onnx.ValueInfoProto) -> _Value:
    kind = info.type.tensor_type
    shape = (
        tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim) if kind.HasField("shape") else None
    )
    return _Value(kind.elem_type in _FLOATS, shape)
