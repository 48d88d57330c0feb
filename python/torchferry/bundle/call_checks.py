"""The full checks of a call's tensors against its contract: what is wrong with them, in words (FORMAT.md section 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torchferry.bundle.contract import Array, Contract, SymbolRange, TensorSpec
from torchferry.errors import ElementError, ExitCode, FerryError

FEW_NUMBERS = 32


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
        raise FerryError(code, f"{where}: dtype: got {got}, expected {spec.dtype}{_dtype_advice(code)}")
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


def _dtype_advice(code: ExitCode) -> str:
    """Say what a caller does about a dtype; where the engine or a file of the bundle gave it, nobody can."""
    return "; convert the values before the call" if code == ExitCode.BAD_INPUT else ""


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
