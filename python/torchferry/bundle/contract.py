"""The contract: names, dtypes, shapes, ranges and units of a model's inputs and outputs (FORMAT.md section 3)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from torchferry.bundle.dtype import DTypeName, family, size_of
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_CALL_BYTES, MAX_CALL_SAMPLES, MAX_INTEGER, MAX_RANK, MAX_SAMPLE_RATE

if TYPE_CHECKING:  # numpy takes longer to import than a bundle takes to check
    import numpy as np

BATCH = "N"

TensorName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Symbol = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9_]{0,31}$")]
Size = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Samples = Literal["independent", "batch"]
Channels = Literal["RGB", "BGR", "RGBA", "BGRA"]  # of a picture, in their order
Rate = Annotated[int, Field(ge=1, le=MAX_SAMPLE_RATE)]  # of sound, in Hz
Array: TypeAlias = "np.ndarray[Any, np.dtype[np.generic]]"


class Strict(BaseModel):
    """Base of everything in a manifest: no conversion, no unknown key, no missing key, immutable."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class TensorSpec(Strict):
    """One input or output. `shape` holds integers and symbols; `N` is the batch and comes first."""

    name: TensorName
    dtype: DTypeName
    shape: Annotated[tuple[Size | Symbol, ...], Field(max_length=MAX_RANK, strict=False)]
    range: Annotated[tuple[Number, Number], Field(strict=False)] | None
    unit: str | None
    allow_nonfinite: bool
    channels: Channels | None = None
    rate: Rate | None = None

    @model_serializer(mode="wrap")
    def _without_unsaid(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out `channels` and `rate` where they say nothing: most tensors are neither pictures nor sound."""
        fields: dict[str, Any] = handler(self)
        return {key: value for key, value in fields.items() if key not in ("channels", "rate") or value is not None}

    @model_validator(mode="after")
    def _check(self) -> TensorSpec:
        if self.range is not None and self.range[0] > self.range[1]:
            raise ValueError("range: got a minimum above the maximum, expected min <= max")
        if self.allow_nonfinite and not self.is_float:
            raise ValueError(f"allow_nonfinite: got true, expected false for dtype {self.dtype}")
        if self.channels is not None:
            count = len(self.channels)
            if len(self.shape) != 4 or count not in (self.shape[1], self.shape[3]):
                raise ValueError(f"channels: got {self.channels}, expected a shape [N,{count},H,W] or [N,H,W,{count}]")
        if self.rate is not None and (self.dtype not in ("int16", "float32") or len(self.shape) != 2 or not self.is_batched):
            raise ValueError(f"rate: got {self.rate}, expected sound: int16[N,T] or float32[N,T]")
        if BATCH in self.shape[1:]:
            axis = self.shape.index(BATCH, 1)
            raise ValueError(f'shape[{axis}]: got "{BATCH}", expected the batch symbol {BATCH} as first dim and nowhere else')
        return self

    @property
    def is_batched(self) -> bool:
        """Is the first dim the batch?"""
        return self.shape[:1] == (BATCH,)

    @property
    def is_float(self) -> bool:
        """May the values have a fraction, and be NaN or infinite?"""
        return family(self.dtype) == "float"

    @property
    def symbols(self) -> set[str]:
        """The symbols that the shape uses."""
        return {dim for dim in self.shape if isinstance(dim, str)}

    def class_axis(self, label: TensorSpec) -> int | None:
        """Return the class axis: the one dimension that these scores have and `label` lacks. None if ambiguous."""
        axes = [axis for axis in range(len(self.shape)) if self.shape[:axis] + self.shape[axis + 1 :] == label.shape]
        return axes[0] if len(axes) == 1 else None

    def describe(self) -> str:
        """Return dtype and shape as text, e.g. `uint8[N,8,8]`."""
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


class SymbolRange(Strict):
    """The values that a symbol may take; `max` null: no limit."""

    min: Size
    max: Size | None

    @model_validator(mode="after")
    def _check(self) -> SymbolRange:
        if self.max is not None and self.max < self.min:
            raise ValueError(f"max: got {self.max}, expected an integer from {self.min} to {MAX_INTEGER}")
        return self


class Classes(Strict):
    """The int64 output whose values index `names`."""

    output: TensorName
    names: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1, strict=False)]

    def problem(self, labels: Array) -> str | None:
        """Return which of labels of any shape has no name, as `got ..., expected ...`; None where all have one."""
        counted = labels.astype("int64")
        wrong = counted[(counted < 0) | (counted >= len(self.names))]
        return f"got class {wrong.flat[0]}, expected 0 to {len(self.names) - 1}" if wrong.size else None


def state_problem(contract: Contract, name: str, source: str) -> str | None:
    """Return why output `source` cannot be input `name` of the next call, as `got ..., expected ...`; None where it can."""
    given = {spec.name: spec for spec in contract.inputs}.get(name)
    taken = {spec.name: spec for spec in contract.outputs}.get(source)
    if given is None:
        return f"got {name}, expected the name of an input"
    if taken is None:
        return f"got {source}, expected the name of an output"
    if (given.dtype, given.shape) != (taken.dtype, taken.shape) or given.symbols - {BATCH}:
        return (
            f"got {name} {given.describe()} and {source} {taken.describe()}, expected one dtype and shape of {BATCH} and numbers"
        )
    return None


def leaves_an_input(contract: Contract, carried: Iterable[str]) -> bool:
    """Say whether a stream that carries these inputs itself is still given one in each call."""
    return bool({spec.name for spec in contract.inputs} - set(carried))


class Contract(Strict):
    """What a model takes and gives.

    `samples`: `independent` promises that the answer to a sample is the same whatever samples lie beside it in the batch, but for
    rounding; with `batch` it may change with them, so that cutting a batch changes the answers. `state`: for each input that a stream
    carries, the output that it gets in the next call.
    """

    inputs: Annotated[tuple[TensorSpec, ...], Field(min_length=1, strict=False)]
    outputs: Annotated[tuple[TensorSpec, ...], Field(min_length=1, strict=False)]
    symbols: dict[Symbol, SymbolRange]
    classes: Classes | None
    samples: Samples
    state: dict[TensorName, TensorName] = Field(default_factory=dict)

    @model_serializer(mode="wrap")
    def _without_state(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out `state` where it says nothing: most models remember nothing."""
        fields: dict[str, Any] = handler(self)
        return {key: value for key, value in fields.items() if key != "state" or value}

    @model_validator(mode="after")
    def _check(self) -> Contract:
        for kind, specs in (("inputs", self.inputs), ("outputs", self.outputs)):
            require_unique(f"{kind}[].name", [spec.name for spec in specs])
        self._check_symbols()
        self._check_classes()
        if self.samples == "batch" and BATCH not in self.symbols:
            raise ValueError(f"samples: got batch, expected independent where no input has the batch {BATCH}")
        self._check_state()
        return self

    def _check_state(self) -> None:
        for name in sorted(self.state):
            if problem := state_problem(self, name, self.state[name]):
                raise ValueError(f"state.{name}: {problem}")
        if not leaves_an_input(self, self.state):
            raise ValueError("state: got every input, expected one that a stream is given in each call")

    def _check_symbols(self) -> None:
        bound = set().union(*(spec.symbols for spec in self.inputs))
        for index, spec in enumerate(self.outputs):
            for symbol in sorted(spec.symbols - bound):
                raise ValueError(f"outputs[{index}].shape: got the symbol {symbol}, expected only symbols that occur in an input")
        for symbol in sorted(set(self.symbols) - bound):
            raise ValueError(f"symbols.{symbol}: got a symbol that no shape uses, expected exactly the symbols of the shapes")
        for symbol in sorted(bound - set(self.symbols)):
            raise ValueError(f"symbols: got no range for {symbol}, expected exactly the symbols of the shapes")

    def _check_classes(self) -> None:
        if self.classes is None:
            return
        require_unique("classes.names[]", self.classes.names)
        if not any(spec.name == self.classes.output and spec.dtype == "int64" for spec in self.outputs):
            raise ValueError(f"classes.output: got {self.classes.output}, expected the name of an int64 output")

    def with_max_batch(self, most: int) -> Contract:
        """Return this contract with batches of at most `most` samples. Raises FerryError(USAGE) if it has no batch."""
        limits = self.symbols.get(BATCH)
        if limits is None:
            raise FerryError(
                ExitCode.USAGE, f"maximal batch: got {most} for a contract without a batch {BATCH}, expected none; leave it out"
            )
        if most < max(limits.min, 1):
            raise FerryError(ExitCode.USAGE, f"maximal batch: got {most}, expected at least {max(limits.min, 1)}")
        return self.model_copy(update={"symbols": {**self.symbols, BATCH: limits.model_copy(update={"max": most})}})

    def calls_of(self, batch: int | None) -> int | None:
        """Return the samples that one call may take where a caller asked for `batch`; None: a whole input, which must not be cut.

        Without `batch` at most 256, and of larger samples as many as fill 8 MiB of inputs. The C++ twin is in cpp/cli/predict.cpp.
        """
        if batch is not None or self.samples == "batch":
            return batch
        sample = sum(self._sample_bytes(spec) for spec in self.inputs if spec.is_batched)
        return min(MAX_CALL_SAMPLES, max(1, MAX_CALL_BYTES // max(sample, 1)))

    def _sample_bytes(self, spec: TensorSpec) -> int:
        """Return the bytes of one sample [...] at the largest sizes that the contract gives; a size without a limit counts as 1."""
        sizes = ((self.symbols[dim].max or 1) if isinstance(dim, str) else dim for dim in spec.shape[1:])
        return math.prod(sizes) * size_of(spec.dtype)

    @property
    def given_inputs(self) -> tuple[TensorSpec, ...]:
        """What a call of a stream is given: the inputs that are not in `state`."""
        return tuple(spec for spec in self.inputs if spec.name not in self.state)

    def without_state(self) -> Contract:
        """Return the contract of what a step of a stream is given."""
        return self.model_copy(update={"inputs": self.given_inputs, "state": {}})

    def input(self, name: str) -> TensorSpec:
        """Return the input of that name. Raises KeyError if there is none."""
        return {spec.name: spec for spec in self.inputs}[name]

    def output(self, name: str) -> TensorSpec:
        """Return the output of that name. Raises KeyError if there is none."""
        return {spec.name: spec for spec in self.outputs}[name]


def require_unique(where: str, values: Iterable[object]) -> None:
    """Require that no value occurs twice; `where` is its key, with `[]` where the index goes. Raises ValueError."""
    seen: set[object] = set()
    for index, value in enumerate(values):
        if value in seen:
            place = where.replace("[]", f"[{index}]")
            raise ValueError(f"{place}: got {value} a second time, expected each value once")
        seen.add(value)


def batch_symbols(*specs: TensorSpec) -> dict[str, SymbolRange]:
    """Return an unlimited range for every symbol of the specs: what a contract's `symbols` needs."""
    return {symbol: SymbolRange(min=0, max=None) for symbol in sorted(set().union(*(spec.symbols for spec in specs)))}
