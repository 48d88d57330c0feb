"""A probe of a TorchScript artifact: its calls of submodules written out in one graph, and what they return as further outputs.

Not seen: calls inside an `if` or a loop that TorchScript has kept (their values do not leave it), functions, which have no name in
the state_dict, and calls that a trace has left out because they computed nothing.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from torchferry.bundle.contract import Contract
from torchferry.engines.torchscript import load_archive
from torchferry.errors import ExitCode, FerryError
from torchferry.formats.taps import ProbeRequest, Shown, Tap, frame_of
from torchferry.intake.source import first_line

_FORWARD = re.compile(r"forward(__\d+)?")  # with a number where it is overloaded (LSTM)
_Call = tuple[str, int, bool]  # path of the module, number of the call, what went into it


def probe_torchscript(request: ProbeRequest) -> Shown:
    """Make an artifact with its own outputs and then each tap that it shows, and return those taps. Raises FerryError(FORMAT)."""
    module = load_archive(request.main_path, request.main_file, allow_ops=request.allow_ops, requires=request.artifact.requires)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            data, seen = _probe(module.eval(), request.taps, request.contract)
            return Shown({request.main_path: data}, seen)
    except FerryError:
        raise
    except Exception as error:  # torch.jit raises errors of many kinds for a graph that it cannot take
        raise FerryError(
            ExitCode.FORMAT,
            f"torchscript: got a file whose layers cannot be shown ({first_line(error)}), expected one of torch.jit.save; export the bundle again",
        ) from None


def _probe(module: Any, taps: Sequence[Tap], contract: Contract) -> tuple[bytes, list[Tap]]:
    graph = module.forward.graph
    values = _Inliner(module, graph).values
    frame = frame_of(taps, {path for path, _, _ in values})
    calls = Counter(path for path, _, into in values if not into)
    seen = [tap for tap in taps if _is_same_call(tap, frame, calls) and _key(tap, frame) in values]
    result = graph.return_node().inputsAt(0)
    shown = [*_outputs(graph, result, contract), *(values[_key(tap, frame)] for tap in seen)]
    _return(graph, shown)
    frozen = torch.jit.freeze(module, optimize_numerics=False)
    flat = frozen.graph.copy()
    with flat.insert_point_guard(next(flat.nodes())):
        _weights_to_constants(flat, frozen._c, next(flat.inputs()))
    flat.eraseInput(0)  # the module itself
    # A new function, since the module's own one remembers what it returned before.
    probe: Any = torch._C._create_function_from_graph("forward", flat)
    return bytes(probe.save_to_buffer()), seen


def _weights_to_constants(graph: Any, owner: Any, value: Any) -> None:
    """Freezing leaves the weights that an `if` reads where they are."""
    for node in [use.user for use in value.uses()]:
        if node.kind() != "prim::GetAttr":
            raise RuntimeError(f"{node.kind()} works on a module, not on tensors")
        found = owner.getattr(node.s("name"))
        if node.output().type().kind() == "ClassType":
            _weights_to_constants(graph, found, node.output())
        else:
            constant = graph.insertConstant(found.detach() if isinstance(found, torch.Tensor) else found)
            node.output().replaceAllUsesWith(constant)
        node.destroy()


def _key(tap: Tap, frame: str) -> _Call:
    return frame + tap.path, tap.call, tap.into


def _is_same_call(tap: Tap, frame: str, calls: Counter[str]) -> bool:
    """With another number of calls nobody can say which of them is which."""
    return calls[frame + tap.path] == tap.calls


class _Inliner:
    """Writes out every call of a submodule, and keeps a copy of what goes in and comes out: a later layer may work in place."""

    def __init__(self, module: Any, graph: Any) -> None:
        self.values: dict[_Call, Any] = {}
        self._module = module
        self._graph = graph
        self._calls: Counter[str] = Counter()
        with graph.insert_point_guard(next(graph.nodes())):
            self._none = graph.insertConstant(None)
        for node in list(graph.nodes()):
            if node.kind() == "prim::CallMethod":
                self._inline(node)

    def _inline(self, call: Any) -> Any:
        """Put the method's nodes in the place of its call; gives the value that stands for its result."""
        path = _path(call.inputsAt(0))
        is_forward = _FORWARD.fullmatch(call.s("name")) is not None
        if is_forward:
            self._calls[path] += 1
            number = self._calls[path]
            self._keep((path, number, True), next(iter(list(call.inputs())[1:]), None), call)
        result = self._copy_body(call, path)
        call.output().replaceAllUsesWith(result)
        if is_forward:
            self._keep((path, number, False), result, call)
        call.destroy()
        return result

    def _copy_body(self, call: Any, path: str) -> Any:
        owner = self._module
        for part in filter(None, path.split(".")):  # empty: a method of the module itself
            owner = getattr(owner, part)
        body = owner._c._get_method(call.s("name")).graph
        values = dict(zip((parameter.unique() for parameter in body.inputs()), call.inputs(), strict=True))
        for node in body.nodes():
            copied = self._graph.createClone(node, lambda value: values[value.unique()])
            copied.insertBefore(call)
            values.update(zip((output.unique() for output in node.outputs()), copied.outputs(), strict=True))
            if copied.kind() == "prim::CallMethod":
                values[node.output().unique()] = self._inline(copied)
        return values[next(body.outputs()).unique()]

    def _keep(self, key: _Call, value: Any, before: Any) -> None:
        if value is not None and value.type().kind() == "TupleType":
            value = _unpacked(self._graph, value, before)[0]
        if value is not None and value.type().kind() == "TensorType":
            copied = self._graph.create("aten::clone", [value, self._none], 1)
            copied.insertBefore(before)
            self.values[key] = copied.output()


def _path(value: Any) -> str:
    parts: list[str] = []
    while value.node().kind() == "prim::GetAttr":
        parts.insert(0, value.node().s("name"))
        value = value.node().inputsAt(0)
    return ".".join(parts)


def _unpacked(graph: Any, value: Any, before: Any) -> list[Any]:
    types = value.type().elements()
    node = graph.create("prim::TupleUnpack", [value], len(types))
    node.insertBefore(before)
    for output, kind in zip(node.outputs(), types, strict=True):
        output.setType(kind)
    return list(node.outputs())


def _outputs(graph: Any, result: Any, contract: Contract) -> list[Any]:
    """Return the artifact's own outputs in the contract's order."""
    kind = result.type().kind()
    if kind == "TupleType":
        return _unpacked(graph, result, graph.return_node())
    if kind != "DictType":
        return [result]
    values = []
    for spec in contract.outputs:
        with graph.insert_point_guard(graph.return_node()):
            name = graph.insertConstant(spec.name)
        node = graph.create("aten::__getitem__", [result, name], 1)
        node.insertBefore(graph.return_node())
        values.append(node.output())
    return values


def _return(graph: Any, values: list[Any]) -> None:
    node = graph.create("prim::TupleConstruct", values, 1)
    node.insertBefore(graph.return_node())
    node.output().setType(torch._C.TupleType([value.type() for value in values]))
    graph.return_node().replaceInput(0, node.output())
