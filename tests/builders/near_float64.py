"""Generated C held to its definition, and the definition to float64 eager."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from builders.generated_c import Subject, load, same_bits
from torchferry.cgen import reference

UNITS = 64  # of float32 at the largest result


def assert_near_float64(subject: Subject, folder: Path) -> None:
    """Compare the definition of a model from x to y with float64 eager, and the C of three compilers' options with the definition."""
    (made,), module = reference.run(subject.generated.graph, subject.samples), subject.module
    with torch.no_grad():
        exact = module.double()(torch.from_numpy(subject.samples["x"]).double()).numpy()
    module.float()
    assert made.shape == exact.shape
    assert np.abs(made - exact).max() <= UNITS * 2.0**-24 * (1 + np.abs(exact).max())
    for compiler, flags in (("gcc", ("-O0",)), ("gcc", ("-O3", "-march=native")), ("clang", ("-O2",))):
        assert same_bits(load(subject, folder, compiler, *flags).run(subject.samples), {"y": made}), (compiler, flags)
