"""What an operator says about its C, and what the printer of a function offers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from typing_extensions import assert_never

from torchferry.cgen.values import Array, DType, Value

Area = Literal["integers", "floats", "sums", "shorts", "bytes"]  # members of the workspace, widest element first


def c_type(dtype: DType) -> str:
    """Return the C type in which a value of that dtype is stored in a sample's struct."""
    match dtype:
        case "float32":
            return "float"
        case "int64":
            return "int64_t"
        case "uint8" | "bool":
            return "uint8_t"
        case "int32" | "int16" | "int8":
            return f"{dtype}_t"
        case _:
            assert_never(dtype)


def local_type(dtype: DType) -> str:
    """Return the C type of a local variable of that dtype: of a comparison C gives an int."""
    match dtype:
        case "float32":
            return "float"
        case "int64":
            return "int64_t"
        case "uint8":
            return "uint8_t"
        case "int32" | "int16" | "int8":
            return f"{dtype}_t"
        case "bool":
            return "int"
        case _:
            assert_never(dtype)


def stored_as(dtype: DType, element: str) -> str:
    """Return a stored element of a dtype, so that it can be stored again: the workspace keeps integers wider than the caller does."""
    match dtype:
        case "float32" | "int64" | "uint8":
            return element
        case "int32" | "int16" | "int8":
            return f"({c_type(dtype)}){element}"
        case "bool":
            return f"{element} != 0"
        case _:
            assert_never(dtype)


def bytes_of(ctype: str) -> int:
    """Return the size of a C number, whose name says its bits but for a float."""
    return 4 if ctype == "float" else int("".join(filter(str.isdigit, ctype))) // 8


@dataclass(frozen=True)
class Table:
    """A constant array of a layer: `kind` becomes part of its name, `comment` says in which order its elements lie."""

    kind: str
    ctype: str
    array: Array
    comment: str


@dataclass(frozen=True)
class Scratch:
    """`size` elements of workspace that a node needs while it runs; `name` is the parameter."""

    name: str
    area: Area
    size: int


class Scope(Protocol):
    """The C function of a layer while it is printed."""

    def use(self, *kernels: str) -> None:
        """Declare that the printed lines call these files of `kernels/`."""

    def pointer(self, value: Value) -> str:
        """Return the name of the pointer to a value's first element."""

    def row(self, value: Value, rows: int, width: int) -> str:
        """Return the pointer to row `row` of a value [rows, width]; to its first element with one row, or where only that row is kept."""

    def is_placed(self, value: Value) -> bool:
        """Tell whether a value already lies where the node would copy it to, or the output where it would copy it from."""

    def table(self, kind: str) -> str:
        """Return the name of a table of the node, by its kind."""

    def number(self, kind: str, ctype: str, value: float) -> str:
        """Return the C of one number that training or calibration decides: itself, or where separate weights have it, by its kind.

        `ctype`: that of the kernel's parameter.
        """

    def singly(self) -> list[str]:
        """Return the lines that run the layer for each of four samples by itself."""


def over_rows(rows: int, body: list[str]) -> list[str]:
    """Return the lines once for each `row`."""
    if rows == 1:
        return body
    return [f"  for (size_t row = 0; row < {rows}; ++row) {{", *(f"  {line}" for line in body), "  }"]


def per_sample(body: list[str]) -> list[str]:
    """Return the lines once for each sample `r` of four."""
    return ["  for (size_t r = 0; r < 4; ++r) {", *body, "  }"]
