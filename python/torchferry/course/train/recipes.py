"""The recipes that `ferry train NAME` knows: the course's models with the course's settings (STAT 453, L6.4, L6.5, L9.3.2)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from torchferry.bundle.contract import TensorSpec
from torchferry.course.data import Dataset
from torchferry.course.models.adaline import Adaline
from torchferry.course.models.classifier import Classifier
from torchferry.course.models.mlp import (
    MLP,
    ReluMLP,
    batchnorm_sequential,
    dropout_sequential,
    lecture_mlp,
    relu_sequential,
    softmax_regression,
)
from torchferry.course.models.model import Model
from torchferry.course.train.config import TrainConfig
from torchferry.course.train.loss import CROSS_ENTROPY, MEAN_SQUARED_ERROR, NET_INPUT_ERROR, SUMMED_SQUARED_ERROR, Loss
from torchferry.course.train.recipe import Recipe
from torchferry.errors import ExitCode, FerryError
from torchferry.preprocess import Flatten, Standardize, UnitScale

NUM_HIDDEN = 100


def find_recipe(name: str) -> Recipe:
    """Find the recipe of that name. Raises FerryError(USAGE)."""
    if name not in RECIPES:
        raise FerryError(ExitCode.USAGE, f"recipe: got {name!r}, expected one of {', '.join(RECIPES)}; correct the name")
    return RECIPES[name]


def _adaline(dataset: Dataset) -> Model:
    return Adaline(Standardize.fit(dataset.train_inputs), num_features=dataset.sample_shape[0])


def _with_hidden_layers(
    network: Callable[[int, int, int], nn.Module], activation: Callable[[], nn.Module]
) -> Callable[[Dataset], Model]:
    def build(dataset: Dataset) -> Model:
        return _classifier(dataset, network(_num_pixels(dataset), NUM_HIDDEN, len(dataset.class_names)), activation())

    return build


def _without_hidden_layer(dataset: Dataset) -> Model:
    return _classifier(dataset, softmax_regression(_num_pixels(dataset), len(dataset.class_names)), _softmax())


def _classifier(dataset: Dataset, network: nn.Module, activation: nn.Module) -> Model:
    pixels = nn.Sequential(UnitScale(dataset.input_range[1]), Flatten())
    return Classifier(pixels, network, activation)


def _softmax() -> nn.Module:
    return nn.Softmax(dim=1)


def _num_pixels(dataset: Dataset) -> int:
    return torch.Size(dataset.sample_shape).numel()


def _adaline_outputs(dataset: Dataset) -> list[TensorSpec]:
    return [_float_output("net_input", ("N",), None), _label(dataset)]


def _classifier_outputs(dataset: Dataset) -> list[TensorSpec]:
    per_class = ("N", len(dataset.class_names))
    return [_float_output("logits", per_class, None), _float_output("probabilities", per_class, (0.0, 1.0)), _label(dataset)]


def _float_output(name: str, shape: tuple[int | str, ...], limits: tuple[float, float] | None) -> TensorSpec:
    return TensorSpec(name=name, dtype="float32", shape=shape, range=limits, unit=None, allow_nonfinite=False)


def _label(dataset: Dataset) -> TensorSpec:
    limits = (0.0, float(len(dataset.class_names) - 1))
    return TensorSpec(name="label", dtype="int64", shape=("N",), range=limits, unit=None, allow_nonfinite=False)


def _on_mnist(name: str, build: Callable[[Dataset], Model], defaults: TrainConfig, loss: Loss = CROSS_ENTROPY) -> Recipe:
    return Recipe(name=name, dataset="mnist", build=build, outputs=_classifier_outputs, loss=loss, defaults=defaults)


_SIGMOID_MLP = _with_hidden_layers(lecture_mlp, _softmax)
_SIGMOID_MLP_AND_OUTPUTS = _with_hidden_layers(lecture_mlp, nn.Sigmoid)
_HUNDRED_EPOCHS = TrainConfig(epochs=100, batch_size=100, learning_rate=0.1, seed=1)
_TEN_EPOCHS = TrainConfig(epochs=10, batch_size=100, learning_rate=0.1, seed=1)

_ALL = (
    # ADALINE on two features of two species (L6.4).
    Recipe(
        name="iris-adaline",
        dataset="iris",
        build=_adaline,
        outputs=_adaline_outputs,
        loss=NET_INPUT_ERROR,
        defaults=TrainConfig(epochs=20, batch_size=10, learning_rate=0.01, seed=123),
    ),
    # The MLP below on data that needs no download.
    Recipe(
        name="digits-mlp",
        dataset="digits",
        build=_SIGMOID_MLP,
        outputs=_classifier_outputs,
        loss=CROSS_ENTROPY,
        defaults=TrainConfig(epochs=60, batch_size=20, learning_rate=0.003, seed=1, optimizer="adam"),
    ),
    # MLP 784-100-10: softmax and cross-entropy (L9.3.2).
    _on_mnist("mnist-mlp", _SIGMOID_MLP, _HUNDRED_EPOCHS),
    # The same with sigmoid outputs and mean squared error.
    _on_mnist("mnist-mlp-mse", _SIGMOID_MLP_AND_OUTPUTS, _HUNDRED_EPOCHS, MEAN_SQUARED_ERROR),
    # The same with the gradients by hand, and the squared error summed over the classes.
    _on_mnist(
        "mnist-mlp-scratch",
        _SIGMOID_MLP_AND_OUTPUTS,
        TrainConfig(epochs=50, batch_size=100, learning_rate=0.1, seed=1, gradient="manual"),
        SUMMED_SQUARED_ERROR,
    ),
    # mnist-mlp with Adam and a validation set. PyTorch's initial weights: from N(0, 0.1) it ends 0.3 points above what was published.
    _on_mnist(
        "mnist-mlp-adam",
        _with_hidden_layers(MLP, _softmax),
        TrainConfig(epochs=10, batch_size=128, learning_rate=0.001, seed=1, optimizer="adam", validation=0.1),
    ),
    # No hidden layer (L8).
    _on_mnist("mnist-softmax", _without_hidden_layer, TrainConfig(epochs=25, batch_size=100, learning_rate=0.1, seed=1)),
    # Two hidden ReLU layers in the two styles of L6.5: equal seeds give equal weights.
    _on_mnist("mnist-mlp-relu", _with_hidden_layers(ReluMLP, _softmax), _TEN_EPOCHS),
    _on_mnist("mnist-mlp-relu-sequential", _with_hidden_layers(relu_sequential, _softmax), _TEN_EPOCHS),
    # Layers that behave differently in train mode and in eval mode.
    _on_mnist("mnist-mlp-dropout", _with_hidden_layers(dropout_sequential, _softmax), _TEN_EPOCHS),
    _on_mnist("mnist-mlp-batchnorm", _with_hidden_layers(batchnorm_sequential, _softmax), _TEN_EPOCHS),
)

RECIPES = {recipe.name: recipe for recipe in _ALL}
