"""`generate`: a torch.export program and its contract to the text of model.c, model.h and model.cmake."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.export import ExportedProgram

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.cgen import reference
from torchferry.cgen.calibrate import calibrate
from torchferry.cgen.capture import capture
from torchferry.cgen.elementary import ULP_BOUND
from torchferry.cgen.fold import fold
from torchferry.cgen.ir import Constant, Graph, IntegerLinear, Linear, Node, ToBytes
from torchferry.cgen.kernels import pack, pack_integers
from torchferry.cgen.layers import Layer
from torchferry.cgen.model import Model
from torchferry.cgen.naming import cmake_target, named, plain
from torchferry.cgen.print_header import batch_rows, print_header
from torchferry.cgen.print_layers import describe
from torchferry.cgen.print_source import print_source
from torchferry.cgen.promises import promises
from torchferry.cgen.quantize import quantize
from torchferry.cgen.selftest_samples import selftest_samples
from torchferry.cgen.tables import wrap_code
from torchferry.compare.tolerance import Bound
from torchferry.errors import ExitCode, FerryError

Array = NDArray[Any]
DEFAULT_MAX_BYTES = 64 << 20
SELFTEST_CANDIDATES = 64  # goldens of which the self-test takes the first that are all numbers


@dataclass(frozen=True)
class Generated:
    """The files by name, the folded graph (which `reference.run` computes with the same bits) and the bytes of its tables."""

    files: Mapping[str, str]
    graph: Graph
    prefix: str
    table_bytes: int


def generate(
    program: ExportedProgram,
    contract: Contract,
    *,
    name: str,
    goldens: Mapping[str, Array],
    provenance: str = "",
    bounds: Mapping[str, Bound] | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> Generated:
    """Print the C of a model.

    `goldens` are raw inputs [N, ...] by name, of which the self-test is made. `provenance` is free text for the comment at the
    top, `bounds` are what the float outputs are held to, where that is known. Raises FerryError: FORMAT for what C cannot
    express and for names that are not C identifiers, BAD_INPUT for weights that are not finite and for tables of more than
    `max_bytes`.
    """
    graph = float_graph(program, contract)
    return _generated(graph, contract, name=name, goldens=goldens, provenance=provenance, bounds=bounds, max_bytes=max_bytes)


def generate_int8(
    program: ExportedProgram,
    contract: Contract,
    *,
    name: str,
    goldens: Mapping[str, Array],
    calibration: Mapping[str, Array],
    provenance: str = "",
    bounds: Mapping[str, Bound] | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> Generated:
    """Print the C of a model with int8 weights and bytes as activations.

    `calibration` are raw inputs [N, ...] by name from the training data, which tell how large each activation becomes.
    Raises FerryError as `generate` does, and: BAD_INPUT for calibration data that are missing, constant or outside the
    contract, FORMAT for a model without matrix products and for products whose sums could leave 32 bits.
    """
    graph = int8_graph(program, contract, calibration)
    return _generated(graph, contract, name=name, goldens=goldens, provenance=provenance, bounds=bounds, max_bytes=max_bytes)


def float_graph(program: ExportedProgram, contract: Contract) -> Graph:
    """What `generate` prints."""
    return fold(capture(program, contract))


def int8_graph(program: ExportedProgram, contract: Contract, calibration: Mapping[str, Array]) -> Graph:
    """What `generate_int8` prints."""
    graph = float_graph(program, contract)
    return quantize(graph, calibrate(graph, contract, calibration))


def _generated(
    graph: Graph,
    contract: Contract,
    *,
    name: str,
    goldens: Mapping[str, Array],
    provenance: str,
    bounds: Mapping[str, Bound] | None,
    max_bytes: int,
) -> Generated:
    model = Model.build(name, contract, graph)
    size = table_bytes(model)
    if size > max_bytes:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"c: tables: got {size} bytes, expected at most {max_bytes}; raise --max-bytes or make the model smaller",
        )
    finite = _finite_samples(graph, goldens)
    selftest = selftest_samples(contract, finite, batch_rows=batch_rows(model), skips_zeros=model.plan.rows > 0)
    samples = selftest.arrays
    outputs = reference.run(graph, samples)
    expected = {spec.name: output for spec, output in zip(contract.outputs, outputs, strict=True)}
    body = wrap_code(named(print_source(model, "model.h", samples, expected), model.prefix))
    sizes = _sizes(model, size, len(outputs[0]))
    promised = [*promises(model, bounds or {}, selftest.about), f" * {sizes}"]
    about = _about(model, provenance, promised, hashlib.sha256(body.encode()).hexdigest())
    files = {
        "model.c": f"{about}{body}",
        "model.h": about + wrap_code(named(print_header(model), model.prefix)),
        "model.cmake": _cmake(model.prefix),
    }
    return Generated(files, graph, model.prefix, size)


def _finite_samples(graph: Graph, goldens: Mapping[str, Array]) -> dict[str, Array]:
    """The first goldens whose inputs and outputs are all numbers: C99 has no literal for others. Raises FerryError(BAD_INPUT)."""
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
    """Bytes of all constant tables in C but for the samples of the self-test."""
    return sum(
        array.nbytes for layer in model.layers for array in (*_product_tables(model, layer.head), *_constant_tables(layer))
    )


def _product_tables(model: Model, head: Node | None) -> list[Array]:
    if isinstance(head, Linear):
        if model.kernel(head).kind == "dot":
            return [head.weight.astype(np.float32), head.bias.astype(np.float32)]
        floats = pack(head)
        return [floats.wide, floats.narrow, floats.bias]
    if not isinstance(head, IntegerLinear):
        return []
    packed, finish = pack_integers(head), head.finish
    tables: list[Array] = [packed.wide, packed.narrow, packed.bias]
    if isinstance(finish, ToBytes):
        return [*tables, finish.multiplier.astype(np.int32), finish.table.astype(np.uint8)]
    return [*tables, finish.scale.astype(np.float32)]


def _constant_tables(layer: Layer) -> Iterable[Array]:
    """Constant vectors of elementwise operators; in one layer equal ones are printed once."""
    tables: dict[tuple[str, bytes], Array] = {}
    for node in layer.maps:
        for operand in node.operands:
            if isinstance(operand, Constant) and operand.array.ndim:
                array = node.stored(operand)
                tables[array.dtype.str, array.tobytes()] = array
    return tables.values()


def _sizes(model: Model, tables: int, samples: int) -> str:
    sample = _struct_bytes(model.contract.inputs) + _struct_bytes(model.contract.outputs)
    return (
        f"Tables {tables} bytes, self-test samples {samples * sample} bytes ({model.prefix.upper()}_NO_SELFTEST leaves them out), "
        f"workspace {model.workspace_bytes()} bytes."
    )


def _struct_bytes(specs: Sequence[TensorSpec]) -> int:
    """Size of the C struct of one sample, with its padding."""
    members = [(spec.name, "uint8" if spec.dtype == "bool" else spec.dtype, spec.shape[1:]) for spec in specs]
    return np.dtype(members, align=True).itemsize


def _about(model: Model, provenance: str, promised: Iterable[str], digest: str) -> str:
    contract = model.contract
    inputs = [f" *   {spec.name}: {spec.describe()}" for spec in contract.inputs]
    outputs = [f" *   {spec.name}: {spec.describe()}" for spec in contract.outputs]
    ulp = max(ULP_BOUND[function] for function in ("exp", "expm1", "tanh", "erf", "log"))
    layers = [f" *   {index}. {describe(layer)}" for index, layer in enumerate(model.layers, 1)]
    lines = [
        f"/* {model.prefix}: a neural network in C99, written by torchferry. Do not edit; export again instead.",
        *([" *", *(f" * {line}" for line in plain(provenance).splitlines())] if provenance else []),
        " *",
        " * Inputs (N samples):",
        *inputs,
        " * Outputs:",
        *outputs,
        " * Layers:",
        *layers,
        " *",
        *promised,
        " * No heap, no libm, no stdio, no mutable globals.",
        *(INTEGER_PRODUCTS if any(isinstance(node, IntegerLinear) for node in model.graph.nodes) else []),
        " * Every operation is one IEEE 754 float32 operation in a fixed order, so every processor gives the same bits. Errors against",
        f" * exact arithmetic: exp, tanh, erf and log at most {ulp} ULP; a product of n inputs (n + 1) 2^-24 of the sum of |weight x|.",
        f" * SHA-256 of model.c after this comment: {digest}",
        " */",
    ]
    return "\n".join(lines) + "\n"


INTEGER_PRODUCTS = (
    " * Products are of unsigned bytes and int8 weights, with one scale per output; their sums are exact, and between two products",
    " * everything is integers. What float32 there is follows the rules below.",
)


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
