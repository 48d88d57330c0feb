"""Tolerances with a reason: what each output of each engine is held to (FORMAT.md section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.bundle.dtype import family
from torchferry.bundle.golden import CaseArrays
from torchferry.bundle.manifest import Tolerance
from torchferry.compare.kinds.kind import name_bound
from torchferry.formats import registry

DEVICES: tuple[Literal["cpu", "cuda"], ...] = ("cpu", "cuda")


@dataclass(frozen=True)
class Bound:
    """How far any float32 evaluation of an output may be from the float64 reference on the goldens, and why."""

    value: float
    reason: str


def tolerances(
    contract: Contract,
    cases: Sequence[CaseArrays],
    engines: Sequence[str],
    bounds: Mapping[str, Bound],
    own_bounds: Mapping[str, Mapping[str, Bound]] | None = None,
    cuda_bounds: Mapping[str, Bound] | None = None,
) -> tuple[Tolerance, ...]:
    """Return the rows of a manifest for the outputs of these engines, on cpu and cuda.

    `bounds` has every float output of a float32 engine; `own_bounds` those of engines that compute in another way, by engine;
    `cuda_bounds` those on CUDA where they differ.
    """
    rows = []
    for engine in engines:
        own = (own_bounds or {}).get(engine)
        for spec in contract.outputs:
            if promised_bits(engine) == "eager":
                rows.append(_bits_row(engine, spec))
            for device in DEVICES:
                held_to = own or (cuda_bounds if device == "cuda" else None) or bounds
                rows.append(_any_row(engine, device, spec, contract, cases, held_to))
    return tuple(rows)


def promised_bits(engine: str) -> Literal["eager", "own"] | None:
    """Return which equal bits an engine promises; engines with bits of their `own` compute in one fixed order on every processor."""
    row = registry.of_engine(engine)
    return None if row is None else row.bits


def find_scores(contract: Contract, label: TensorSpec, cases: Sequence[CaseArrays]) -> TensorSpec | None:
    """Return the first float output whose float64 argmax is `label` on every golden: what the label's margin is measured on."""
    if family(label.dtype) != "integer":
        return None
    for spec in contract.outputs:
        axis = spec.class_axis(label) if spec.is_float else None
        if axis is not None and all((c.float64[spec.name].argmax(axis) == c.float64[label.name]).all() for c in cases):
            return spec
    return None


def _bits_row(engine: str, spec: TensorSpec) -> Tolerance:
    return Tolerance(
        engine=engine,
        device="cpu",
        output=spec.name,
        numerics="golden",
        reference="float32",
        kind="bits",
        bound=0.0,
        scores=None,
        reason="it calls the same kernels as float32 eager: with the same torch, BLAS and processor as the golden the bits are equal",
    )


def _any_row(
    engine: str,
    device: Literal["cpu", "cuda"],
    spec: TensorSpec,
    contract: Contract,
    cases: Sequence[CaseArrays],
    bounds: Mapping[str, Bound],
) -> Tolerance:
    scores = find_scores(contract, spec, cases)
    held_to = bounds[spec.name] if spec.is_float else _exact(spec) if scores is None else _margin(scores, bounds)
    more = _SAME_BITS if promised_bits(engine) == "own" else _ON_CUDA if device == "cuda" and spec.is_float else ""
    return Tolerance(
        engine=engine,
        device=device,
        output=spec.name,
        numerics="any",
        reference="float64",
        kind="absolute" if scores is None else "label",
        bound=held_to.value,
        scores=None if scores is None else scores.name,
        reason=name_bound(held_to.value, held_to.reason) + more,
    )


_SAME_BITS = "; these are the same bits on every processor, and the self-test of the code compares them whenever it is loaded"

# Winograd's and FFT's errors are not those of a sum of products; cuDNN chooses by itself (Barabasz et al. 2020; Higham 2002, 24.1).
_ON_CUDA = "; on CUDA it is derived for kernels that add products, not for convolutions by Winograd or FFT"


def _exact(spec: TensorSpec) -> Bound:
    rule = f"{spec.dtype} values are exact: each must equal the float64 reference's on every golden"
    return Bound(0.0, f"{rule}; where floats decide, as in a floor or an order, other inputs may lie beside a step")


def _margin(scores: TensorSpec, bounds: Mapping[str, Bound]) -> Bound:
    bound = bounds[scores.name].value
    return Bound(
        2 * bound,
        f"the class with the largest of {scores.name} must be the float64 reference's, unless another lies within this distance, twice "
        f"their bound of {bound:.3g}, where rounding may order the two either way",
    )
