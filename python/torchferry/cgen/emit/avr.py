"""What an 8-bit AVR cannot hold, said by the C itself: pointers have 16 bits there, and tables lie in the first 64 KiB of flash."""

from __future__ import annotations

from collections.abc import Mapping

from torchferry.cgen.emit.model import Model
from torchferry.cgen.emit.weights import struct_dtype
from torchferry.cgen.ir import Step
from torchferry.cgen.text import own

ARRAY = 2**15 - 1  # bytes of an array: the difference of two places has a sign
FLASH = 2**16 - 2**10  # bytes of all tables: the vectors of interrupts, and tables of others, lie there too
REFUSAL = """\
#if defined(__AVR__){unless}
#error "{what}, expected at most {most} on an AVR: {advice}"
#endif
"""
SMALLER = "make the model smaller"
OF_FLOATS = f"{SMALLER}, as by --quantize int8"
UNTESTED = "define MODEL_NO_SELFTEST, or make the samples smaller"


def avr_refusal(model: Model, tables: Mapping[str, int], samples: int) -> str:
    """Return what stops a compiler for an AVR, empty where all fits. `tables`: bytes of each; `samples`: those of the self-test."""
    structs = {"input": struct_dtype(model.contract.inputs).itemsize, "output": struct_dtype(model.contract.outputs).itemsize}
    advice = SMALLER if any(node.notes for node in model.graph.nodes if isinstance(node, Step)) else OF_FLOATS
    found = _refusal({"workspace": model.plan.bytes, **structs, **tables}, sum(tables.values()), "", advice)
    if found or model.weights is not None:
        return found
    goldens = {f"the self-test's {kind}s": samples * size for kind, size in structs.items()}
    return _refusal(goldens, sum([*goldens.values(), *tables.values()]), " && !defined(MODEL_NO_SELFTEST)", UNTESTED)


def _refusal(arrays: Mapping[str, int], whole: int, unless: str, advice: str) -> str:
    largest = max(arrays, key=lambda name: arrays[name])
    if arrays[largest] > ARRAY:
        return own(REFUSAL.format(what=f"{largest}: {arrays[largest]} bytes", most=ARRAY, unless=unless, advice=advice))
    if whole > FLASH:
        return own(REFUSAL.format(what=f"all tables: {whole} bytes", most=FLASH, unless=unless, advice=advice))
    return ""
