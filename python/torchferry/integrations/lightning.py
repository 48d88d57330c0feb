"""A callback of Lightning that carries the trained module into a bundle and verifies it.

    Trainer(callbacks=[CarryAtEnd({"x": inputs}, "exported/mine")])

Works with the packages `lightning` and `pytorch_lightning`, whichever is installed.
"""

from __future__ import annotations

from typing import Any

from torchferry.extras import named_extras

with named_extras(__name__):
    from torchferry.integrations.carry import Carrier

    try:
        from lightning.pytorch.callbacks import Callback
    except ModuleNotFoundError:
        from pytorch_lightning.callbacks import Callback


class CarryAtEnd(Carrier, Callback):  # type: ignore[misc]  # the package has types where it is installed
    """Export and verify when the training ends, in the process of rank 0. Its arguments are those of Carrier."""

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Carry the module. Raises FerryError as carry does: a training whose model does not cross ends with its line."""
        if trainer.is_global_zero:
            self._carry(pl_module)
