"""Small contracts."""

from __future__ import annotations

from torchferry.bundle.contract import Classes, Contract, TensorSpec, batch_symbols


def spec(name: str = "x", dtype: str = "float32", shape: tuple[int | str, ...] = ("N", 2), **changes: object) -> TensorSpec:
    """A tensor spec, validated like one that was read from a manifest."""
    fields = {"name": name, "dtype": dtype, "shape": shape, "range": None, "unit": None, "allow_nonfinite": False}
    return TensorSpec.model_validate({**fields, **changes})


def contract(inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], *, classes: Classes | None = None) -> Contract:
    """A contract whose symbols have no limits."""
    return Contract(
        inputs=inputs, outputs=outputs, symbols=batch_symbols(*inputs, *outputs), classes=classes, samples="independent"
    )


def doubling() -> Contract:
    """`x` float32 [N,2] to `y` float32 [N,2] and `label` int64 [N] with two class names."""
    return contract(
        (spec("x"),),
        (spec("y"), spec("label", "int64", ("N",))),
        classes=Classes(output="label", names=("small", "large")),
    )
