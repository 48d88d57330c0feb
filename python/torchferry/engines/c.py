"""Engine `c`: generated C99, compiled. The bundle's object for this machine, else one built here from the bundle's source.

Both are machine code of the bundle; see `native_code` in formats/registry.py. The object is written into a private folder, loaded, and the folder
removed: the loader sees bytes whose SHA-256 has been checked, never a path in the bundle. A call runs on the caller's thread.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.engines.base import OpenRequest
from torchferry.engines.c_build import OBJECT, WEIGHTS, build, digest_of, require_own_weights, sources_of
from torchferry.engines.machine import triples
from torchferry.engines.private_folder import private_folder
from torchferry.errors import ExitCode, FerryError

PASSED, NOT_STRICT = -1, -2  # what a model's self-test returns besides the index of a wrong sample
# An object is loaded once per process: ctypes gives no library back, and building one takes a second.
_LOADED: dict[str, Library] = {}
_TURN = threading.Lock()


@dataclass(frozen=True)
class Library:
    """A loaded object."""

    path: str
    handle: ctypes.CDLL

    def table(self, name: str) -> tuple[int, ...]:
        """Return the size of a sample's struct and its number of members, then offset and size of each member, in bytes."""
        first = ctypes.c_size_t.in_dll(self.handle, name)
        count = (ctypes.c_size_t * 2).from_address(ctypes.addressof(first))[1]
        return tuple((ctypes.c_size_t * (2 + 2 * min(count, 4096))).from_address(ctypes.addressof(first)))


class CModel:
    """A loaded model; sessions on the same bytes share its object."""

    def __init__(self, request: OpenRequest) -> None:
        if request.device != "cpu":
            raise FerryError(ExitCode.UNAVAILABLE, f"--device: got {request.device}, expected cpu: C runs there only")
        library = _load_once(request.files)
        self._inputs = _struct(library, "ferryInput", request.contract.inputs, ExitCode.FORMAT)
        self._outputs = _struct(library, "ferryOutput", request.contract.outputs, ExitCode.MISMATCH)
        self._run = library.handle.ferryRun
        self._run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]

    @property
    def runtime(self) -> str:
        """Name and version."""
        return "C99"

    @property
    def numerics(self) -> str:
        """Empty: the bits are those of no BLAS and no processor, and the self-test has compared them."""
        return ""

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run one batch as an array of structs: arrays [N, ...] by input name to arrays [N, ...] by output name. Raises FerryError(INTERNAL)."""
        count = len(next(iter(inputs.values())))
        samples, answers = np.zeros(count, self._inputs), np.zeros(count, self._outputs)
        for name, array in inputs.items():
            samples[name] = array
        code = self._run(samples.ctypes.data, answers.ctypes.data, count)
        if code != 0:
            raise FerryError(ExitCode.INTERNAL, f"engine c: got code {code} from the model, expected 0")
        return {name: np.ascontiguousarray(answers[name]) for name in self._outputs.names or ()}


def _load_once(files: Mapping[str, bytes]) -> Library:
    sources = sources_of(files)
    if not sources:
        raise FerryError(ExitCode.FORMAT, f"{next(iter(files))}: got no C file in the artifact, expected one; export it again")
    with _TURN:
        path, data = _find_object(files)
        key = digest_of(sources) + hashlib.sha256(data).hexdigest() + hashlib.sha256(files.get(WEIGHTS, b"")).hexdigest()
        if key not in _LOADED:
            require_own_weights(files)
            if not data:
                path, data = f"{next(iter(sources))}, compiled", build(sources, triples()[0])
            _LOADED[key] = _load(path, data, digest_of(sources))
        return _LOADED[key]


def _find_object(files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Return the bundle's object for the strongest kind of machine that this one is; no bytes where it has none."""
    for triple in triples():
        path = f"native/{triple}/{OBJECT}"
        if path in files:
            if not files[path]:
                raise FerryError(ExitCode.FORMAT, f"{path}: got an empty file, expected a shared object; export it again")
            return path, files[path]
    return "", b""


def _load(path: str, data: bytes, sources: str) -> Library:
    handle = _load_bytes(path, data)
    try:
        found = (ctypes.c_char * (len(sources) + 1)).in_dll(handle, "ferrySources").value
        _ = handle.ferryRun, handle.ferryInput, handle.ferryOutput
        selftest = handle.ferrySelftest
    except (ValueError, AttributeError) as error:
        text = str(error).rpartition(": ")[2]
        raise FerryError(ExitCode.FORMAT, f"{path}: got no object of a model ({text}), expected one; export it again") from None
    if found != sources.encode():
        raise FerryError(
            ExitCode.FORMAT, f"{path}: got an object built from other C files than the bundle's, expected these; export it again"
        )
    _require_passed(path, int(selftest()))
    return Library(path, handle)


def _load_bytes(path: str, data: bytes) -> ctypes.CDLL:
    with private_folder("ferry-c-") as folder:
        file = Path(folder) / OBJECT
        file.write_bytes(data)
        try:
            return ctypes.CDLL(str(file))
        except OSError as error:
            if os.statvfs(folder).f_flag & os.ST_NOEXEC:
                raise FerryError(
                    ExitCode.UNAVAILABLE,
                    "engine c: got a folder for temporary files that may hold no programs (noexec), expected one that may; set TMPDIR to another",
                ) from None
            text = str(error).replace(f"{folder}/", "")
            raise FerryError(
                ExitCode.FORMAT, f"{path}: got no object that loads ({text}), expected one; export it again"
            ) from None


def _require_passed(path: str, result: int) -> None:
    if result == NOT_STRICT:
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"{path}: got arithmetic that is not strict IEEE 754 (flush to zero, another rounding mode), expected the default; "
            "something in this process has changed it",
        )
    if result != PASSED:
        raise FerryError(
            ExitCode.MISMATCH,
            f"{path}: self-test: got other bits for sample {result}, expected those of the export: they are the same on every processor",
        )


def _struct(library: Library, name: str, specs: tuple[TensorSpec, ...], code: ExitCode) -> np.dtype[Any]:
    """Return the C struct as NumPy sees it, held to the contract: a wrong size would make the model read or write beyond an array."""
    size, count, *places = library.table(name)
    offsets, sizes = places[::2], places[1::2]
    fields = [np.dtype((spec.dtype, tuple(dim for dim in spec.shape[1:] if isinstance(dim, int)))) for spec in specs]
    fits = all(o + s <= size for o, s in zip(offsets, sizes, strict=True)) and [field.itemsize for field in fields] == sizes
    by_sample = all(spec.is_batched and all(isinstance(dim, int) for dim in spec.shape[1:]) for spec in specs)
    if count != len(specs) or not fits or not by_sample:
        what = name.removeprefix("ferry").lower()
        raise FerryError(
            code, f"{library.path}: {what}: got a struct of other members or sizes than the contract's {what}s; export it again"
        )
    return np.dtype({"names": [spec.name for spec in specs], "formats": fields, "offsets": offsets, "itemsize": size})


def open_model(request: OpenRequest) -> CModel:
    """Open the artifact. Raises FerryError(UNAVAILABLE, FORMAT or MISMATCH)."""
    return CModel(request)
