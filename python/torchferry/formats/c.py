"""Format `c`: C99 without dependencies, and an object of it for this machine where there is a C compiler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from torchferry.bundle.manifest import NATIVE_FOLDER
from torchferry.cgen import Generated, float_graph, generate, generate_int8
from torchferry.cgen.definition import Definition
from torchferry.cgen.emit.tables import wrap
from torchferry.cgen.generate import DEFAULT_MAX_BYTES, Limits, unjoined_graph
from torchferry.cgen.ir import Graph, Int8Form, Step
from torchferry.cgen.passes.byte_values import grids_of
from torchferry.engines.c_build import OBJECT, build, find_compiler, sources_of
from torchferry.engines.machine import built_for
from torchferry.errors import ExitCode, FerryError
from torchferry.formats.c_bytes import SOURCES_TEXT, TABLES_TEXT, byte_entry, separate_parts, table
from torchferry.formats.c_seen import print_rows
from torchferry.intake.source import ExportSource, Written
from torchferry.version import VERSION

ENTRY = "engine.c"


def require_expressible(source: ExportSource) -> None:
    """Refuse a module that C cannot express, before anything dear is computed. Raises FerryError(FORMAT).

    Also one that has no scales of its own, where int8 should take them from it.
    """
    float_graph(source.functional_program, source.contract)
    asks = source.quantization is not None and source.quantization.from_module
    if asks and not grids_of(unjoined_graph(source.functional_program, source.contract)):
        raise FerryError(
            ExitCode.FORMAT,
            "c-int8: from-module: got a module that rounds no value to a grid of 8 bits, expected one with fake quantisation, or of torchao's convert_pt2e; "
            "export it with --quantize int8, which measures the scales",
        )


def export(source: ExportSource, folder: Path) -> Written:
    """Write engine.c, model.c, model.h and model.cmake, and native/TRIPLE/model.so for this machine where a C compiler is there.

    With separate weights also model.weights.bin, and weights.c, the same for the engine.

    Raises FerryError: FORMAT for what C cannot express, BAD_INPUT for weights that are not finite or too many.
    """
    generated = generate(
        source.functional_program,
        source.contract,
        name=source.name,
        goldens=source.examples,
        provenance=source.provenance,
        metadata=source.metadata,
        bounds=source.bounds,
        limits=_limits(source),
        separate_weights=source.separate_weights,
    )
    return _write(source, generated, folder)


def export_int8(source: ExportSource, folder: Path) -> Written:
    """Write the same with int8 weights, as format `c-int8`. Raises FerryError also for calibration data that are missing or constant."""
    if source.quantization is None:
        raise FerryError(
            ExitCode.BAD_INPUT,
            "c-int8: calibration: got no data, expected samples of the training data; give real inputs with --golden FILE",
        )
    generated = generate_int8(
        source.functional_program,
        source.contract,
        name=source.name,
        goldens=source.examples,
        calibration=source.quantization.calibration,
        headroom=source.quantization.headroom,
        io=source.quantization.io,
        provenance=source.provenance,
        metadata=source.metadata,
        bounds=source.bounds,
        limits=_limits(source),
        separate_weights=source.separate_weights,
    )
    # What the readers allow a bound to be depends on it (FORMAT.md section 6).
    io = {} if source.quantization.io == "float" else {"io": source.quantization.io}
    written = _write(source, generated, folder, quantize="int8", **io)
    return replace(written, notes=(*written.notes, *_float_layers(generated.graph)))


def _float_layers(graph: Graph) -> Iterator[str]:
    """Say which layers of an int8 graph compute in float32 and why, a line a reason."""
    steps = [node for node in graph.nodes if isinstance(node, Step) and _is_in_floats(node)]
    for reason, forms in _IN_FLOATS.items():
        left = [step.describe() for step in steps if step.int8_form in forms]
        if left:
            more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
            yield f"c-int8: in float32, since {reason}: {', '.join(left[:_MOST_NAMED])}{more}"


def _is_in_floats(step: Step) -> bool:
    """Tell whether a layer reads and gives float32 and has no weights of one byte, as an int8 loop has."""
    weights = any(table.ctype == "int8_t" for table in step.tables())
    return not weights and {value.dtype for value in (*step.inputs, *step.outputs)} == {"float32"}


_MOST_NAMED = 6
_IN_FLOATS: dict[str, tuple[Int8Form, ...]] = {
    "they have no int8 form here": ("none",),
    "a function of their results is too steep for bytes, as a logarithm is: small numbers would be lost": ("product", "loop"),
    "a layer before or after them is": ("total", "same"),
}


def _limits(source: ExportSource) -> Limits:
    return Limits(DEFAULT_MAX_BYTES if source.max_bytes is None else source.max_bytes, source.max_ram)


def definition_without_compiler(source: ExportSource, engine: str) -> tuple[Definition, str] | None:
    """Return the definition of the C in NumPy, and what to say about it, where no compiler can build the C; else None."""
    if find_compiler() is not None:
        return None
    note = "c: got no C compiler, so that the C was not run, only its definition in NumPy; the self-test compares the C's bits with it on the target"
    return Definition.of(source, engine), note


def _write(source: ExportSource, generated: Generated, folder: Path, **requires: str) -> Written:
    entry = _entry(source, generated) if generated.interface is None else byte_entry(source.contract, generated)
    texts = {ENTRY: entry, **generated.files}
    files = {name: text.encode() for name, text in texts.items()}
    if generated.weights is not None:
        files |= {"weights.c": weights_text(generated.prefix, generated.weights).encode(), "model.weights.bin": generated.weights}
    if find_compiler() is not None:
        triple = built_for(of_bytes="quantize" in requires)
        files[f"{NATIVE_FOLDER}{triple}/{OBJECT}"] = build(sources_of(files), triple)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    producer = f"torchferry {VERSION}, torch {torch.__version__}"
    return Written(tuple(files), producer, {"standard": "C99", **requires}, (generated.memory,))


def _entry(source: ExportSource, generated: Generated) -> str:
    tables = {"input": source.contract.inputs, "output": source.contract.outputs}
    parts = separate_parts(separate=generated.weights is not None)
    parts |= {key: table("@", key, specs) for key, specs in tables.items()}
    return ENTRY_TEXT.format(**parts).replace("@", generated.prefix) + print_rows(generated.seen)


def weights_text(prefix: str, data: bytes) -> str:
    """Return the file of the weights as C, for a session, which builds one object."""
    return (
        "/* model.weights.bin. */\n"
        f"static const unsigned char ferryWeights[{len(data)}] {prefix.upper()}_ALIGNED = {{\n{wrap(map(str, data))}}};\n"
    )


# Names in camel case: whatever the bundle is called, the model's own are lower case with an underscore.
ENTRY_TEXT = (
    """\
/* What a session of torchferry's engine `c` calls. A firmware needs model.c and model.h only.
 * One translation unit with the model, so that one command builds what a session loads. */
#include "model.c"
{more}
"""
    + SOURCES_TEXT
    + TABLES_TEXT
    + """\
  return @_run_batch({weights}(const @_input *)inputs, (@_output *)outputs, count, NULL);
}}

int ferrySelftest(void);
int ferrySelftest(void) {{
{check}  return @_selftest({alone});
}}
"""
)
