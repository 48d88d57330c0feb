"""`.npy` files: little-endian, C order, plain dtypes; nothing else is read (FORMAT.md section 8)."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from torchferry.bundle.contract import Array
from torchferry.bundle.dtype import DTYPES, descr, numpy_dtype
from torchferry.bundle.npy_header import parse_header_dict
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_NPY_HEADER_BYTES, MAX_RANK

MAGIC = b"\x93NUMPY"
MAX_BYTES = 2**63 - 1
DESCRS = {descr(dtype): dtype for dtype in DTYPES}


@dataclass(frozen=True)
class Header:
    """What stands before the data."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Bytes of one element of the first axis (the whole array where the rank is 0)."""
        return self.dtype.itemsize * _product(self.shape[1:])

    @property
    def shape_text(self) -> str:
        """The shape as messages show it: `[3,2]`."""
        return "[" + ",".join(map(str, self.shape)) + "]"

    @property
    def data_bytes(self) -> int:
        """Bytes that must follow the header."""
        return self.dtype.itemsize * _product(self.shape)


def read_header(stream: BinaryIO, *, where: str, code: ExitCode) -> Header:
    """Read magic, version and header; the stream then stands at the data. Raises FerryError(code)."""
    try:
        found, fortran, shape = parse_header_dict(_header_text(stream))
    except ValueError as error:
        raise FerryError(code, f"{where}: npy header: {error}; write it with numpy.save") from None
    if found not in DESCRS:
        kind = "objects (a pickle)" if "O" in found else f"dtype '{found}'"
        raise FerryError(code, f"{where}: npy header: got {kind}, expected one of {', '.join(DESCRS)}; convert with numpy.astype")
    if fortran:
        raise FerryError(code, f"{where}: npy header: got Fortran order, expected C order; convert with numpy.ascontiguousarray")
    header = Header(numpy_dtype(DESCRS[found]), shape)
    for dim in shape:
        if dim >= 1 << 63:
            raise FerryError(code, f"{where}: npy header: got a dim of {dim}, expected one below 2^63")
    if len(shape) > MAX_RANK:
        raise FerryError(code, f"{where}: npy header: got a shape of rank above {MAX_RANK}, expected rank at most {MAX_RANK}")
    # Dims of 0 count as 1: NumPy refuses (2^63, 0) too, though it has no elements.
    if header.dtype.itemsize * _product(tuple(dim or 1 for dim in shape)) > MAX_BYTES:
        raise FerryError(code, f"{where}: npy header: got shape {header.shape_text}, expected a size that fits in memory")
    return header


def _header_text(stream: BinaryIO) -> str:
    """Return what stands between the length field and the data. Raises ValueError."""
    prefix = stream.read(8)
    if len(prefix) != 8 or not prefix.startswith(MAGIC):
        raise ValueError("got other first bytes, expected those of a .npy file")
    major, minor = prefix[6:]
    if (major, minor) not in ((1, 0), (2, 0)):
        raise ValueError(f"got version {major}.{minor}, expected 1.0 or 2.0")
    size = 2 if major == 1 else 4
    field = stream.read(size)
    if len(field) != size:
        raise ValueError("got a file that is cut short, expected a header")
    length = int.from_bytes(field, "little")
    if length > MAX_NPY_HEADER_BYTES:
        raise ValueError(f"got {length} bytes, expected at most {MAX_NPY_HEADER_BYTES}")
    text = stream.read(length)
    if len(text) != length:
        raise ValueError(f"got a file that is cut short, expected a header of {length} bytes")
    return text.decode("latin-1")


def read_array(data: bytes, *, where: str, code: ExitCode) -> Array:
    """Parse a whole `.npy` file into an array of the shape that its header says. Raises FerryError(code)."""
    stream = io.BytesIO(data)
    header = read_header(stream, where=where, code=code)
    check_size(header, len(data) - stream.tell(), where=where, code=code)
    return np.frombuffer(data, header.dtype, offset=stream.tell()).reshape(header.shape)


def check_size(header: Header, got: int, *, where: str, code: ExitCode) -> None:
    """Require exactly as many bytes of data as the header says. Raises FerryError(code)."""
    if got != header.data_bytes:
        problem = "the file is cut short" if got < header.data_bytes else "there are trailing bytes"
        raise FerryError(
            code, f"{where}: data: got {got} bytes, expected {header.data_bytes} for shape {header.shape_text}; {problem}"
        )


def header_bytes(dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> bytes:
    """Return magic, version and header, padded so that a header of another row count has the same length."""
    stream = io.BytesIO()
    fields = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    npy_format.write_array_header_1_0(stream, fields)
    return stream.getvalue()


def array_bytes(array: Array) -> bytes:
    """Return an array of any shape as the bytes of a `.npy` file, in C order."""
    values = np.asarray(array, order="C")
    return header_bytes(values.dtype, values.shape) + values.tobytes()


def bytes_left(stream: BinaryIO) -> int | None:
    """Return how many bytes follow in a regular file; None for a pipe."""
    if not stream.seekable():
        return None
    here = stream.tell()
    end = stream.seek(0, os.SEEK_END)
    stream.seek(here)
    return end - here


def _product(dims: tuple[int, ...]) -> int:
    product = 1
    for dim in dims:
        product *= dim
    return product
