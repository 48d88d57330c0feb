"""`generate`: a torch.export program and its contract to the text of model.c, model.h and model.cmake."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from torch.export import ExportedProgram

from torchferry.bundle.contract import Contract
from torchferry.cgen import reference
from torchferry.cgen.capture import capture
from torchferry.cgen.emit.comment import comment, promises, sizes
from torchferry.cgen.emit.facts import print_facts, print_meanings
from torchferry.cgen.emit.functions import describe
from torchferry.cgen.emit.header import print_header, print_saturations
from torchferry.cgen.emit.layers import Layer
from torchferry.cgen.emit.model import Model
from torchferry.cgen.emit.naming import cmake_target
from torchferry.cgen.emit.seen import Seen
from torchferry.cgen.emit.selftest_samples import selftest_samples
from torchferry.cgen.emit.source import kernels_of, print_body, print_source
from torchferry.cgen.emit.tables import wrap_code
from torchferry.cgen.emit.weights import structs
from torchferry.cgen.int8_losses import with_losses
from torchferry.cgen.ir import Graph
from torchferry.cgen.passes import pipeline
from torchferry.cgen.passes.byte_io import ByteInterface, Io
from torchferry.cgen.passes.calibrate import calibrate
from torchferry.cgen.passes.fold import join_functions
from torchferry.cgen.passes.quantize import quantize, quantize_with_io
from torchferry.cgen.pattern import pattern_of
from torchferry.cgen.scales import Range
from torchferry.cgen.text import named
from torchferry.cgen.values import Array, Constant, Value
from torchferry.cgen.verify import verify
from torchferry.compare.tolerance import Bound
from torchferry.errors import ExitCode, FerryError

DEFAULT_MAX_BYTES = 64 << 20
SELFTEST_CANDIDATES = 64  # goldens of which the self-test takes the first that are all numbers


@dataclass(frozen=True)
class Limits:
    """Most bytes of the constant tables, and of the workspace of one call; None: any."""

    tables: int = DEFAULT_MAX_BYTES
    workspace: int | None = None


@dataclass(frozen=True)
class Generated:
    """The files by name, the folded graph (which `reference.run` computes with the same bits) and the bytes of its tables.

    `memory`: one line about what a call needs. `seen`: where the C has the values of modules. `weights`: the file of the tables, where
    they are not in the code. `kernels`: those that the code has. `interface`: of structs with bytes for the contract's floats.
    """

    files: Mapping[str, str]
    graph: Graph
    prefix: str
    table_bytes: int
    memory: str
    seen: tuple[Seen, ...]
    weights: bytes | None = None
    kernels: tuple[str, ...] = ()
    interface: ByteInterface | None = None


def generate(
    program: ExportedProgram,
    contract: Contract,
    *,
    name: str,
    goldens: Mapping[str, Array],
    provenance: str = "",
    metadata: Mapping[str, str] = MappingProxyType({}),
    bounds: Mapping[str, Bound] | None = None,
    limits: Limits = Limits(),
    separate_weights: bool = False,
) -> Generated:
    """Print the C of a model; with `separate_weights` its tables are a file of their own.

    `goldens` are raw inputs [N, ...] by name, of which the self-test is made. `provenance` is free text for the comment at the
    top, `metadata` the bundle's, whose `licence` and `version` the files name, `bounds` are what the float outputs are held to,
    where that is known. Raises FerryError: FORMAT for what C cannot express and for names that are not C identifiers, BAD_INPUT
    for weights that are not finite and for tables or a workspace above the `limits`.
    """
    graph = float_graph(program, contract)
    model = Model.build(name, contract, graph, separate=separate_weights)
    return _generated(model, goldens=goldens, provenance=provenance, metadata=metadata, bounds=bounds, limits=limits)


def generate_int8(
    program: ExportedProgram,
    contract: Contract,
    *,
    name: str,
    goldens: Mapping[str, Array],
    calibration: Mapping[str, Array],
    headroom: float = 1.0,
    io: Io = "float",
    provenance: str = "",
    metadata: Mapping[str, str] = MappingProxyType({}),
    bounds: Mapping[str, Bound] | None = None,
    limits: Limits = Limits(),
    separate_weights: bool = False,
) -> Generated:
    """Print the C of a model with int8 weights and bytes as activations.

    `calibration` are raw inputs [N, ...] by name from the training data, which tell how large each activation becomes; bytes hold
    `headroom` times that. `io`: the structs have floats, or "bytes" or "int8" for them. With `separate_weights` all that training and
    calibration decide is a file of its own. Raises FerryError as `generate` does, and:
    BAD_INPUT for calibration data that are missing, constant or outside the contract, FORMAT for a model without matrix products and
    for products whose sums could leave 32 bits.
    """
    before, ranges = _calibrated(program, contract, calibration, headroom)
    if io == "float":
        after = _in_int8(before, ranges)
        model = Model.build(name, contract, after, separate=separate_weights)
        made = _generated(model, goldens=goldens, provenance=provenance, metadata=metadata, bounds=bounds, limits=limits)
        return replace(made, seen=with_losses(made.seen, before, after, (goldens, calibration)))
    form = quantize_with_io(before, ranges)
    interface = ByteInterface.of(contract, form, io, separate=separate_weights)
    graph = pipeline.run(verify(form.signed() if io == "int8" else form.graph, "byte_io"), (join_functions,))
    model = Model.build(name, interface.contract, graph, separate=separate_weights)
    given = interface.given(goldens)
    made = _generated(
        model, goldens=given, provenance=provenance, metadata=metadata, bounds=None, limits=limits, interface=interface
    )
    return replace(made, seen=())  # whose structs are not the contract's has no layers that diff could ask for


def float_graph(program: ExportedProgram, contract: Contract) -> Graph:
    """Return the graph that `generate` prints. Raises what `generate` raises."""
    return pipeline.run(verify(capture(program, contract), "capture"))


def int8_graph(
    program: ExportedProgram, contract: Contract, calibration: Mapping[str, Array], headroom: float = 1.0, io: Io = "float"
) -> Graph:
    """Return the graph of floats that `generate_int8` prints, calibrated on raw inputs [N, ...]. Raises what `generate_int8` raises.

    With `io` other than "float" it is that of a session, which makes bytes of the caller's floats, and floats of the answer's bytes.
    """
    graph, ranges = _calibrated(program, contract, calibration, headroom)
    if io != "float":
        return pipeline.run(verify(quantize_with_io(graph, ranges).between_floats(), "byte_io"), (join_functions,))
    return _in_int8(graph, ranges)


def unjoined_graph(program: ExportedProgram, contract: Contract) -> Graph:
    """Return the graph that is calibrated: that of `float_graph` with its elementwise functions apart. Raises what `generate` raises."""
    return pipeline.run(verify(capture(program, contract), "capture"), pipeline.INT8)


def quantized_graph(graph: Graph, ranges: Mapping[Value, Range], headroom: float) -> Graph:
    """Return the int8 form of an unjoined graph whose bytes hold `headroom` times the calibrated ranges. Raises what `generate_int8` raises."""
    return _in_int8(graph, _wider(ranges, headroom))


def _calibrated(
    program: ExportedProgram, contract: Contract, calibration: Mapping[str, Array], headroom: float
) -> tuple[Graph, dict[Value, Range]]:
    """Return the unjoined graph, and the ranges that its bytes have to hold."""
    graph = unjoined_graph(program, contract)
    return graph, _wider(calibrate(graph, contract, calibration), headroom)


def _in_int8(graph: Graph, ranges: Mapping[Value, Range]) -> Graph:
    return pipeline.run(verify(quantize(graph, ranges), "quantize"), (join_functions,))


def _wider(ranges: Mapping[Value, Range], headroom: float) -> dict[Value, Range]:
    return {value: Range(headroom * found.low, headroom * found.high) for value, found in ranges.items()}


def _generated(
    model: Model,
    *,
    goldens: Mapping[str, Array],
    provenance: str,
    metadata: Mapping[str, str],
    bounds: Mapping[str, Bound] | None,
    limits: Limits,
    interface: ByteInterface | None = None,
) -> Generated:
    graph, contract = model.graph, model.contract
    size = _checked_sizes(model, limits)
    finite = _finite_samples(graph, goldens)
    meanings = "" if interface is None else print_meanings(interface, model.weights)  # first of all in separate weights
    body = print_body(model)
    selftest = selftest_samples(
        contract,
        finite,
        batch_rows=body.batch_rows,
        skips_zeros=any(layer.head is not None and layer.head.skips_zeros for layer in model.layers),
    )
    samples = selftest.arrays
    outputs = reference.run(graph, samples)
    expected = {spec.name: output for spec, output in zip(contract.outputs, outputs, strict=True)}
    code = wrap_code(named(print_source(model, "model.h", body, samples, expected), model.prefix))
    promised = [*promises(model, bounds or {}, selftest.about), sizes(model, size, len(outputs[0]))]
    about = comment(model, metadata, provenance, promised, hashlib.sha256(code.encode()).hexdigest())
    facts = print_facts(contract, metadata, meanings) + print_saturations(body.kernels)
    files = {
        "model.c": f"{about}{code}",
        "model.h": about + wrap_code(named(print_header(model, body.batch_rows, facts), model.prefix)),
        "model.cmake": _cmake(model.prefix),
    }
    weights = None if model.weights is None else _weights(model, body.code, samples, expected)
    return Generated(
        files, graph, model.prefix, size, f"c: workspace: {memory(model)}", body.seen, weights, kernels_of(body), interface
    )


def _weights(model: Model, code: bytes, samples: Mapping[str, Array], expected: Mapping[str, Array]) -> bytes:
    """Return the file of the tables, with the samples of the self-test."""
    assert model.weights is not None
    inputs, outputs = structs(model.contract.inputs, samples), structs(model.contract.outputs, expected)
    return model.weights.data(code, inputs, outputs, len(next(iter(samples.values()))))


def _checked_sizes(model: Model, limits: Limits) -> int:
    """Return the bytes of the tables. Raises FerryError(BAD_INPUT) where they or the workspace are above their limit."""
    size = table_bytes(model)
    if size > limits.tables:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"c: tables: got {size} bytes, expected at most {limits.tables}; raise --max-bytes or make the model smaller",
        )
    if limits.workspace is not None and model.plan.bytes > limits.workspace:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"c: workspace: got {memory(model)}, expected at most {limits.workspace}; raise --max-ram or make that layer smaller",
        )
    return size


def memory(model: Model) -> str:
    """Return how large the workspace is, and the layer that decides it: `512 bytes, most in layer 2 (hidden: Linear 9 -> 3)`."""
    plan = model.plan
    most = f", most in layer {plan.largest + 1} ({describe(model.layers[plan.largest])})" if plan.areas else ""
    return f"{plan.bytes} bytes{most}"


def _finite_samples(graph: Graph, goldens: Mapping[str, Array]) -> dict[str, Array]:
    """Return the first goldens whose inputs and outputs are all numbers: C99 has no literal for others. Raises FerryError(BAD_INPUT)."""
    arrays = {name: np.asarray(array)[:SELFTEST_CANDIDATES] for name, array in goldens.items()}
    rows = [array.reshape(len(array), -1) for array in (*arrays.values(), *reference.run(graph, arrays))]
    kept = np.logical_and.reduce([np.isfinite(row).all(axis=1) for row in rows])
    if not kept.any():
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"c: self-test: got NaN or infinity in each of the first {len(kept)} goldens or its outputs, expected one of numbers; give other goldens",
        )
    return {name: array[kept] for name, array in arrays.items()}


def table_bytes(model: Model) -> int:
    """Return the bytes of all constant tables in C but for the samples of the self-test."""
    arrays = [array for layer in model.layers for array in (*_step_tables(layer), *_constant_tables(layer))]
    return sum(array.nbytes for array in arrays)


def _step_tables(layer: Layer) -> Iterable[Array]:
    return [table.array for table in layer.head.tables()] if layer.head is not None else []


def _constant_tables(layer: Layer) -> Iterable[Array]:
    """Constant vectors of elementwise operators; in one layer equal ones are printed once."""
    tables: dict[tuple[str, bytes], Array] = {}
    for node in layer.maps:
        for operand in node.operands:
            if isinstance(operand, Constant) and operand.array.ndim:
                array = pattern_of(node.stored(operand)).array
                tables[array.dtype.str, array.tobytes()] = array
    return tables.values()


def _cmake(prefix: str) -> str:
    target = cmake_target(prefix)
    note = "" if target == prefix else f"# Not {prefix}: that name means something else to CMake or to a linker.\n"
    return note + CMAKE.replace("@", target)


CMAKE = """\
# include(model.cmake), then target_link_libraries(your_target PRIVATE @). Options such as -march=native choose the vector width.
add_library(@ STATIC ${CMAKE_CURRENT_LIST_DIR}/model.c)
target_include_directories(@ PUBLIC ${CMAKE_CURRENT_LIST_DIR})
set_target_properties(@ PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON POSITION_INDEPENDENT_CODE ON)
"""
