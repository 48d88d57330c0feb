"""Every recipe's model: outputs that agree with each other, at any batch size, in every form in which it travels."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from torchferry.course.data import Dataset
from torchferry.course.models.adaline import Adaline
from torchferry.course.models.classifier import Classifier
from torchferry.course.models.model import Model
from torchferry.course.train import RECIPES, Recipe


def fake_dataset(name: str) -> Dataset:
    """Data of the right shape, dtype and range, without loading the real one."""
    generator = torch.Generator().manual_seed(0)
    if name == "iris":
        inputs, classes, limits = torch.rand(64, 2, generator=generator) * 5, 2, (0.0, 10.0)
    else:
        side, top = (8, 16) if name == "digits" else (28, 255)
        inputs = torch.randint(0, top + 1, (64, side, side), generator=generator).to(torch.uint8)
        classes, limits = 10, (0.0, float(top))
    targets = torch.randint(0, classes, (64,), generator=generator)
    names = tuple(f"class {index}" for index in range(classes))
    return Dataset(name, "made up", inputs, targets, inputs, targets, names, "x", limits, "unit")


@pytest.fixture(params=RECIPES.values(), ids=RECIPES.keys())
def built(request: pytest.FixtureRequest) -> tuple[Model, Tensor]:
    recipe: Recipe = request.param
    dataset = fake_dataset(recipe.dataset)
    torch.manual_seed(7)
    model = recipe.build(dataset).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)  # so that no output is constant
    return model, dataset.test_inputs


@torch.no_grad()
def test_outputs_agree_with_each_other(built: tuple[Model, Tensor]):
    model, inputs = built
    outputs = model(inputs)
    if isinstance(model, Adaline):
        assert torch.equal(outputs.label, (outputs.net_input > 0.5).long())
        assert outputs.label.unique().tolist() == [0, 1]
    else:
        assert torch.equal(outputs.label, outputs.logits.argmax(dim=1))
        assert torch.equal(outputs.label, outputs.probabilities.argmax(dim=1))
        assert float(outputs.probabilities.min()) >= 0
        assert float(outputs.probabilities.max()) <= 1


@torch.no_grad()
def test_training_path_and_exported_path_are_the_same(built: tuple[Model, Tensor]):
    model, inputs = built
    scores = model.network(model.preprocess(inputs))
    expected = scores.squeeze(1) if isinstance(model, Adaline) else scores
    assert torch.equal(model(inputs)[0], expected)


@torch.no_grad()
@pytest.mark.parametrize("batch", [0, 1, 64])
def test_torchscript_gives_the_same_bits(built: tuple[Model, Tensor], batch: int):
    model, inputs = built
    scripted = torch.jit.script(model)
    for actual, expected in zip(scripted(inputs[:batch]), model(inputs[:batch]), strict=True):
        assert actual.shape[0] == batch
        assert torch.equal(actual, expected)


@torch.no_grad()
def test_exported_program_takes_any_batch(built: tuple[Model, Tensor]):
    model, inputs = built
    program = torch.export.export(model, (inputs[:4],), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)).module()
    for batch in (0, 1, 64):
        for actual, expected in zip(program(inputs[:batch]), model(inputs[:batch]), strict=True):
            assert torch.equal(actual, expected)


@torch.no_grad()
def test_float64_reference_is_close_to_float32(built: tuple[Model, Tensor]):
    model, inputs = built
    single = model(inputs)
    double = model.double()(inputs)
    assert double[0].dtype == torch.float64
    assert torch.allclose(double[0].float(), single[0], rtol=1e-4, atol=1e-4)


def test_adaline_starts_at_zero():
    model = Adaline(nn.Identity(), num_features=2)
    assert all(not parameter.any() for parameter in model.network.parameters())


def test_softmax_probabilities_sum_to_one():
    model = Classifier(nn.Identity(), nn.Identity(), nn.Softmax(dim=1))
    assert torch.allclose(model(torch.randn(5, 10)).probabilities.sum(dim=1), torch.ones(5))
