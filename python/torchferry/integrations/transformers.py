"""A callback of the Trainer of Hugging Face Transformers that carries the trained model into a bundle and verifies it.

Trainer(..., callbacks=[CarryAtEnd({"x": inputs}, "exported/mine")])
"""

from __future__ import annotations

from typing import Any

from torchferry.extras import named_extras

with named_extras(__name__):
    from transformers import TrainerCallback

    from torchferry.integrations.carry import Carrier


class CarryAtEnd(Carrier, TrainerCallback):  # type: ignore[misc]  # the package has types where it is installed
    """Export and verify when the training ends, in the process of rank 0. Its arguments are those of Carrier."""

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Carry the model. Raises FerryError as carry does: a training whose model does not cross ends with its line."""
        del args, control
        if state.is_world_process_zero:
            self._carry(given["model"])
