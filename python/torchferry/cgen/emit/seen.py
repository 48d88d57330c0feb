"""Where the printed C has the values that modules give: what a probe makes outputs of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torchferry.cgen.emit.functions import LayerPrinter
from torchferry.cgen.emit.model import Model
from torchferry.cgen.ir import ModuleValue, Twin
from torchferry.cgen.scales import Bytes
from torchferry.cgen.values import DType, Value


@dataclass(frozen=True)
class Seen:
    """A value in the C: at the end of `function`, or before its loop, `pointer` has the elements of `given`, as `value`.

    `channels`: the first dim, which lies last there; 0: the elements lie in their order. `kind`: what bytes mean.
    `loss`: how far int8 has it from float32 on some samples.
    """

    given: ModuleValue
    value: Value
    function: str
    pointer: str
    before_loop: bool
    channels: int = 0
    kind: Bytes | None = None
    loss: float = 0.0

    @property
    def dtype(self) -> DType:
        """The dtype of the value that is shown."""
        return "float32" if self.kind is not None else self.value.dtype


def seen_values(model: Model, printers: Sequence[LayerPrinter]) -> tuple[Seen, ...]:
    """Return the modules' values that the C keeps as a whole, in the order in which modules give them."""
    kept = {_origin(model, value)[0]: (value, printer) for printer in printers for value in _kept(model, printer)}
    return tuple(_seen(model, given, *kept[given.value]) for given in model.graph.modules if given.value in kept)


def _kept(model: Model, printer: LayerPrinter) -> Iterator[Value]:
    """Yield what a layer's function leaves in memory, or has there before its loop."""
    pointers = set() if printer.is_empty else {parameter.name for parameter in printer.parameters()}
    for value in printer.layer.writes():
        is_stored = model.plan.owner(value) in model.plan.places and value not in model.plan.parts
        if is_stored and model.local(value) in pointers:
            yield value


def _origin(model: Model, value: Value) -> tuple[Value, list[Twin]]:
    """Return the captured value that this one stands for, and the twins in between."""
    steps: list[Twin] = []
    while (twin := model.graph.twins.get(value)) is not None:
        steps.append(twin)
        value = twin.of
    return value, steps


def _seen(model: Model, given: ModuleValue, value: Value, printer: LayerPrinter) -> Seen:
    origin, steps = _origin(model, value)
    head = printer.layer.head
    return Seen(
        given,
        value,
        f"{model.prefix}_{printer.name}",
        model.local(value),
        before_loop=head is not None and value in head.outputs and bool(printer.layer.maps),
        channels=origin.shape[0] if any(step.channels_last for step in steps) else 0,
        kind=next((step.kind for step in steps if step.kind is not None), None),
    )
