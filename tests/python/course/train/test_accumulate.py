"""Several small minibatches make one large one."""

from __future__ import annotations

import pytest
import torch

from torchferry.course.train import train_recipe


@pytest.mark.parametrize("gradient", ["autograd", "grad", "manual"])
@pytest.mark.parametrize(("small", "times"), [(10, 4), (8, 5), pytest.param(1, 40, marks=pytest.mark.slow)])
def test_k_small_batches_equal_one_large_one(gradient: str, small: int, times: int):
    """1437 rows: the last step has fewer rows than the others, and its last minibatch too."""
    settings = {"epochs": 2, "optimizer": "sgd", "learning_rate": 0.1, "gradient": gradient}
    large = train_recipe("digits-mlp", changes={**settings, "batch_size": small * times})
    accumulated = train_recipe("digits-mlp", changes={**settings, "batch_size": small, "accumulate": times})
    for name, expected in large.module.state_dict().items():
        assert torch.allclose(accumulated.module.state_dict()[name], expected, atol=1e-5), name


def test_accumulating_is_not_the_same_as_small_steps():
    small = train_recipe("digits-mlp", changes={"epochs": 1, "batch_size": 10})
    accumulated = train_recipe("digits-mlp", changes={"epochs": 1, "batch_size": 10, "accumulate": 4})
    weights = [run.module.state_dict()["network.hidden.weight"] for run in (small, accumulated)]
    assert not torch.allclose(*weights, atol=1e-3)
