"""The inputs and outputs of an ONNX model, held to the contract: names, dtypes, sizes and how many (the twin of cpp/engines/onnxruntime.cpp)."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.errors import ExitCode, FerryError

# What ONNX Runtime calls a tensor of a dtype, where that is not the dtype's own name.
_ELEMENTS = {"float32": "float", "float64": "double"}


class Described(Protocol):
    """What ONNX Runtime says of an input or output; a size that is free is no whole number."""

    name: str
    type: str
    shape: Sequence[object]


def matched_outputs(contract: Contract, inputs: Sequence[Described], outputs: Sequence[Described]) -> list[str]:
    """Return the model's names of the contract's outputs, in the contract's order; an output is NAME.out where an input has its name.

    Raises FerryError(FORMAT) for inputs and FerryError(MISMATCH) for outputs that are not those of the contract.
    """
    taken = {spec.name for spec in contract.inputs}
    _match("input", contract.inputs, inputs, frozenset(), ExitCode.FORMAT)
    return _match("output", contract.outputs, outputs, taken, ExitCode.MISMATCH)


def _match(
    kind: str, specs: Sequence[TensorSpec], found: Sequence[Described], taken: AbstractSet[str], code: ExitCode
) -> list[str]:
    by_name = {one.name: one for one in found}
    names = [f"{spec.name}.out" if spec.name in taken else spec.name for spec in specs]
    for spec, name in zip(specs, names, strict=True):
        if name not in by_name:
            raise _refused(code, f"{kind} {spec.name}: got none of that name in the model, expected it")
        _require_fit(kind, spec, by_name[name], code)
    if len(found) != len(specs):
        raise _refused(code, f"got a model of {len(found)} {kind}s, expected {len(specs)} as in the contract")
    return names


def _require_fit(kind: str, spec: TensorSpec, model: Described, code: ExitCode) -> None:
    is_dtype = model.type == f"tensor({_ELEMENTS.get(spec.dtype, spec.dtype)})"
    sizes = [size if isinstance(size, int) else None for size in model.shape]
    expected = [size if isinstance(size, int) else None for size in spec.shape]
    fits = len(sizes) == len(expected) and all(size in (None, wanted) for size, wanted in zip(sizes, expected, strict=True))
    if is_dtype and fits:
        return
    other = "" if is_dtype else " of another dtype"
    raise _refused(
        code,
        f"{kind} {spec.name}: got {_text(sizes)}{other} in the model, expected {_text(expected)} of the contract's dtype",
    )


def _text(sizes: Sequence[int | None]) -> str:
    return f"[{','.join('?' if size is None else str(size) for size in sizes)}]"


def _refused(code: ExitCode, problem: str) -> FerryError:
    return FerryError(code, f"engine onnxruntime: {problem}; export it again")
