"""The arguments of ExecuTorch's kernels, held to the schemas that torch has for the same operators.

A kernel that gets a number in a tensor's place ends the process: the Python binding has no other way out. (The C++ engine turns
the runtime's abort into a refusal.)
"""

from __future__ import annotations

from typing import Any

import torch

from torchferry.engines.flat_table import Table
from torchferry.engines.pte_door import kernel_calls
from torchferry.errors import ExitCode, FerryError

_KINDS = {
    "Tensor": ("Tensor",),
    "int": ("Int",),
    "SymInt": ("Int",),
    "bool": ("Bool",),
    "float": ("Double",),
    "number": ("Int", "Double", "Bool"),
    "str": ("String",),
    "List[int]": ("IntList",),
    "List[SymInt]": ("IntList",),
    "List[float]": ("DoubleList",),
    "List[bool]": ("BoolList",),
    "List[Tensor]": ("TensorList",),
    "List[Optional[Tensor]]": ("OptionalTensorList",),
}
# ExecuTorch's own operators, which torch does not have: kinds of arguments, then what is returned.
_OWN = {
    ("dim_order_ops::_to_dim_order_copy", "out"): ["Tensor", "Bool", "IntList|Null", "Tensor"],
    ("dim_order_ops::_clone_dim_order", "out"): ["Tensor", "Bool", "IntList|Null", "Tensor"],
    ("dim_order_ops::_empty_dim_order", "out"): ["IntList", "IntList|Null", "Tensor"],
    ("executorch_prim::et_view", "default"): ["Tensor", "IntList", "Tensor"],
}


def check_kernels(path: str, plans: list[Table]) -> None:
    """Hold every call of a kernel to its operator. Raises FerryError(FORMAT)."""
    for plan in plans:
        for name, overload, arguments in kernel_calls(plan):
            expected = _expected(name, overload)
            kinds = [kind for kind, _ in arguments]
            if expected is not None and not _is_call(kinds, expected):
                raise FerryError(
                    ExitCode.FORMAT,
                    f"{path}: got a call of {name[:60]}.{overload[:20]} with {','.join(kinds)[:100]}, expected {','.join(expected)}; "
                    "export the bundle again, or do not trust it",
                )


def _is_call(kinds: list[str], expected: list[str]) -> bool:
    """Say whether arguments of these kinds fit a kernel's; the outputs stand behind them."""
    return len(kinds) >= len(expected) and all(kind in wanted.split("|") for kind, wanted in zip(kinds, expected, strict=False))


def _expected(name: str, overload: str) -> list[str] | None:
    """Return the kinds of each argument; None for arithmetic of sizes, whose kernels check for themselves, and for what does not exist."""
    if (name, overload) in _OWN:
        return _OWN[name, overload]
    overload = "" if overload == "default" else overload
    if name.count("::") != 1:
        return None
    schemas = [schema for schema in torch._C._jit_get_schemas_for_operator(name) if schema.overload_name == overload]
    return [_kinds(str(argument.real_type)) for argument in schemas[0].arguments] if schemas else None


def _kinds(declared: str) -> str:
    is_optional = declared.startswith("Optional[")
    inner: Any = declared.removeprefix("Optional[").removesuffix("]") if is_optional else declared
    names = _KINDS.get(inner, ("Int",))  # dtypes, layouts and memory formats are numbers
    return "|".join([*names, "Null"] if is_optional else names)
