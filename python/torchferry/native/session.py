"""Sessions of libferry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ctypes import byref, c_void_p

from torchferry.layer_times import LayerTime
from torchferry.native.arguments import whole
from torchferry.native.handle import Handle
from torchferry.native.library import check, libferry
from torchferry.native.tensors import Array, Outputs, in_order, in_place, views_of


class Session:
    """A bundle on one engine and device; `run` may be called from many threads at once. It outlives its bundle."""

    def __init__(self, handle: c_void_p) -> None:
        library = libferry()
        self._handle = Handle(self, handle, "session", library.ferry_session_close)
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
        """Let no further call begin, and free the model: now, or when the calls of other threads have ended."""
        self._handle.close()

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Compute the outputs, in the contract's order, of arrays of the contract's dtypes and shapes.

        Arrays in C order are lent, not copied; outputs lie in the memory of libferry. Raises FerryError(BAD_INPUT) for what breaks the
        contract, MISMATCH for outputs that do, USAGE after `close`.
        """
        outputs = c_void_p()
        with self._handle as session:
            arrays = in_order(inputs)
            check(libferry().ferry_session_run(session, views_of(arrays), len(arrays), byref(outputs)))
        return Outputs(outputs).arrays()

    def run_into(self, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """Compute the outputs into arrays of the caller, which have the dtypes and shapes that the outputs of these inputs have.

        No array of an output may share memory with another one. What they hold after a failure is not defined. Raises
        FerryError(BAD_INPUT) for what breaks the contract, for an array that cannot be written in place, and as `run` otherwise.
        """
        with self._handle as session:
            given, places = in_order(inputs), in_place(outputs)
            check(libferry().ferry_session_run_into(session, views_of(given), len(given), views_of(places), len(places)))

    def profile(self, inputs: Mapping[str, Array], *, calls: int = 10) -> list[LayerTime]:
        """Time the layers of `calls` calls, 1 to 10,000, on a model of its own: calls of this session are not slowed down.

        `inputs`: arrays [N, ...] by name. Returns the layers in the order of a call. Raises FerryError(UNAVAILABLE) where the engine's runtime measures none
        (`onnxruntime` and `torchscript` do), and BAD_INPUT as `run`.
        """
        library, handle, times = libferry(), c_void_p(), whole("calls", calls)
        with self._handle as session:
            arrays = in_order(inputs)
            check(library.ferry_session_profile(session, views_of(arrays), len(arrays), times, byref(handle)))
        try:
            return [LayerTime(**layer) for layer in json.loads(library.ferry_text_get(handle))["layers"]]
        finally:
            library.ferry_text_close(handle)
