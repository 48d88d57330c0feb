"""Plain -O3 makes vectors of the loops that matter, with each compiler: read off the machine code, since times prove nothing here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from torch import nn

from builders.generated_c import COMPILERS, run_tool, write
from builders.networks import dense

PACKED_DIVISION = re.compile(r"\bvdivps\b")  # of the sigmoids; the network has no other division


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("hidden", [20, 100], ids=["one sample at a time", "four samples at once"])
def test_an_activation_after_a_product_is_computed_in_vectors(compiler: str, hidden: int, tmp_path: Path) -> None:
    source = write(dense(64, hidden, 10, activation=nn.Sigmoid).generated, tmp_path)
    run_tool(compiler, "-O3", "-march=x86-64-v3", "-c", "-o", tmp_path / "model.o", source)
    assert PACKED_DIVISION.search(run_tool("objdump", "-d", tmp_path / "model.o").stdout)
