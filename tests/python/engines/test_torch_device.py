from __future__ import annotations

import numpy as np
import pytest
import torch

from builders.contracts import doubling
from torchferry.bundle.contract import Contract
from torchferry.engines.base import OpenRequest
from torchferry.engines.torch_device import call_module, require_device, set_threads, to_arrays, to_tensors
from torchferry.errors import ExitCode, FerryError


def test_a_cuda_device_that_is_not_here_is_refused_and_never_replaced() -> None:
    absent = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(FerryError, match="expected a device that is here") as caught:
        require_device("eager", absent)
    assert caught.value.code == ExitCode.UNAVAILABLE
    assert require_device("eager", "cpu") == torch.device("cpu")


def test_cuda_runs_without_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    flags = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [flag.allow_tf32 for flag in flags]
    try:
        for flag in flags:
            flag.allow_tf32 = True
        assert require_device("eager", "cuda:0") == torch.device("cuda:0")
        assert [flag.allow_tf32 for flag in flags] == [False, False]
    finally:
        for flag, value in zip(flags, before, strict=True):
            flag.allow_tf32 = value


def test_threads_are_set_for_the_caller() -> None:
    before = torch.get_num_threads()
    try:
        set_threads(before + 1)
        assert torch.get_num_threads() == before + 1
    finally:
        set_threads(before)


def test_a_model_that_writes_into_its_input_leaves_the_array_alone() -> None:
    array = np.ones(2, np.float32)
    to_tensors({"x": array}, torch.device("cpu"))[0].mul_(2)
    np.testing.assert_array_equal(array, np.ones(2, np.float32))


def test_a_read_only_array_is_an_input() -> None:
    array = np.ones(2, np.float32)
    array.flags.writeable = False
    assert to_tensors({"x": array}, torch.device("cpu"))[0].tolist() == [1, 1]


def test_outputs_are_detached_and_contiguous() -> None:
    parameter = torch.ones(3, 2, requires_grad=True)
    outputs = to_arrays(doubling(), (parameter.T, torch.zeros(2, dtype=torch.int64)))
    assert outputs["y"].shape == (2, 3)
    assert outputs["y"].flags.c_contiguous


def request(contract: Contract) -> OpenRequest:
    return OpenRequest(files={}, requires={}, contract=contract, device="cpu", threads=1)


def test_a_model_that_fails_is_one_line_with_what_went_wrong() -> None:
    def fail(*_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("Traceback of TorchScript:\n  y = x\nRuntimeError: shape '[8, 2]' is invalid\n")

    with pytest.raises(FerryError, match=r"the model failed on these inputs: shape '\[8, 2\]' is invalid") as caught:
        call_module("torchscript", fail, request(doubling()), {"x": np.zeros((1, 2), np.float32)})
    assert caught.value.code == ExitCode.BAD_INPUT
    assert "Traceback" not in str(caught.value)


def test_too_few_outputs_keep_their_own_message() -> None:
    with pytest.raises(FerryError, match="got 1 values, expected 2"):
        call_module("eager", lambda x: x, request(doubling()), {"x": np.zeros((1, 2), np.float32)})
