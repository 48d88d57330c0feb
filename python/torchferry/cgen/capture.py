"""torch.export program -> graph: parameters become constants, views vanish, every other operator becomes nodes."""

from __future__ import annotations

from typing import Any

import torch
import torch.fx
from torch.export import ExportedProgram

from torchferry.bundle.contract import BATCH, Contract, TensorSpec
from torchferry.cgen.builder import Builder
from torchferry.cgen.constants import fold
from torchferry.cgen.ir import Graph
from torchferry.cgen.layout import first_result, inherit, sample_shape
from torchferry.cgen.module_values import module_values
from torchferry.cgen.ops import lowerings, words
from torchferry.cgen.refusal import refuse
from torchferry.cgen.rewrites import rewrite_of
from torchferry.cgen.values import DTYPES, Value, dtype_of
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.source import decomposed

IGNORED = frozenset({"aten._assert_tensor_metadata.default", "aten.sym_size.int", "aten._assert_scalar.default"})


# Numbers of the samples themselves: an operator that takes them looks at how they are made.
COUNTED = frozenset({"aten.arange.default", "aten.arange.start", "aten.arange.start_step"})


def capture(program: ExportedProgram, contract: Contract) -> Graph:
    """Capture a program as a graph. Raises FerryError: FORMAT for what C cannot express, BAD_INPUT for weights that are not finite."""
    for spec in (*contract.inputs, *contract.outputs):
        _check_spec(spec)
    functional = decomposed(program, _decompositions())
    mutated = functional.graph_signature.buffers_to_mutate
    if mutated:
        name = min(mutated.values()).removeprefix("module.")
        raise FerryError(
            ExitCode.FORMAT,
            f"c: buffer {name}: got a module that writes it at each call, expected constant buffers: generated C remembers no call; take it as an "
            "input and return it as an output (`state=`), or leave c out",
        )
    builder = _builder(functional)
    inputs = _bind_inputs(builder, functional, contract)
    needed = _needed(functional)
    for node in functional.graph.nodes:
        if node.op == "call_function" and node in needed:
            _lower(builder, node)
    outputs = _outputs(builder, functional, contract)
    shapes = tuple(tuple(dim for dim in spec.shape if isinstance(dim, int)) for spec in contract.outputs)
    return Graph(inputs, tuple(builder.nodes), outputs, shapes, module_values(functional, builder.results))


def _decompositions() -> Any:
    """Return the table that leaves Core ATen, and what `ops` takes as it is."""
    table = torch.export.default_decompositions()
    for operator in [operator for operator in table if str(operator) in lowerings()]:
        table.pop(operator)
    return table


def _needed(program: ExportedProgram) -> set[torch.fx.Node]:
    """Return the nodes that an output depends on: others are what torch asserts of its arguments."""
    needed: set[torch.fx.Node] = set()
    for node in reversed(program.graph.nodes):
        if node.op == "output" or node in needed:
            needed.update(node.all_input_nodes)
    return needed


def _check_spec(spec: TensorSpec) -> None:
    if not spec.shape or spec.shape[0] != BATCH or not all(isinstance(dim, int) and dim > 0 for dim in spec.shape[1:]):
        raise FerryError(
            ExitCode.FORMAT,
            f"c: {spec.name}: shape: got {spec.describe()}, expected the batch {BATCH} first and fixed dims above 0 after it; change the contract",
        )
    if spec.dtype not in DTYPES:
        raise FerryError(
            ExitCode.FORMAT,
            f"c: {spec.name}: dtype: got {spec.dtype}, expected one of {', '.join(DTYPES)}; convert it inside the module",
        )


def _builder(program: ExportedProgram) -> Builder:
    """Parameters, buffers and lifted constants by placeholder name."""
    signature = program.graph_signature
    targets = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
    state = {**program.state_dict, **program.constants}
    return Builder({name: state[target] for name, target in targets.items()}, dict(targets))


def _bind_inputs(builder: Builder, program: ExportedProgram, contract: Contract) -> tuple[Value, ...]:
    names = [str(name) for name in program.graph_signature.user_inputs]
    _require_count("inputs", len(names), len(contract.inputs))
    placeholders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    for name, spec in zip(names, contract.inputs, strict=True):
        node = placeholders[name]
        _require_same(node, spec)
        dtype = dtype_of(spec.dtype)
        assert dtype is not None, "_check_spec"
        builder.results[node] = (Value(spec.name, sample_shape(node), dtype),)
    return tuple(builder.results[placeholders[name]][0] for name in names)


def _outputs(builder: Builder, program: ExportedProgram, contract: Contract) -> tuple[Value, ...]:
    names = [str(name) for name in program.graph_signature.user_outputs]
    _require_count("outputs", len(names), len(contract.outputs))
    nodes = {node.name: node for node in program.graph.nodes}
    for name, spec in zip(names, contract.outputs, strict=True):
        if nodes.get(name) not in builder.results:
            raise FerryError(
                ExitCode.FORMAT,
                f"c: {spec.name}: got a constant output, expected one that depends on an input; leave it out of the contract",
            )
        _require_same(nodes[name], spec)
    return tuple(builder.results[nodes[name]][0] for name in names)


def _require_count(kind: str, got: int, expected: int) -> None:
    if got != expected:
        raise FerryError(
            ExitCode.FORMAT,
            f"c: {kind}: got {got} in the program, expected {expected} as in the contract; export the module again",
        )


def _require_same(node: torch.fx.Node, spec: TensorSpec) -> None:
    dtype = str(first_result(node).dtype).removeprefix("torch.")
    shape = sample_shape(node)
    if (dtype, shape) != (spec.dtype, spec.shape[1:]):
        got = f"{dtype}[{','.join([BATCH, *map(str, shape)])}]"
        raise FerryError(
            ExitCode.FORMAT, f"c: {spec.name}: got {got} in the program, expected {spec.describe()}; correct the contract"
        )


def _lower(builder: Builder, node: torch.fx.Node) -> None:
    name = str(node.target)
    if name in IGNORED or _is_number(node) or fold(builder, node):
        return
    if name in lowerings():
        for argument in node.all_input_nodes:
            _require_known(builder, argument)
        inherit(node)
        lowered = lowerings()[name](builder, node)
        builder.results[node] = lowered if isinstance(lowered, tuple) else (lowered,)
    elif any(argument in builder.results for argument in node.all_input_nodes):
        raise _unknown(node)
    # What is made of no input is refused where it is read: an LSTM is then called by its name, not by its first zeros.


def _is_number(node: torch.fx.Node) -> bool:
    """Tell whether a node gives a size, not a tensor."""
    return isinstance(node.meta.get("val"), torch.SymInt | torch.SymBool | torch.SymFloat | int | bool | float)


def _require_known(builder: Builder, node: torch.fx.Node) -> None:
    made = node.name in builder.constants or node in builder.results or str(node.target) in COUNTED
    if not made and node.op == "call_function" and str(node.target) not in IGNORED and not _is_number(node):
        raise _unknown(node)


def _unknown(node: torch.fx.Node) -> FerryError:
    rewrite = rewrite_of(str(node.target))
    instead = f", as {rewrite} in its place" if rewrite else ""
    expected = f"one of the {len(words())} of the documentation's page reference/c-operators{instead}"
    return refuse(node, f"operator {node.target}", expected)
