"""Arithmetic as IEEE 754 has it, whatever the host program set: subnormal numbers are kept, sums are rounded to nearest.

A program or library that is built with fast-math, and `torch.set_flush_denormal(True)`, set the processor to flush subnormal
numbers to zero; models would then answer otherwise than in C++. cpp/src/float_mode.hpp is the twin.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_SMALLEST_NORMAL, _HALF, _TWO = 2.0**-1022, 0.5, 2.0  # names: the compiler would compute with numbers by itself
_ONE, _FAR_BELOW_ONE = 1.0, 2.0**-60
_FE_DFL_ENV = ctypes.c_void_p(-1)  # <fenv.h> of glibc and musl; it clears flush-to-zero and denormals-are-zero too
_FENV_BYTES = 256  # more than fenv_t has on any processor


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None)  # the interpreter's own libm


def is_ieee() -> bool:
    """Say whether this thread keeps subnormal numbers and rounds to nearest."""
    keeps = _SMALLEST_NORMAL * _HALF * _TWO == _SMALLEST_NORMAL
    return keeps and _ONE + _FAR_BELOW_ONE == _ONE and _ONE - _FAR_BELOW_ONE == _ONE


def set_ieee() -> None:
    """Let this thread keep subnormal numbers and round to nearest."""
    _library().fesetenv(_FE_DFL_ENV)


@contextmanager
def ieee_arithmetic() -> Iterator[None]:
    """Compute in IEEE arithmetic inside the block; what the host program had set is restored behind it."""
    host = None if is_ieee() else ctypes.create_string_buffer(_FENV_BYTES)
    if host is not None:
        _library().fegetenv(host)
        set_ieee()
    try:
        yield
    finally:
        if host is not None or not is_ieee():  # a runtime that is built with fast-math changes it where it is loaded
            _library().fesetenv(_FE_DFL_ENV if host is None else host)
