"""Engine `executorch`: the .pte artifact on ExecuTorch's runtime, which is optional: `torchferry[executorch]`."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Any

import torch

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.engines.base import OpenRequest
from torchferry.engines.executorch_threads import Threads
from torchferry.engines.pte_door import check_program
from torchferry.engines.pte_kernels import check_kernels
from torchferry.engines.torch_device import to_arrays, to_tensors
from torchferry.errors import ExitCode, FerryError

METHOD = "forward"
# The runtime has one thread pool per process and a method runs one call at a time, so that calls take turns.
_TURN = threading.Lock()
# c10's ScalarType numbers, in which the runtime describes inputs and outputs.
_DTYPES = {
    0: "uint8",
    1: "int8",
    2: "int16",
    3: "int32",
    4: "int64",
    5: "float16",
    6: "float32",
    7: "float64",
    11: "bool",
    15: "bfloat16",
}


class ExecutorchModel:
    """A verified program with its method `forward` loaded."""

    def __init__(self, request: OpenRequest) -> None:
        if request.device != "cpu":
            raise FerryError(ExitCode.UNAVAILABLE, f"--device: got {request.device}, expected cpu: ExecuTorch runs there only")
        self._path, self._file = next(iter(request.files.items()))  # the program borrows these bytes
        check_kernels(self._path, check_program(self._path, self._file))
        self._runtime = _import_runtime()
        self._contract = request.contract
        self._threads, self._method = self._load(request.threads)
        self._limits = self._check_description()

    concurrency = 1  # calls take turns

    @property
    def runtime(self) -> str:
        """Name and version."""
        return f"executorch {version('executorch')}"

    @property
    def numerics(self) -> str:
        """Unknown: no bits are promised for this engine."""
        return ""

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run one forward pass: arrays [N, ...] by input name to arrays [N, ...] by output name."""
        for spec, limits in zip(self._contract.inputs, self._limits, strict=True):
            _check_size(spec, inputs[spec.name].shape, limits)
        with _TURN, self._threads.use():
            try:
                # It copies the inputs into the program's own memory and the outputs out of it.
                values = self._method(to_tensors(inputs, torch.device("cpu")))
            except RuntimeError as error:
                raise _refusal(f"got a program that fails: {str(error).splitlines()[0]}; export it again") from None
        return to_arrays(self._contract, tuple(values))

    def _load(self, count: int) -> tuple[Threads, Any]:
        with _TURN, _captured_log() as log:
            self._runtime._threadpool_get_thread_count()  # makes the pool, which talks while it is made
            threads = Threads(self._runtime, count)
            log.clear()
            with threads.use():
                return threads, self._load_method(log)

    def _load_method(self, log: _Log) -> Any:
        try:
            # InternalConsistency: every offset of the file is checked, not its header alone.
            program = self._runtime._load_program_from_buffer(
                self._file, program_verification=self._runtime.Verification.InternalConsistency
            )
            method = program.load_method(METHOD)
        except RuntimeError as error:
            reason = log() or str(error)
            if lacking := re.search(r"kernel '([^']+)' not found", reason):
                raise _refusal(
                    f"{self._path}: got operator {lacking[1]}, expected one that ExecuTorch {version('executorch')} has a kernel for; change the "
                    "module, or leave executorch out"
                ) from None
            raise _refusal(f"{self._path}: got a file that ExecuTorch {version('executorch')} cannot load: {reason}") from None
        self._program = program  # owns what the method stands on
        return method

    def _check_description(self) -> list[tuple[int, ...]]:
        """Hold the program's own description of its inputs and outputs to the contract; returns the largest input shapes."""
        meta = self._method.method_meta()
        sides = (
            ("input", ExitCode.FORMAT, self._contract.inputs, meta.num_inputs(), meta.input_tensor_meta),
            ("output", ExitCode.MISMATCH, self._contract.outputs, meta.num_outputs(), meta.output_tensor_meta),
        )
        for kind, code, specs, count, describe in sides:
            if count != len(specs):
                raise FerryError(
                    code,
                    f"executorch: got a program of {count} {kind}s, expected {len(specs)} as in the contract; export it again",
                )
            for index, spec in enumerate(specs):
                _check_description(kind, code, spec, describe(index))
        return [tuple(meta.input_tensor_meta(index).sizes()) for index in range(meta.num_inputs())]


def _check_description(kind: str, code: ExitCode, spec: TensorSpec, info: Any) -> None:
    sizes, dtype = tuple(info.sizes()), _DTYPES.get(info.dtype(), f"type {info.dtype()}")
    fixed = len(sizes) == len(spec.shape) and all(
        isinstance(dim, str) or dim == size for dim, size in zip(spec.shape, sizes, strict=True)
    )
    if dtype != spec.dtype or not fixed:
        raise FerryError(
            code,
            f"executorch: {kind} {spec.name}: got {dtype}[{','.join(map(str, sizes))}] in the program, expected {spec.describe()}; export it again",
        )


def _check_size(spec: TensorSpec, shape: tuple[int, ...], limits: tuple[int, ...]) -> None:
    for axis, (got, most) in enumerate(zip(shape, limits, strict=True)):
        if got > most:
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"input {spec.name}: dim {axis}: got {got}, expected at most {most}, for which the program has planned its memory; split the batch",
            )


def _import_runtime() -> Any:
    try:
        # executorch.runtime, its public wrapper, imports the whole exporter first, which takes five seconds.
        return import_module("executorch.extension.pybindings._C")
    except ImportError as error:
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"engine executorch: got no ExecuTorch in this Python ({error}), expected it; type: pip install 'torchferry[executorch]'",
        ) from None


def _refusal(text: str) -> FerryError:
    return FerryError(ExitCode.FORMAT, f"executorch: {text}")


class _Log:
    """What the runtime has logged since `clear`: the first line is the one that says why."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._start = descriptor, 0

    def clear(self) -> None:
        self._start = os.fstat(self._descriptor).st_size

    def __call__(self) -> str:
        lines = os.pread(self._descriptor, 65536, self._start).decode(errors="replace").strip().splitlines()
        return lines[0].partition("] ")[2] if lines else ""


@contextlib.contextmanager
def _captured_log() -> Iterator[_Log]:
    """Keep the runtime's own lines off stderr, where a user expects one: it can log nowhere else."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        saved = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield _Log(file.fileno())
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def open_model(request: OpenRequest) -> ExecutorchModel:
    """Open the artifact. Raises FerryError(UNAVAILABLE or FORMAT)."""
    return ExecutorchModel(request)
