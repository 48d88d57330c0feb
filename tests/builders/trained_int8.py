"""Modules that torch and torchao have quantised: the same network by PT2E, and by quantisation-aware training."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

SAMPLES = 64


class SmallNet(nn.Module):
    """Convolutions with a norm, a pool and a sum, and a layer of scores."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.pool, self.second, self.last = nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Linear(36, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(torch.relu(self.norm(self.first(x))))
        return self.last((x + torch.relu(self.second(x))).flatten(1))


def samples() -> Tensor:
    return torch.randn(SAMPLES, 1, 8, 8, generator=torch.Generator().manual_seed(5))


def small_net() -> SmallNet:
    torch.manual_seed(4)
    net = SmallNet()
    net.norm.running_mean.uniform_(-0.2, 0.2)
    net.norm.running_var.uniform_(0.5, 1.5)
    return net.eval()


@cache
def converted() -> Any:
    """The network after `convert_pt2e`, with ExecuTorch's quantizer: int8 weights and scales of the values between layers."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    scheme = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    batch = {0: torch.export.Dim("N", min=1, max=4096)}
    prepared = prepare_pt2e(torch.export.export(small_net(), (samples(),), dynamic_shapes=(batch,)).module(), scheme)
    prepared(samples())
    return convert_pt2e(prepared)


@cache
def trained() -> nn.Module:
    """The network after a few steps of torch.ao's quantisation-aware training, its ranges as they are then."""
    from torch.ao.quantization import disable_observer, get_default_qat_qconfig, prepare_qat

    torch.manual_seed(4)
    net = small_net().train()
    net.qconfig = get_default_qat_qconfig("x86")  # type: ignore[assignment]
    prepared: nn.Module = prepare_qat(net)
    step = torch.optim.SGD(prepared.parameters(), 1e-2)
    for _ in range(3):
        step.zero_grad()
        prepared(samples()).square().mean().backward()
        step.step()
    prepared.apply(disable_observer)
    return prepared.eval()
