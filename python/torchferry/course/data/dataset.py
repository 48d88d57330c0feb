"""A data set as its source gives it: raw inputs, targets, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Dataset:
    """Raw tensors on the CPU, as a sensor or a file gives them; scaling belongs to the model.

    `train_inputs` and `test_inputs` are [N, ...] in the dtype of the source, the targets int64 [N] that index `class_names`.
    """

    name: str
    description: str
    train_inputs: Tensor
    train_targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor
    class_names: tuple[str, ...]
    input_name: str
    input_range: tuple[float, float]
    input_unit: str

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one input, without the batch."""
        return tuple(self.train_inputs.shape[1:])
