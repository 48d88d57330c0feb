"""Session: one opened bundle on one engine and device, and what an engine must give for it.

The session holds inputs and outputs to the contract; an engine sees only inputs that have been checked and bytes whose
SHA-256 has been checked. No runtime is imported before that.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from torchferry.bundle.call_checks import check_inputs
from torchferry.bundle.contract import BATCH, Array, Contract
from torchferry.bundle.dtype import numpy_dtype
from torchferry.bundle.fast_check import FastChecks
from torchferry.bundle.float_mode import ieee_arithmetic, is_ieee, set_ieee
from torchferry.bundle.manifest import Artifact
from torchferry.bundle.printable import quoted
from torchferry.bundle.reader import Bundle
from torchferry.engines.deadline import Deadline
from torchferry.engines.torchscript_operators import checked_permissions
from torchferry.errors import ExitCode, FerryError
from torchferry.extras import named_extras
from torchferry.formats import registry
from torchferry.layer_times import LayerTime
from torchferry.limits import MAX_THREADS

MAX_PROFILE_CALLS = 10_000
_DEVICE = re.compile(r"cpu|cuda:[0-9]{1,4}")


@dataclass(frozen=True)
class OpenRequest:
    """Everything an engine is given to open a model; `files` are verified bytes, the first is the one to open.

    Native files that the bundle lists and does not have are left out.
    """

    files: Mapping[str, bytes]
    requires: Mapping[str, str]
    contract: Contract
    device: str
    threads: int
    allow_ops: frozenset[str] = frozenset()

    @property
    def main_path(self) -> str:
        """The path of the artifact's first file, for messages."""
        return next(iter(self.files))

    @property
    def main_file(self) -> bytes:
        """The bytes of the artifact's first file."""
        return next(iter(self.files.values()))


class Model(Protocol):
    """An opened model. `run` may be called from many threads at once."""

    @property
    def runtime(self) -> str:
        """E.g. `onnxruntime 1.31.1`."""

    @property
    def numerics(self) -> str:
        """What decides the bits of float results on this machine (FORMAT.md section 5); empty if unknown."""

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Compute the contract's outputs from its inputs, by name, in the contract's shapes, as arrays on the host."""


class Session:
    """One bundle on one engine and device; safe to `run` from many threads at once."""

    def __init__(
        self,
        bundle: Bundle,
        engine: str,
        *,
        device: str = "cpu",
        threads: int = 1,
        allow_native: bool = False,
        allow_ops: Collection[str] = (),
        deadline: Deadline | None = None,
    ) -> None:
        """`allow_native` lets an engine run machine code of the bundle, which has all rights of this process.

        `allow_ops` lets a TorchScript archive use operators, as `aten::as_strided`, that engine `torchscript` refuses by itself.
        `deadline` is told when the model is opened and called.

        Raises FerryError(USAGE) for a bad option, UNAVAILABLE where engine or device are not here, FORMAT for an undecodable artifact.
        """
        _check_options(device, threads)
        permissions = checked_permissions(allow_ops)
        artifact = bundle.artifact(engine)
        opener, extra = _opener_of(engine, artifact, allow_native)
        self.contract = bundle.contract
        self._checks = FastChecks(self.contract)
        self._inputs, self._outputs = ([spec.name for spec in specs] for specs in (self.contract.inputs, self.contract.outputs))
        self.engine = engine
        self.device = device
        self._bundle = bundle
        self._threads = threads
        self._permissions = permissions
        self._deadline = deadline
        with self._step():
            with named_extras(f"engine {engine}", extra):
                open_model = registry.load(opener)
            self._model = cast(Model, open_model(self._request()))

    def _request(self) -> OpenRequest:
        """Read and check the artifact's files for one opening."""
        artifact = self._bundle.artifact(self.engine)
        return OpenRequest(
            files={entry.path: self._bundle.read(entry) for entry in self._bundle.present(artifact.files)},
            requires=artifact.requires,
            contract=self.contract,
            device=self.device,
            threads=self._threads,
            allow_ops=self._permissions,
        )

    @contextlib.contextmanager
    def _step(self) -> Iterator[None]:
        """Watch the time of one step of the model; threads that its runtime starts have IEEE arithmetic too."""
        watch = contextlib.nullcontext() if self._deadline is None else self._deadline.step(self.engine)
        with watch, ieee_arithmetic():
            yield

    @property
    def numerics(self) -> str:
        """What decides the bits of float results on this machine; empty if unknown."""
        return self._model.numerics

    @property
    def runtime(self) -> str:
        """Name and version of what runs the model."""
        return self._model.runtime

    @property
    def concurrency(self) -> int:
        """How many calls run at the same time, further ones wait; 0: as many as there are."""
        return int(getattr(self._model, "concurrency", 0))

    def profile(self, inputs: Mapping[str, Array], *, calls: int = 10) -> list[LayerTime]:
        """Time the layers of `calls` calls, 1 to 10,000, on a model of its own: calls of this session are not slowed down.

        `inputs` as those of `run`: arrays [N, ...] by name. Returns the layers in the order of a call, as the engine's runtime measures them.
        Raises FerryError(UNAVAILABLE) where it measures none (`eager`, `onnxruntime` and `torchscript` do), and BAD_INPUT as `run`.
        """
        if not 1 <= calls <= MAX_PROFILE_CALLS:
            raise FerryError(ExitCode.USAGE, f"calls: got {calls}, expected 1 to {MAX_PROFILE_CALLS}")
        row = registry.of_engine(self.engine)
        if row is None or row.profiler is None:
            raise FerryError(
                ExitCode.UNAVAILABLE,
                f"engine {self.engine}: got a request to time its layers, which it cannot, expected an engine whose runtime does; "
                "use eager, onnxruntime or torchscript",
            )
        given = check_inputs(self.contract, inputs)
        if given.get(BATCH) == 0:
            return []
        arrays = {spec.name: np.asarray(inputs[spec.name], order="C") for spec in self.contract.inputs}
        with self._step():
            return cast(list[LayerTime], registry.load(row.profiler)(self._request(), arrays, calls))

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run one batch: contract inputs by name to outputs in contract order, both in the contract's shapes.

        Raises FerryError(BAD_INPUT) before the engine sees anything that breaks the contract.
        """
        sizes = self._checks.inputs(inputs)
        if sizes.get(BATCH) == 0:
            return empty_outputs(self.contract, sizes)
        arrays = {name: np.asarray(inputs[name], order="C") for name in self._inputs}
        outputs = self._answer(arrays) if self._deadline is None and is_ieee() else self._watched_answer(arrays)
        self._checks.outputs(outputs, sizes)
        return {name: np.asarray(outputs[name], order="C") for name in self._outputs}

    def _watched_answer(self, arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        with self._step():
            return self._model.run(arrays)

    def _answer(self, arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run the model as in `_step`, some microseconds faster, where nobody watches and the arithmetic is IEEE 754's."""
        try:
            return self._model.run(arrays)
        finally:
            if not is_ieee():  # a runtime that is built with fast-math changes it where it is loaded
                set_ieee()


