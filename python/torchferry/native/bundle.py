"""Bundles of libferry."""

from __future__ import annotations

import json
import weakref
from ctypes import byref, c_char_p, c_void_p
from dataclasses import dataclass
from os import PathLike
from typing import Any

from torchferry.errors import ExitCode, FerryError
from torchferry.native.arguments import microseconds, path_of, size, text_of, whole
from torchferry.native.arguments import seconds as time_of
from torchferry.native.batcher import Batcher
from torchferry.native.library import check, libferry
from torchferry.native.samples import Samples
from torchferry.native.session import Session
from torchferry.native.tensors import spec_of


@dataclass(frozen=True)
class Report:
    """What replaying the goldens came to: `verdicts` as `verify --json` prints them; `problem` says why it is no proof."""

    passed: bool
    verdicts: dict[str, Any]
    problem: str


def open_bundle(path: str | PathLike[str], *, trust: str | PathLike[str] | None = None, lazy: bool = False) -> Bundle:
    """Open a folder, or the one file that `ferry pack` wrote, and check every file's SHA-256: with `lazy`, when it is first read.

    `trust` is a public key, or a folder of keys, one of which must have signed the bundle. Raises FerryError(IO, FORMAT, INTEGRITY).
    """
    handle = c_void_p()
    if lazy:
        keys = None if trust is None else path_of(trust)
        check(libferry().ferry_bundle_open_lazy(path_of(path), keys, byref(handle)))
    elif trust is None:
        check(libferry().ferry_bundle_open(path_of(path), byref(handle)))
    else:
        check(libferry().ferry_bundle_open_trusted(path_of(path), path_of(trust), byref(handle)))
    return Bundle(handle)


def open_memory(content: bytes) -> Bundle:
    """Open a copy of the bytes of a file that `ferry pack` wrote. Raises FerryError(FORMAT, INTEGRITY), USAGE for what are no bytes."""
    if not isinstance(content, bytes):
        raise FerryError(ExitCode.USAGE, f"bytes: got {type(content).__name__}, expected those of a file that `ferry pack` wrote")
    handle = c_void_p()
    check(libferry().ferry_bundle_open_memory(content, len(content), byref(handle)))
    return Bundle(handle)


class Bundle:
    """An opened bundle, whose files have been checked. `open_bundle` and `open_memory` make one."""

    def __init__(self, handle: c_void_p) -> None:
        library = libferry()
        self._handle = handle
        weakref.finalize(self, library.ferry_bundle_close, handle)
        self.name: str = library.ferry_bundle_name(handle).decode()
        self.digest: str = library.ferry_bundle_digest(handle).decode()
        self.manifest: dict[str, Any] = json.loads(library.ferry_bundle_manifest(handle))
        self.engines = [library.ferry_bundle_engine(handle, i).decode() for i in range(library.ferry_bundle_engine_count(handle))]
        self.classes = [library.ferry_bundle_class(handle, i).decode() for i in range(library.ferry_bundle_class_count(handle))]
        self.inputs = [spec_of(library.ferry_bundle_input(handle, i)) for i in range(library.ferry_bundle_input_count(handle))]
        self.outputs = [spec_of(library.ferry_bundle_output(handle, i)) for i in range(library.ferry_bundle_output_count(handle))]

    def allow_native(self) -> None:
        """Let sessions opened from now on run machine code of the bundle, which has all rights of this process."""
        libferry().ferry_bundle_allow_native(self._handle)

    def allow_operator(self, name: str) -> None:
        """Let TorchScript use an operator, as `aten::as_strided`, that may do more than compute. Raises FerryError(USAGE)."""
        check(libferry().ferry_bundle_allow_operator(self._handle, text_of(name)))

    def isolate(self) -> None:
        """Let sessions opened from now on run their model in a child process that can do nothing but compute."""
        libferry().ferry_bundle_isolate(self._handle)

    def set_timeout(self, seconds: float) -> None:
        """Give opening and each call of sessions opened from now on that many seconds; 0: no limit."""
        libferry().ferry_bundle_set_timeout(self._handle, time_of("timeout", seconds))

    def set_models(self, models: int) -> None:
        """Let sessions opened from now on run so many calls at once with `aoti` and `executorch`, whose models take one at a time."""
        libferry().ferry_bundle_set_models(self._handle, whole("models", models))

    def map_files(self) -> None:
        """Let sessions opened from now on map the artifact's files: nobody may change or cut these while a session lives."""
        libferry().ferry_bundle_map_files(self._handle)

    def session(self, engine: str, *, device: str = "cpu", threads: int = 1) -> Session:
        """Open an engine of the bundle, warmed up. Raises FerryError(USAGE, UNAVAILABLE, FORMAT, INTEGRITY, IO)."""
        handle = c_void_p()
        check(
            libferry().ferry_session_open(
                self._handle, text_of(engine), text_of(device), whole("threads", threads), byref(handle)
            )
        )
        return Session(handle)

    def batcher(
        self,
        engine: str,
        *,
        device: str = "cpu",
        threads: int = 1,
        most: int = 16,
        wait: float = 0.001,
        queue: int = 1024,
        keep_bits: bool = True,
    ) -> Batcher:
        """Open a session that joins the calls of many threads: up to `most` samples, a call waiting `wait` seconds for others.

        `queue` samples may wait. With `keep_bits` only an engine that computes one sample after the other (`c`, `c-int8`): each answer
        has the bits of a call of its own. Raises FerryError(USAGE) for a contract whose samples depend on each other, and as `session`.
        """
        handle, keep = c_void_p(), int(keep_bits)
        where = (text_of(engine), text_of(device), whole("threads", threads))
        joined = (size("most", most), microseconds("wait", wait), size("queue", queue))
        check(libferry().ferry_batcher_open(self._handle, *where, *joined, keep, byref(handle)))
        return Batcher(handle)

    def samples(self, *files: str | PathLike[str]) -> Samples:
        """Open files as samples of the inputs, as `ferry-run predict --input` takes them: FILE or NAME=FILE.

        Pictures and WAV files (one a sample, also a folder of them), CSV, JSON lines, .npy and .npz. Raises FerryError(IO, BAD_INPUT), USAGE for no
        file, UNAVAILABLE where libferry_samples is not beside libferry.
        """
        handle, words = c_void_p(), [path_of(file) for file in files]
        check(libferry().ferry_samples_open(self._handle, (c_char_p * len(words))(*words), len(words), byref(handle)))
        return Samples(handle)

    def verify(self, engine: str | None = None, *, device: str = "cpu", threads: int = 1, calls: int = 1) -> Report:
        """Replay the goldens on one engine, or on all that can run here. Raises FerryError where there is nothing to report."""
        library, handle = libferry(), c_void_p()
        named = None if engine is None else text_of(engine)
        numbers = (whole("threads", threads), whole("calls", calls))
        code = library.ferry_verify(self._handle, named, text_of(device), *numbers, byref(handle))
        if not handle:
            check(code)
        problem = "" if code == ExitCode.OK else library.ferry_last_error().decode(errors="replace")
        try:
            return Report(code == ExitCode.OK, json.loads(library.ferry_text_get(handle)), problem)
        finally:
            library.ferry_text_close(handle)
