"""The probe gives the same digits each time, sees kernels that round otherwise, and leaves the number of threads alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F

from torchferry.engines.kernel_probe import kernel_probe

fresh_probe = kernel_probe.__wrapped__


def test_it_gives_the_same_digits_each_time() -> None:
    assert {fresh_probe() for _ in range(5)} == {kernel_probe()}
    assert len(kernel_probe()) == 16


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_as_before_and_do_not_count(threads: int) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        assert fresh_probe() == kernel_probe()
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.fixture
def flushed() -> Iterator[None]:
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormal numbers")
    yield
    torch.set_flush_denormal(False)


@pytest.mark.usefixtures("flushed")
def test_flushed_subnormal_numbers_are_seen() -> None:
    assert fresh_probe() != kernel_probe()


@pytest.mark.parametrize(
    "where", [(F, "linear"), (F, "conv2d"), (F, "layer_norm"), (torch, "matmul"), (torch.Tensor, "sum"), (torch.Tensor, "log")]
)
def test_one_last_bit_of_one_kernel_is_seen(monkeypatch: pytest.MonkeyPatch, where: tuple[object, str]) -> None:
    holder, name = where
    kernel: Callable[..., torch.Tensor] = getattr(holder, name)

    def rounds_otherwise(*arguments: object, **options: object) -> torch.Tensor:
        found = kernel(*arguments, **options).clone()
        found.view(-1)[-1] = torch.nextafter(found.view(-1)[-1], torch.tensor(torch.inf, dtype=found.dtype))
        return found

    monkeypatch.setattr(holder, name, rounds_otherwise)
    assert fresh_probe() != kernel_probe()
