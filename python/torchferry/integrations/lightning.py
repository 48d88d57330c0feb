"""A callback of Lightning that carries the trained module into a bundle and verifies it.

    Trainer(callbacks=[CarryAtEnd({"x": inputs}, "exported/mine")])

Works with the packages `lightning` and `pytorch_lightning`, whichever is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from torchferry.bundle.reader import Bundle
from torchferry.integrations.carry import Inputs, carry

try:
    from lightning.pytorch.callbacks import Callback
except ModuleNotFoundError:
    from pytorch_lightning.callbacks import Callback


class CarryAtEnd(Callback):  # type: ignore[misc]  # the package has types where it is installed
    """Export and verify when the training ends, in the process of rank 0.

    inputs: batches [N, ...] of two samples or more, by name, which become the goldens. module: from the LightningModule to the module
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

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Carry the module. Raises FerryError as carry does: a training whose model does not cross ends with its line."""
        if trainer.is_global_zero:
            chosen = pl_module if self._module is None else self._module(pl_module)
            self.bundle = carry(chosen, self._inputs, self._out, **self._options)
