"""The fixture `torchferry_same`: a test that a module answers in C++ as it does in Python.

    def test_my_net_is_the_same_in_cpp(torchferry_same):
        torchferry_same(MyNet(), torch.randn(8, 3, 32, 32))

pytest loads this file in every run of an environment that has torchferry, so torch is imported only where the fixture is called.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from torchferry.errors import FerryError
from torchferry.extras import named_extras

if TYPE_CHECKING:
    from torch import nn

    from torchferry.bundle.reader import Bundle
    from torchferry.integrations.carry import Inputs


@pytest.fixture
def torchferry_same(tmp_path: Path) -> Callable[..., Bundle]:
    """Return a function `(module, inputs, **options)` that exports, crosses and verifies, and fails the test with one line.

    The options are those of torchferry.integrations.carry.carry; the bundle that it returns lies in the test's folder. A package
    that is missing fails the test too: what was not compared is not the same.
    """
    count = 0

    def same(module: nn.Module, inputs: Inputs, **options: Any) -> Bundle:
        nonlocal count
        count += 1
        try:
            with named_extras("torchferry_same", "export"):
                from torchferry.integrations.carry import carry

                return carry(module, inputs, options.pop("out", tmp_path / f"torchferry-{count}"), **options)
        except FerryError as error:
            line = str(error)
        pytest.fail(line, pytrace=False)  # outside of the handler, whose error pytest would show beside the line

    return same
