"""Between NumPy's arrays and the tensors of the C ABI."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterable, Mapping
from ctypes import c_int64, c_void_p
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.bundle.dtype import DTYPES, dtype_of, numpy_dtype
from torchferry.errors import ExitCode, FerryError
from torchferry.native.arguments import text_of
from torchferry.native.library import View, libferry

Array = NDArray[Any]


@dataclass(frozen=True)
class TensorSpec:
    """A tensor of the contract; a symbolic dim, such as the batch, is -1."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Outputs:
    """The outputs of one call, which live as long as an array of them does."""

    def __init__(self, handle: c_void_p) -> None:
        self._handle = handle
        weakref.finalize(self, libferry().ferry_outputs_close, handle)

    def arrays(self) -> dict[str, Array]:
        """Return a view [N, ...] of each output, in the contract's order."""
        return dict(self._array(i) for i in range(libferry().ferry_outputs_count(self._handle)))

    def _array(self, index: int) -> tuple[str, Array]:
        view = libferry().ferry_outputs_get(self._handle, index).contents
        memory: Any = (ctypes.c_byte * view.bytes).from_address(view.data) if view.bytes else (ctypes.c_byte * 0)()
        memory.owner = self
        array = np.frombuffer(memory, numpy_dtype(DTYPES[view.dtype]))
        return view.name.decode(), array.reshape(view.shape[: view.rank])


def in_order(inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return each array [N, ...] itself, or a copy in C order and the processor's byte order where it has another.

    Raises FerryError(BAD_INPUT) for what are no arrays by name.
    """
    arrays = {name: _array_of(name, array) for name, array in _named("inputs", inputs)}
    return {name: np.require(array, array.dtype.newbyteorder("="), ["C"]) for name, array in arrays.items()}


def in_place(outputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the arrays [N, ...] themselves. Raises FerryError(BAD_INPUT) for one that C could not write as it lies."""
    for name, array in _named("outputs", outputs):
        if not isinstance(array, np.ndarray):
            raise FerryError(ExitCode.BAD_INPUT, f"output {name}: data: got {type(array).__name__}, expected an array of NumPy")
        if not (array.flags.c_contiguous and array.flags.writeable and array.dtype.isnative):
            found = "a read-only array" if not array.flags.writeable else "an array that is strided or of another byte order"
            raise FerryError(ExitCode.BAD_INPUT, f"output {name}: data: got {found}, expected a writable one in C order")
    return dict(outputs)


def _named(what: str, arrays: Mapping[str, Array]) -> Iterable[tuple[str, Array]]:
    if not isinstance(arrays, Mapping):
        raise FerryError(ExitCode.BAD_INPUT, f"{what}: got {type(arrays).__name__}, expected arrays by name")
    return arrays.items()


def _array_of(name: str, array: Array) -> Array:
    try:
        return np.asarray(array)
    except (TypeError, ValueError):
        raise FerryError(ExitCode.BAD_INPUT, f"input {name}: data: got {type(array).__name__}, expected an array") from None


def views_of(arrays: Mapping[str, Array]) -> Any:
    """Lend the arrays [N, ...], which must outlive the views."""
    return (View * len(arrays))(*(_view(name, array) for name, array in arrays.items()))


def _view(name: str, array: Array) -> View:
    try:
        dtype = DTYPES.index(dtype_of(array))
    except ValueError:
        expected = ", ".join(DTYPES)
        raise FerryError(ExitCode.BAD_INPUT, f"input {name}: dtype: got {array.dtype}, expected one of {expected}") from None
    shape = (c_int64 * array.ndim)(*array.shape)
    return View(text_of(name), dtype, array.ndim, shape, array.ctypes.data, array.nbytes)


def spec_of(pointer: Any) -> TensorSpec:
    """Copy a spec of the C ABI."""
    spec = pointer.contents
    return TensorSpec(spec.name.decode(), DTYPES[spec.dtype], tuple(spec.shape[: spec.rank]))
