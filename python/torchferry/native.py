"""Runs and verifies bundles by libferry, the C++ half: neither torch nor another runtime is imported into Python.

    from torchferry import native

    bundle = native.open_bundle("exported/digits-mlp")
    with bundle.session("onnxruntime") as session:
        label = session.run({"image": pixels})["label"]
    assert bundle.verify().passed

Every failure is a FerryError with the exit code and the words of `ferry-run`.
"""

from __future__ import annotations

import ctypes
import json
import weakref
from collections.abc import Mapping
from ctypes import POINTER, byref, c_char_p, c_double, c_int32, c_int64, c_size_t, c_void_p
from dataclasses import dataclass
from functools import cache
from os import PathLike, fspath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.bundle.dtype import DTYPES, dtype_of
from torchferry.errors import ExitCode, FerryError
from torchferry.installed import own_library
from torchferry.layer_times import LayerTime

Array = NDArray[Any]


class _View(ctypes.Structure):
    """`ferry_tensor_view` of ferry/engine.h."""

    _fields_ = (
        ("name", c_char_p),
        ("dtype", c_int32),
        ("rank", c_int32),
        ("shape", POINTER(c_int64)),
        ("data", c_void_p),
        ("bytes", c_size_t),
    )


class _Spec(ctypes.Structure):
    """`ferry_tensor_spec` of ferry/engine.h."""

    _fields_ = (("name", c_char_p), ("dtype", c_int32), ("rank", c_int32), ("shape", POINTER(c_int64)))


# Function -> its result and its arguments, as in ferry/ferry.h.
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "ferry_last_error": (c_char_p,),
    "ferry_bundle_open": (c_int32, c_char_p, POINTER(c_void_p)),
    "ferry_bundle_open_memory": (c_int32, c_void_p, c_size_t, POINTER(c_void_p)),
    "ferry_bundle_open_trusted": (c_int32, c_char_p, c_char_p, POINTER(c_void_p)),
    "ferry_bundle_close": (None, c_void_p),
    "ferry_bundle_name": (c_char_p, c_void_p),
    "ferry_bundle_digest": (c_char_p, c_void_p),
    "ferry_bundle_manifest": (c_char_p, c_void_p),
    "ferry_bundle_engine_count": (c_size_t, c_void_p),
    "ferry_bundle_engine": (c_char_p, c_void_p, c_size_t),
    "ferry_bundle_input_count": (c_size_t, c_void_p),
    "ferry_bundle_input": (POINTER(_Spec), c_void_p, c_size_t),
    "ferry_bundle_output_count": (c_size_t, c_void_p),
    "ferry_bundle_output": (POINTER(_Spec), c_void_p, c_size_t),
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
    "ferry_session_run": (c_int32, c_void_p, POINTER(_View), c_size_t, POINTER(c_void_p)),
    "ferry_session_concurrency": (c_size_t, c_void_p),
    "ferry_session_profile": (c_int32, c_void_p, POINTER(_View), c_size_t, c_int32, POINTER(c_void_p)),
    "ferry_outputs_count": (c_size_t, c_void_p),
    "ferry_outputs_get": (POINTER(_View), c_void_p, c_size_t),
    "ferry_outputs_close": (None, c_void_p),
    "ferry_verify": (c_int32, c_void_p, c_char_p, c_char_p, c_int32, c_int32, POINTER(c_void_p)),
    "ferry_text_get": (c_char_p, c_void_p),
    "ferry_text_close": (None, c_void_p),
}


