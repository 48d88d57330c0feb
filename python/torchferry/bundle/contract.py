"""The contract: names, dtypes, shapes, ranges and units of a model's inputs and outputs (FORMAT.md section 3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from torchferry.bundle.dtype import DTypeName, family, size_of
from torchferry.errors import ElementError, ExitCode, FerryError
from torchferry.limits import MAX_CALL_BYTES, MAX_CALL_SAMPLES, MAX_INTEGER, MAX_RANK, MAX_SAMPLE_RATE

if TYPE_CHECKING:  # numpy takes longer to import than a bundle takes to check
    import numpy as np

BATCH = "N"
FEW_NUMBERS = 32

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


def check_inputs(contract: Contract, inputs: Mapping[str, Array]) -> dict[str, int]:
    """Check a caller's inputs against the contract before an engine sees them: names, dtypes, shapes, finite values, ranges of indices.

    Returns the value of each symbol, e.g. `{"N": 64}`. Raises FerryError(BAD_INPUT).
    """
    sizes = _check_shapes("input", contract.inputs, contract.symbols, inputs, {}, ExitCode.BAD_INPUT)
    for spec in contract.inputs:
        _check_bools("input", spec, inputs[spec.name], ExitCode.BAD_INPUT)
        _check_finite("input", spec, inputs[spec.name], ExitCode.BAD_INPUT)
        _check_indices(spec, inputs[spec.name])
    return sizes


def check_outputs(contract: Contract, outputs: Mapping[str, Array], sizes: Mapping[str, int]) -> None:
    """Check an engine's outputs: names, dtypes, shapes, finite values.

    `sizes`: the value of each symbol in this call, as `check_inputs` returned it. Raises FerryError(MISMATCH).
    """
    _check_shapes("output", contract.outputs, contract.symbols, outputs, dict(sizes), ExitCode.MISMATCH)
    for spec in contract.outputs:
        _check_bools("output", spec, outputs[spec.name], ExitCode.MISMATCH)
        _check_finite("output", spec, outputs[spec.name], ExitCode.MISMATCH)


def check_goldens(
    contract: Contract, sizes: Mapping[str, int], float32: Mapping[str, Array], float64: Mapping[str, Array]
) -> None:
    """Check golden outputs [N, ...]: names, dtypes, and shapes that agree with the `sizes` of the inputs. Raises FerryError(FORMAT)."""
    wide = tuple(spec.model_copy(update={"dtype": "float64"}) if spec.is_float else spec for spec in contract.outputs)
    for specs, outputs in ((contract.outputs, float32), (wide, float64)):
        _check_shapes("output", specs, contract.symbols, outputs, dict(sizes), ExitCode.FORMAT)


def _check_shapes(
    kind: str,
    specs: tuple[TensorSpec, ...],
    ranges: Mapping[str, SymbolRange],
    tensors: Mapping[str, Array],
    sizes: dict[str, int],
    code: ExitCode,
) -> dict[str, int]:
    names = [spec.name for spec in specs]
    if set(tensors) != set(names):
        raise FerryError(code, f"{kind}s: got {sorted(tensors)}, expected {names}; give each {kind} by its name once")
    for spec in specs:
        _check_kind(kind, spec, tensors[spec.name], code)
        _bind_shape(kind, spec, ranges, tensors[spec.name].shape, sizes, code)
    return sizes


def _check_kind(kind: str, spec: TensorSpec, tensor: Array, code: ExitCode) -> None:
    where = f"{kind} {spec.name}"
    if tensor.dtype.name != spec.dtype or not tensor.dtype.isnative:
        got = tensor.dtype.name if tensor.dtype.isnative else f"{tensor.dtype.str} (byte-swapped)"
        raise FerryError(code, f"{where}: dtype: got {got}, expected {spec.dtype}; convert the values before the call")
    if tensor.ndim != len(spec.shape):
        raise FerryError(
            code,
            f"{where}: rank: got {tensor.ndim} ({_shape(tensor.shape)}), expected {len(spec.shape)} ({spec.describe()}); reshape it",
        )


def _bind_shape(
    kind: str, spec: TensorSpec, ranges: Mapping[str, SymbolRange], shape: tuple[int, ...], sizes: dict[str, int], code: ExitCode
) -> None:
    for axis, (got, dim) in enumerate(zip(shape, spec.shape, strict=True)):
        where = f"{kind} {spec.name}: shape {_shape(shape)}: dim {axis}: got {got}"
        if isinstance(dim, int):
            if got != dim:
                raise FerryError(code, f"{where}, expected {dim}; the contract is {spec.describe()}")
            continue
        if sizes.setdefault(dim, got) != got:
            raise FerryError(code, f"{where}, expected {dim} = {sizes[dim]} as in the other tensors of this call")
        limits = ranges[dim]
        if got < limits.min or (limits.max is not None and got > limits.max):
            most = "no maximum" if limits.max is None else f"at most {limits.max}"
            remedy = "give more" if got < limits.min else "give it in parts"
            raise FerryError(code, f"{where}, expected {dim} at least {limits.min}, {most}; {remedy}")


def _check_finite(kind: str, spec: TensorSpec, tensor: Array, code: ExitCode) -> None:
    import numpy as np

    if spec.allow_nonfinite or not spec.is_float or _all_finite(tensor):
        return
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(tensor))[0])
    value = float(tensor[index])
    text = "nan" if math.isnan(value) else str(value)
    raise ElementError(code, kind, spec.name, index, f"got {text}, expected a finite number; {_advice(code)}")


def _check_bools(kind: str, spec: TensorSpec, tensor: Array, code: ExitCode) -> None:
    """Refuse bytes that are no bool: engines differ in what they make of them."""
    if spec.dtype != "bool" or not tensor.size:
        return
    import numpy as np

    bytes_ = np.ascontiguousarray(tensor).view(np.uint8).reshape(tensor.shape)
    if bytes_.max() <= 1:
        return
    index = tuple(int(i) for i in np.argwhere(bytes_ > 1)[0])
    raise ElementError(code, kind, spec.name, index, f"got the byte {bytes_[index]}, expected 0 or 1 for bool; {_advice(code)}")


def _advice(code: ExitCode) -> str:
    return "clean the data" if code == ExitCode.BAD_INPUT else "the model does not keep its contract for this input"


def _check_indices(spec: TensorSpec, tensor: Array) -> None:
    """Hold int32 and int64 to their range: as indices they would read beside a table, which some engines do without a word."""
    if spec.range is None or spec.dtype not in ("int32", "int64") or tensor.size == 0:
        return
    low, high = spec.range
    if low <= float(tensor.min()) and float(tensor.max()) <= high:
        return
    import numpy as np

    numbers = tensor.astype(np.float64)
    index = tuple(int(i) for i in np.argwhere((numbers < low) | (numbers > high))[0])
    first, last = (int(max(-(2.0**62), min(2.0**62, bound))) for bound in (math.ceil(low), math.floor(high)))
    problem = f"got {int(tensor[index])}, expected {first} to {last}; clean the data"
    raise ElementError(ExitCode.BAD_INPUT, "input", spec.name, index, problem)


def _all_finite(tensor: Array) -> bool:
    """Say whether all elements are finite. A few are tested one by one: half the time of two calls of NumPy."""
    if tensor.size <= FEW_NUMBERS:
        return all(map(math.isfinite, tensor.ravel().tolist()))
    import numpy as np

    return bool(np.isfinite(tensor).all())


def _shape(shape: tuple[int, ...]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"
