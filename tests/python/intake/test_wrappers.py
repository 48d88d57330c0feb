"""What runs a module in another way is taken off, and what has no weights yet is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import torchferry
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.wrappers import INNER, unwrapped


def test_the_wrappers_are_those_of_torch() -> None:
    for made in (torch.compile(nn.Linear(2, 2)), nn.DataParallel(nn.Linear(2, 2))):
        assert INNER[f"{type(made).__module__}.{type(made).__qualname__}"]
    kind = nn.parallel.DistributedDataParallel
    assert INNER[f"{kind.__module__}.{kind.__qualname__}"] == "module"


def test_a_compiled_module_is_exported_as_what_is_inside(tmp_path: Path) -> None:
    torch.manual_seed(0)
    notes: list[str] = []
    inside = nn.Linear(4, 3).eval()
    module = nn.DataParallel(torch.compile(inside)).eval()
    bundle = torchferry.export(
        module, inputs={"x": "float32[N,4]"}, outputs=["y"], to=["torchscript"], out=tmp_path / "b", note=notes.append
    )
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    with torch.inference_mode():
        wanted = inside(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(torchferry.Session(bundle, "torchscript").run({"x": x})["y"], wanted)
    assert "the module is Linear inside OptimizedModule, without which it is exported" in notes


def test_a_wrapped_part_is_named() -> None:
    with pytest.raises(FerryError, match=r"module: 1: got OptimizedModule, .*; put 1._orig_mod in its place") as caught:
        unwrapped(nn.Sequential(nn.Linear(4, 4), torch.compile(nn.Linear(4, 3))), lambda _: None)
    assert caught.value.code == ExitCode.BAD_INPUT


def test_a_lazy_module_that_has_not_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FerryError, match=r"module: weight: got a lazy module that has not run.* call the module once") as caught:
        torchferry.export(nn.LazyLinear(3).eval(), inputs={"x": "float32[N,4]"}, to=["onnx"], out=tmp_path / "b")
    assert caught.value.code == ExitCode.BAD_INPUT
    assert not (tmp_path / "b").exists()