@cache
def _library() -> ctypes.CDLL:
    path = own_library()
    if path is None:
        raise FerryError(
            ExitCode.UNAVAILABLE,
            "libferry: got none beside this torchferry, expected its C++ half; install the wheel or run `make build`",
        )
    library = ctypes.CDLL(str(path))
    for name, (result, *arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _check(code: int) -> None:
    if code != ExitCode.OK:
        raise FerryError(ExitCode(code), _library().ferry_last_error().decode(errors="replace"))


@dataclass(frozen=True)
class TensorSpec:
    """A tensor of the contract; a symbolic dim, such as the batch, is -1."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Report:
    """What replaying the goldens came to: `verdicts` as `verify --json` prints them; `problem` says why it is no proof."""

    passed: bool
    verdicts: dict[str, Any]
    problem: str


def open_bundle(path: str | PathLike[str], *, trust: str | PathLike[str] | None = None) -> Bundle:
    """Open a folder, or the one file that `ferry pack` wrote, and check every file's SHA-256.

    `trust` is a public key, or a folder of keys, one of which must have signed the bundle. Raises FerryError(IO, FORMAT, INTEGRITY).
    """
    handle = c_void_p()
    if trust is None:
        _check(_library().ferry_bundle_open(_text(fspath(path)), byref(handle)))
    else:
        _check(_library().ferry_bundle_open_trusted(_text(fspath(path)), _text(fspath(trust)), byref(handle)))
    return Bundle(handle)


def open_memory(content: bytes) -> Bundle:
    """Open a copy of the bytes of a file that `ferry pack` wrote. Raises FerryError(FORMAT, INTEGRITY)."""
    handle = c_void_p()
    _check(_library().ferry_bundle_open_memory(content, len(content), byref(handle)))
    return Bundle(handle)


class Bundle:
    """An opened bundle, whose files have been checked. `open_bundle` and `open_memory` make one."""

    def __init__(self, handle: c_void_p) -> None:
        library = _library()
        self._handle = handle
        weakref.finalize(self, library.ferry_bundle_close, handle)
        self.name: str = library.ferry_bundle_name(handle).decode()
        self.digest: str = library.ferry_bundle_digest(handle).decode()
        self.manifest: dict[str, Any] = json.loads(library.ferry_bundle_manifest(handle))
        self.engines = [library.ferry_bundle_engine(handle, i).decode() for i in range(library.ferry_bundle_engine_count(handle))]
        self.classes = [library.ferry_bundle_class(handle, i).decode() for i in range(library.ferry_bundle_class_count(handle))]
        self.inputs = [_spec(library.ferry_bundle_input(handle, i)) for i in range(library.ferry_bundle_input_count(handle))]
        self.outputs = [_spec(library.ferry_bundle_output(handle, i)) for i in range(library.ferry_bundle_output_count(handle))]

    def allow_native(self) -> None:
        """Let sessions opened from now on run machine code of the bundle, which has all rights of this process."""
        _library().ferry_bundle_allow_native(self._handle)

    def allow_operator(self, name: str) -> None:
        """Let TorchScript use an operator, as `aten::as_strided`, that may do more than compute. Raises FerryError(USAGE)."""
        _check(_library().ferry_bundle_allow_operator(self._handle, _text(name)))

    def isolate(self) -> None:
        """Let sessions opened from now on run their model in a child process that can do nothing but compute."""
        _library().ferry_bundle_isolate(self._handle)

    def set_timeout(self, seconds: float) -> None:
        """Give opening and each call of sessions opened from now on that many seconds; 0: no limit."""
        _library().ferry_bundle_set_timeout(self._handle, seconds)

    def set_models(self, models: int) -> None:
        """Let sessions opened from now on run so many calls at once with `aoti` and `executorch`, whose models take one at a time."""
        _library().ferry_bundle_set_models(self._handle, models)

    def map_files(self) -> None:
        """Let sessions opened from now on map the artifact's files: nobody may change or cut these while a session lives."""
        _library().ferry_bundle_map_files(self._handle)

    def session(self, engine: str, *, device: str = "cpu", threads: int = 1) -> Session:
        """Open an engine of the bundle, warmed up. Raises FerryError(USAGE, UNAVAILABLE, FORMAT, INTEGRITY, IO)."""
        handle = c_void_p()
        _check(_library().ferry_session_open(self._handle, _text(engine), _text(device), threads, byref(handle)))
        return Session(handle)

    def verify(self, engine: str | None = None, *, device: str = "cpu", threads: int = 1, calls: int = 1) -> Report:
        """Replay the goldens on one engine, or on all that can run here. Raises FerryError where there is nothing to report."""
        library, handle = _library(), c_void_p()
        named = None if engine is None else _text(engine)
        code = library.ferry_verify(self._handle, named, _text(device), threads, calls, byref(handle))
        if not handle:
            _check(code)
        problem = "" if code == ExitCode.OK else library.ferry_last_error().decode(errors="replace")
        try:
            return Report(code == ExitCode.OK, json.loads(library.ferry_text_get(handle)), problem)
        finally:
            library.ferry_text_close(handle)


class Session:
    """A bundle on one engine and device; `run` may be called from many threads at once. It outlives its bundle."""

    def __init__(self, handle: c_void_p) -> None:
        library = _library()
        self._handle = handle
        self._close = weakref.finalize(self, library.ferry_session_close, handle)
        self.runtime: str = library.ferry_session_runtime(handle).decode()
        self.numerics: str = library.ferry_session_numerics(handle).decode()
        self.concurrency: int = library.ferry_session_concurrency(handle)

    def __enter__(self) -> Session:
        """Return the session itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the session."""
        self.close()

    def close(self) -> None:
        """Free the model. No call may be running."""
        self._close()

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Compute the outputs, in the contract's order, of arrays of the contract's dtypes and shapes.

        Arrays in C order are lent, not copied; outputs lie in the memory of libferry. Raises FerryError(BAD_INPUT) for what breaks the
        contract, MISMATCH for outputs that do, USAGE after `close`.
        """
        self._require_open()
        library, handle = _library(), c_void_p()
        arrays = _in_order(inputs)
        _check(library.ferry_session_run(self._handle, _views(arrays), len(arrays), byref(handle)))
        outputs = _Outputs(handle)
        return dict(outputs.array(i) for i in range(library.ferry_outputs_count(handle)))

    def profile(self, inputs: Mapping[str, Array], *, calls: int = 10) -> list[LayerTime]:
        """Time the layers of `calls` calls, 1 to 10,000, on a model of its own: calls of this session are not slowed down.

        `inputs`: arrays [N, ...] by name. Returns the layers in the order of a call. Raises FerryError(UNAVAILABLE) where the engine's runtime measures none
        (`onnxruntime` and `torchscript` do), and BAD_INPUT as `run`.
        """
        self._require_open()
        library, handle = _library(), c_void_p()
        arrays = _in_order(inputs)
        _check(library.ferry_session_profile(self._handle, _views(arrays), len(arrays), calls, byref(handle)))
        try:
            return [LayerTime(**layer) for layer in json.loads(library.ferry_text_get(handle))["layers"]]
        finally:
            library.ferry_text_close(handle)

    def _require_open(self) -> None:
        if not self._close.alive:
            raise FerryError(ExitCode.USAGE, "session: got one that was closed, expected an open one")


class _Outputs:
    """The outputs of one call, which live as long as an array of them does."""

    def __init__(self, handle: c_void_p) -> None:
        self._handle = handle
        weakref.finalize(self, _library().ferry_outputs_close, handle)

    def array(self, index: int) -> tuple[str, Array]:
        """Return the name of an output and a view of it."""
        view = _library().ferry_outputs_get(self._handle, index).contents
        memory: Any = (ctypes.c_byte * view.bytes).from_address(view.data) if view.bytes else (ctypes.c_byte * 0)()
        memory.owner = self
        array = np.frombuffer(memory, DTYPES[view.dtype])
        return view.name.decode(), array.reshape(view.shape[: view.rank])


def _in_order(inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return each array itself, or a copy in C order and the processor's byte order where it has another."""
    arrays = {name: np.asarray(array) for name, array in inputs.items()}
    return {name: np.require(array, array.dtype.newbyteorder("="), ["C"]) for name, array in arrays.items()}


def _views(arrays: Mapping[str, Array]) -> Any:
    """Lend the arrays, which must outlive the views."""
    return (_View * len(arrays))(*(_view(name, array) for name, array in arrays.items()))


def _view(name: str, array: Array) -> _View:
    try:
        dtype = DTYPES.index(dtype_of(array))
    except ValueError:
        expected = ", ".join(DTYPES)
        raise FerryError(ExitCode.BAD_INPUT, f"input {name}: dtype: got {array.dtype}, expected one of {expected}") from None
    shape = (c_int64 * array.ndim)(*array.shape)
    return _View(_text(name), dtype, array.ndim, shape, array.ctypes.data, array.nbytes)


def _spec(pointer: Any) -> TensorSpec:
    spec = pointer.contents
    return TensorSpec(spec.name.decode(), DTYPES[spec.dtype], tuple(spec.shape[: spec.rank]))


def _text(text: str) -> bytes:
    """Return what C reads to its end. Raises FerryError(USAGE) for a NUL, behind which it would read nothing."""
    if "\0" in text:
        raise FerryError(ExitCode.USAGE, f"text: got a NUL in {text!r}, expected none")
    return text.encode("utf-8", "surrogateescape")
