"""What the preprocessor of a program can ask: sizes, shapes, class names, memory, versions; and the licence of the files.

None of it changes what is computed, so that separate weights fit code with other facts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.bundle.manifest import licence_of
from torchferry.cgen.emit.tables import c_string, wrap
from torchferry.cgen.emit.weights import Number, WeightsFile
from torchferry.cgen.passes.byte_io import ByteInterface
from torchferry.cgen.text import OWN, constant, decimal_float
from torchferry.version import VERSION

_M = OWN + OWN
_ID = r"[A-Za-z0-9][A-Za-z0-9.-]*\+?"
_TERM = rf"\(*\s*{_ID}\s*\)*"
_EXPRESSION = re.compile(rf"{_TERM}(\s+(AND|OR|WITH)\s+{_TERM})*")
MEANING = "/* A number of the structs means (number - ZERO_POINT) * SCALE"
_WIDTH = 96  # characters of SPDX's line


def print_facts(contract: Contract, metadata: Mapping[str, str], meanings: str = "") -> str:
    """Print the macros. `metadata`: the bundle's; its `version` is that of the model. `meanings`: what `print_meanings` says."""
    lines = [
        "/* For the preprocessor: elements of one sample, dims of it without the batch, and the memory of one call. */",
        *_tensors("INPUT", contract.inputs),
        *_tensors("OUTPUT", contract.outputs),
        *([meanings.rstrip("\n")] if meanings else []),
        *_class_names(contract),
        f"#define {_M}ARENA_BYTES {_M}WORKSPACE_BYTES",
        f"#define {_M}VERSION {c_string(metadata.get('version', ''))} /* `version` of the bundle's metadata */",
        f"#define {_M}FERRY_VERSION {c_string(VERSION)} /* of torchferry, which wrote this file */",
    ]
    return "\n".join(lines) + "\n"


def licence_line(metadata: Mapping[str, str]) -> list[str]:
    """Return SPDX's line for `licence` or `license`; none where the text is no SPDX expression."""
    text = licence_of(metadata).strip()
    balanced = text.count("(") == text.count(")")
    if len(text) > _WIDTH or not balanced or not _EXPRESSION.fullmatch(text):
        return []
    return [f"SPDX-License-Identifier: {text}"]


def _tensors(kind: str, specs: Iterable[TensorSpec]) -> Iterator[str]:
    specs = tuple(specs)
    yield f"#define {_M}{kind}S {len(specs)}"
    for spec, (_, capital) in zip(specs, _capitals(specs), strict=True):
        dims = [dim for dim in spec.shape[1:] if isinstance(dim, int)]
        name = f"{_M}{kind}_{capital}"
        yield f"#define {name}_SIZE {math.prod(dims)}"
        yield f"#define {name}_RANK {len(dims)}"
        if dims:
            yield f"#define {name}_SHAPE {{{', '.join(map(str, dims))}}}"


def print_meanings(interface: ByteInterface, weights: WeightsFile | None) -> str:
    """Print what bytes of the structs mean: as numbers, or where separate weights have them, which must be empty yet."""
    found = dict(_meanings(interface))
    if weights is None:
        lines = "".join(f"#define {name} {_printed(number)}\n" for name, number in found.items())
        return f"{MEANING}. */\n{lines}"
    return f"{MEANING}, which come with the weights. */\n{weights.add_numbers(found, 'weights')}"


def _printed(number: Number) -> str:
    return decimal_float(number.value) if number.ctype == "float" else f"({constant(number.value, number.ctype)})"


def _meanings(interface: ByteInterface) -> Iterator[tuple[str, Number]]:
    contract = interface.contract
    for kind, specs, meanings in (("INPUT", contract.inputs, interface.inputs), ("OUTPUT", contract.outputs, interface.outputs)):
        for name, capital in _capitals(specs):
            if name in meanings:
                yield f"{_M}{kind}_{capital}_SCALE", Number("float", meanings[name].scale)
                yield f"{_M}{kind}_{capital}_ZERO_POINT", Number("int", meanings[name].zero_point)


def _capitals(specs: tuple[TensorSpec, ...]) -> list[tuple[str, str]]:
    """Return each name with that of its macros: in capitals, unless two names differ in nothing else."""
    capitals = [spec.name.upper() for spec in specs]
    return [
        (spec.name, capital if capitals.count(capital) == 1 else spec.name) for spec, capital in zip(specs, capitals, strict=True)
    ]


def _class_names(contract: Contract) -> list[str]:
    if contract.classes is None:
        return []
    names = wrap(c_string(name) for name in contract.classes.names).split("\n")
    return [f"#define {_M}CLASS_NAMES \\", "  { \\", *(f"{line} \\" for line in names), "  }"]
