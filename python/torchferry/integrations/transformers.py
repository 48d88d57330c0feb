"""A callback of the Trainer of Hugging Face Transformers that carries the trained model into a bundle and verifies it.

Trainer(..., callbacks=[CarryAtEnd({"x": inputs}, "exported/mine")])
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn
from transformers import TrainerCallback

from torchferry.bundle.reader import Bundle
from torchferry.integrations.carry import Inputs, carry


class CarryAtEnd(TrainerCallback):  # type: ignore[misc]  # the package has types where it is installed
    """Export and verify when the training ends, in the process of rank 0.

    inputs: batches [N, ...] of two samples or more, by name, which become the goldens. module: from the Trainer's model to the module
    to carry; default: itself. options: those of torchferry.integrations.carry.carry. `bundle` is what was written.
    """

    def __init__(
        self, inputs: Inputs, out: str | Path, *, module: Callable[[Any], nn.Module] | None = None, **options: Any
    ) -> None:
        self._inputs = inputs
        self._out = Path(out)
        self._module = module
        self._options = options
        self.bundle: Bundle | None = None

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Carry the model. Raises FerryError as carry does: a training whose model does not cross ends with its line."""
        del args, control
        if state.is_world_process_zero:
            chosen = given["model"] if self._module is None else self._module(given["model"])
            self.bundle = carry(chosen, self._inputs, self._out, **self._options)
