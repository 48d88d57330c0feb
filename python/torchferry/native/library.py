"""libferry by ctypes: what ferry/ferry.h declares, and its failures as FerryError."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_void_p
from functools import cache
from typing import Any

from torchferry.errors import ExitCode, FerryError
from torchferry.installed import own_library


class View(ctypes.Structure):
    """`ferry_tensor_view` of ferry/engine.h; `ferry_tensor_buffer` has the same members."""

    _fields_ = (
        ("name", c_char_p),
        ("dtype", c_int32),
        ("rank", c_int32),
        ("shape", POINTER(c_int64)),
        ("data", c_void_p),
        ("bytes", c_size_t),
    )


class Spec(ctypes.Structure):
    """`ferry_tensor_spec` of ferry/engine.h."""

    _fields_ = (("name", c_char_p), ("dtype", c_int32), ("rank", c_int32), ("shape", POINTER(c_int64)))


# Function -> its result and its arguments, as in ferry/ferry.h.
SIGNATURES: dict[str, tuple[Any, ...]] = {
    "ferry_last_error": (c_char_p,),
    "ferry_bundle_open": (c_int32, c_char_p, POINTER(c_void_p)),
    "ferry_bundle_open_memory": (c_int32, c_void_p, c_size_t, POINTER(c_void_p)),
    "ferry_bundle_open_trusted": (c_int32, c_char_p, c_char_p, POINTER(c_void_p)),
    "ferry_bundle_open_lazy": (c_int32, c_char_p, c_char_p, POINTER(c_void_p)),
    "ferry_bundle_close": (None, c_void_p),
    "ferry_bundle_name": (c_char_p, c_void_p),
    "ferry_bundle_digest": (c_char_p, c_void_p),
    "ferry_bundle_manifest": (c_char_p, c_void_p),
    "ferry_bundle_engine_count": (c_size_t, c_void_p),
    "ferry_bundle_engine": (c_char_p, c_void_p, c_size_t),
    "ferry_bundle_input_count": (c_size_t, c_void_p),
    "ferry_bundle_input": (POINTER(Spec), c_void_p, c_size_t),
    "ferry_bundle_output_count": (c_size_t, c_void_p),
    "ferry_bundle_output": (POINTER(Spec), c_void_p, c_size_t),
    "ferry_bundle_class_count": (c_size_t, c_void_p),
    "ferry_bundle_class": (c_char_p, c_void_p, c_size_t),
    "ferry_bundle_allow_native": (None, c_void_p),
    "ferry_bundle_allow_operator": (c_int32, c_void_p, c_char_p),
    "ferry_bundle_isolate": (None, c_void_p),
    "ferry_bundle_set_timeout": (None, c_void_p, c_double),
    "ferry_bundle_set_models": (None, c_void_p, c_int32),
    "ferry_bundle_map_files": (None, c_void_p),
    "ferry_session_open": (c_int32, c_void_p, c_char_p, c_char_p, c_int32, POINTER(c_void_p)),
    "ferry_session_close": (None, c_void_p),
    "ferry_session_runtime": (c_char_p, c_void_p),
    "ferry_session_numerics": (c_char_p, c_void_p),
    "ferry_session_run": (c_int32, c_void_p, POINTER(View), c_size_t, POINTER(c_void_p)),
    "ferry_session_run_into": (c_int32, c_void_p, POINTER(View), c_size_t, POINTER(View), c_size_t),
    "ferry_session_concurrency": (c_size_t, c_void_p),
    "ferry_session_profile": (c_int32, c_void_p, POINTER(View), c_size_t, c_int32, POINTER(c_void_p)),
    "ferry_batcher_open": (
        c_int32,
        *(c_void_p, c_char_p, c_char_p, c_int32),
        *(c_size_t, c_int64, c_size_t, c_int32, POINTER(c_void_p)),
    ),
    "ferry_batcher_close": (None, c_void_p),
    "ferry_batcher_submit": (c_int32, c_void_p, POINTER(View), c_size_t, c_int64, POINTER(c_void_p)),
    "ferry_call_get": (c_int32, c_void_p, POINTER(c_void_p)),
    "ferry_call_cancel": (c_int32, c_void_p),
    "ferry_call_close": (None, c_void_p),
    "ferry_samples_open": (c_int32, c_void_p, POINTER(c_char_p), c_size_t, POINTER(c_void_p)),
    "ferry_samples_read": (c_int32, c_void_p, c_int64, POINTER(c_void_p)),
    "ferry_samples_close": (None, c_void_p),
    "ferry_outputs_count": (c_size_t, c_void_p),
    "ferry_outputs_get": (POINTER(View), c_void_p, c_size_t),
    "ferry_outputs_close": (None, c_void_p),
    "ferry_verify": (c_int32, c_void_p, c_char_p, c_char_p, c_int32, c_int32, POINTER(c_void_p)),
    "ferry_text_get": (c_char_p, c_void_p),
    "ferry_text_close": (None, c_void_p),
}


@cache
def libferry() -> ctypes.CDLL:
    """Load libferry, once. Raises FerryError(UNAVAILABLE) where it has not been built."""
    path = own_library()
    if path is None:
        raise FerryError(
            ExitCode.UNAVAILABLE,
            "libferry: got none beside this torchferry, expected its C++ half; install the wheel or run `make build`",
        )
    library = ctypes.CDLL(str(path))
    for name, (result, *arguments) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def check(code: int) -> None:
    """Take what a function of the C ABI returned. Raises FerryError, with this thread's last text, unless it is OK."""
    if code != ExitCode.OK:
        raise FerryError(ExitCode(code), libferry().ferry_last_error().decode(errors="replace"))
