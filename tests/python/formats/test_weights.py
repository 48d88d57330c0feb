"""Weights by their names in the state_dict, whatever was put around the module."""

from __future__ import annotations

import numpy as np
import pytest

from torchferry.formats.weights import _unframed


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["module.layer.weight", "module.layer.bias"], {"layer.weight", "layer.bias"}),
        (["module.module.layer.weight"], {"layer.weight"}),
        (["module.layer.weight", "layer.bias"], {"module.layer.weight", "layer.bias"}),
        ([], set()),
    ],
)
def test_every_frame_around_the_module_is_taken_off(given: list[str], names: set[str]) -> None:
    assert set(_unframed({name: np.zeros(1) for name in given})) == names
