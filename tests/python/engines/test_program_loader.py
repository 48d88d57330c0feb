"""Programs that torch.export saves pass the door and compute what the module computes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from torchferry.engines.program_loader import load_program, load_weights
from torchferry.errors import ExitCode, FerryError


class Sizes(nn.Module):
    """Sizes that are computed from the batch, branches, lists of tensors, a constant and another gradient mode."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        branch = torch.cond(x.sum() > 0, lambda a: a + 1, lambda a: a * 2, (x,))
        halves = x.reshape(x.shape[0] * 2, 2)
        first, _ = torch.split(x, 2, 1)
        best = torch.topk(x, 2)
        with torch.no_grad():
            inner = self.linear(x)
        odd = torch.zeros(x.shape[0] * 2 + 1, 3) + torch.tensor(3.0)
        return branch, halves, first, best.values, best.indices, inner, odd


class Tied(nn.Module):
    """Two layers with one weight, and a view of it as a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("empty", torch.zeros(0, 4))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.second(self.first(x)), self.empty])


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 5, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.lstm(x.unsqueeze(1).expand(-1, 3, -1))[0]
        return out.mean(1)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.abs().clamp(max=9).long()
        encoded: Tensor = self.layer(self.embed(tokens))
        return torch.einsum("nsd,nsd->ns", encoded, encoded)


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)),
        nn.Upsample(scale_factor=4, mode="bilinear"),
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.GELU(),
        nn.MaxPool2d(2),
        nn.ConvTranspose2d(4, 2, 2, stride=2),
        nn.GroupNorm(1, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Softmax(dim=1),
    )


MODULES: dict[str, Callable[[], nn.Module]] = {
    "sizes": Sizes,
    "tied": Tied,
    "recurrent": Recurrent,
    "attention": Attention,
    "convolutions": convolutions,
}


def saved(module: nn.Module) -> bytes:
    with torch.no_grad():
        shapes = ({0: torch.export.Dim("N", min=2, max=64)},)
        program = torch.export.export(module, (torch.randn(6, 4),), dynamic_shapes=shapes, strict=False)
    program._example_inputs = None
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


@pytest.fixture
def _plain_attention() -> Iterator[None]:
    """The fused operator of attention gives other bits than the ones that are exported."""
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(True)


@pytest.mark.usefixtures("_plain_attention")
@pytest.mark.parametrize("name", MODULES)
@torch.no_grad()
def test_a_loaded_program_gives_the_bits_of_its_module(name: str) -> None:
    torch.manual_seed(1)
    module = MODULES[name]().eval()
    loaded = load_program("model.export.pt2", saved(module)).module(check_guards=False)
    for rows in (2, 6, 9):
        x = torch.randn(rows, 4)
        expected, got = module(x), loaded(x)
        pairs = zip(expected, got, strict=True) if isinstance(expected, tuple) else [(expected, got)]
        assert all(torch.equal(a, b) for a, b in pairs)


def test_weights_come_by_their_names_without_a_program() -> None:
    module = Tied().eval()
    weights = load_weights("model.export.pt2", saved(module))
    assert weights.keys() == module.state_dict().keys()
    assert all(torch.equal(weights[key], value) for key, value in module.state_dict().items())
    assert weights["first.weight"].data_ptr() == weights["second.weight"].data_ptr()


def test_an_operator_outside_the_list_is_named() -> None:
    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bag = nn.EmbeddingBag(10, 3)

        def forward(self, x: Tensor) -> Tensor:
            bagged: Tensor = self.bag(x.abs().long())
            return bagged

    with pytest.raises(FerryError, match="embedding_bag") as caught:
        load_program("model.export.pt2", saved(Bag().eval()))
    assert caught.value.code == ExitCode.FORMAT