def _opener_of(engine: str, artifact: Artifact, allow_native: bool) -> tuple[str, str | None]:
    """Return where the engine's code is, and the extra that brings what it needs."""
    row = registry.of_engine(engine)
    if row is None or row.opener is None:
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"engine: got {engine!r}, which Python cannot run, expected one of {registry.engines()}; try ferry-run",
        )
    require_permission(row, artifact, allow_native=allow_native)
    return row.opener, row.extra


def require_permission(row: registry.Format, artifact: Artifact, *, allow_native: bool) -> None:
    """Decide, alone in Python, whether machine code from a bundle may run. Raises FerryError(UNAVAILABLE)."""
    if row.native_code and not allow_native:
        raise FerryError(ExitCode.UNAVAILABLE, _native_code_refusal(row.engine, artifact))


def _native_code_refusal(engine: str, artifact: Artifact) -> str:
    return (
        f"engine {engine}: {artifact.files[0].path}: got machine code, which runs with all rights of this process and which no check can make safe, "
        "expected permission to run it; pass --allow-native (allow_native of a session) if you trust this bundle as a program"
    )


def empty_outputs(contract: Contract, sizes: Mapping[str, int]) -> dict[str, Array]:
    """Return the outputs of a batch of 0, in the contract's shapes."""
    return {
        spec.name: np.empty([dim if isinstance(dim, int) else sizes[dim] for dim in spec.shape], dtype=numpy_dtype(spec.dtype))
        for spec in contract.outputs
    }


def name_outputs(contract: Contract, values: object) -> dict[str, object]:
    """Give names to what a model returned: one value, a tuple in contract order, or a mapping. Raises FerryError(MISMATCH)."""
    names = [spec.name for spec in contract.outputs]
    listed: list[object]
    if isinstance(values, tuple | list):  # asked first: `Mapping` takes a microsecond to say no
        listed = list(values)
    elif isinstance(values, Mapping):
        return dict(values)
    else:
        listed = [values]
    if len(listed) != len(names):
        raise FerryError(
            ExitCode.MISMATCH,
            f"outputs: got {len(listed)} values, expected {len(names)}: {names}; the artifact breaks the contract: export it again",
        )
    return dict(zip(names, listed, strict=True))


def _check_options(device: str, threads: int) -> None:
    if not _DEVICE.fullmatch(device):
        raise FerryError(ExitCode.USAGE, f"--device: got {quoted(device)}, expected cpu or cuda:N")
    if threads < 1:
        raise FerryError(ExitCode.USAGE, f"--threads: got {threads}, expected at least 1")
    if threads > MAX_THREADS:
        raise FerryError(ExitCode.USAGE, f"--threads: got {threads}, expected at most {MAX_THREADS}")
