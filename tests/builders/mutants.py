"""Bundles with a fault: the artifact is a real export of a wrong module, the goldens are those of the right one, every digest is right."""

import shutil
from pathlib import Path

import torch
from torch import Tensor, nn

from builders.bundles import edit_manifest, reseal
from torchferry.bundle.golden import read_case
from torchferry.bundle.manifest import Artifact
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.exporter import print_note, write_artifact
from torchferry.formats import registry
from torchferry.intake.source import ExportSource, Quantization

PARTIAL = ("c",)  # formats of few operators: they are under the faults that they can express


def write_mutant(right: Path, module: nn.Module, folder: Path) -> Path:
    """A copy of the bundle `right` whose artifacts are those of `module`; those that PARTIAL formats cannot express are left out."""
    shutil.copytree(right, folder)
    bundle = open_bundle(right)
    examples = read_case(bundle, bundle.manifest.golden.cases[0]).inputs
    source = ExportSource(module, bundle.contract, examples, quantization=Quantization(examples))
    for artifact in bundle.manifest.artifacts:
        try:
            written = write_artifact(registry.formats()[artifact.format], source, folder, print_note)
        except FerryError as error:
            if error.code not in (ExitCode.FORMAT, ExitCode.BAD_INPUT) or artifact.format not in PARTIAL:
                raise
            drop(folder, artifact)
            continue
        assert [file.path for file in written.files] == [file.path for file in artifact.files]
    reseal(folder)
    return folder


def drop(folder: Path, artifact: Artifact) -> None:
    """Take an artifact out of a bundle: its files and its entry."""
    for file in artifact.files:
        (folder / file.path).unlink()
    edit_manifest(folder, lambda value: value.update(artifacts=[a for a in value["artifacts"] if a["format"] != artifact.format]))


class SwappedFeatures(nn.Module):
    """The columns in reverse order."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flip(1)


class GreyLevelsTimesSixteen(nn.Module):
    """uint8 arithmetic that runs over: what comes of scaling before the conversion to float."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(torch.int32) * 17).remainder(256).to(torch.uint8)


class Unscaled(nn.Module):
    """Grey levels as floats without division by their maximum: what a float model is fed by who forgets the preprocessing."""

    def forward(self, x: Tensor) -> Tensor:
        return x.to(torch.float32)


class Normalized(nn.Module):
    """Features through batch norm and dropout to logits, probabilities and label; `left_on`: the parts that compute as in training.

    A module in train mode is not enough for a mutant: loaders call eval() on TorchScript, which puts such parts right again.
    """

    def __init__(self, *, norm_left_on: bool = False, dropout_left_on: bool = False) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.norm_left_on, self.dropout_left_on = norm_left_on, dropout_left_on
        self.hidden = nn.Linear(64, 20)
        self.output = nn.Linear(20, 10)
        self.weight = nn.Parameter(torch.rand(20) + 0.5)
        self.bias = nn.Parameter(torch.randn(20))
        self.register_buffer("mean", torch.randn(20))
        self.register_buffer("variance", torch.rand(20) + 0.5)

    mean: Tensor
    variance: Tensor

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.hidden(image.flatten(1).to(self.hidden.weight.dtype) / 16)
        if self.norm_left_on:
            mean, variance = features.mean(0), features.var(0, unbiased=False)
        else:
            mean, variance = self.mean, self.variance
        normed = torch.relu((features - mean) / torch.sqrt(variance + 1e-5) * self.weight + self.bias)
        if self.dropout_left_on:  # written out: an ONNX file has no dropout in train mode
            normed = torch.where(torch.rand_like(normed) > 0.5, 2 * normed, 0 * normed)
        logits = self.output(normed)
        return logits, torch.softmax(logits, 1), logits.argmax(1)


class After(nn.Module):
    """`change` of the outputs `logits`, `probabilities` and `label` of `module`."""

    def __init__(self, module: nn.Module, change: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.change = change

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, probabilities, label = self.module(image)
        return self.change(logits, probabilities, label)  # type: ignore[no-any-return]


class NextLabel(nn.Module):
    """The label one too high."""

    def forward(self, logits: Tensor, probabilities: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return logits, probabilities, (label + 1) % logits.size(1)


class OneNan(nn.Module):
    """NaN in the last logit of the last sample."""

    def forward(self, logits: Tensor, probabilities: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        last = torch.arange(logits.size(0), device=logits.device).unsqueeze(1) == logits.size(0) - 1
        column = torch.arange(logits.size(1), device=logits.device).unsqueeze(0) == logits.size(1) - 1
        return torch.where(last & column, torch.full_like(logits, float("nan")), logits), probabilities, label


class WideLogits(nn.Module):
    """Logits as float64 where the contract says float32."""

    def forward(self, logits: Tensor, probabilities: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return logits.to(torch.float64), probabilities, label


class NarrowLabel(nn.Module):
    """The label as int32 where the contract says int64."""

    def forward(self, logits: Tensor, probabilities: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return logits, probabilities, label.to(torch.int32)


class ColumnLabel(nn.Module):
    """The label as [N,1] where the contract says [N]."""

    def forward(self, logits: Tensor, probabilities: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return logits, probabilities, label.unsqueeze(1)


def with_weight_changed(module: nn.Module, name: str, by: float = 1e-3) -> nn.Module:
    """The module with the last element of one parameter changed."""
    with torch.no_grad():
        dict(module.named_parameters())[name].view(-1)[-1] += by
    return module


class SwappedOutputs(nn.Module):
    """Two outputs of one dtype and shape, each in the other's place."""

    def forward(self, logits: Tensor, probabilities: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return probabilities, logits, label


class TruncatedBatch(nn.Module):
    """One sample, whatever the batch; a slice of it would make torch.export refuse a batch of 0."""

    def forward(self, logits: Tensor, probabilities: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        one = logits.mean(0, keepdim=True)
        return one, probabilities.mean(0, keepdim=True), one.argmax(1).to(label.dtype)


class RepeatedFirst(nn.Module):
    """The right shape, but the last sample has the first one's answer: a buffer that was not filled to its end."""

    def forward(self, logits: Tensor, probabilities: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        last = torch.arange(logits.size(0), device=logits.device) == logits.size(0) - 1
        column = last.unsqueeze(1)
        return (
            torch.where(column, logits[:1], logits),
            torch.where(column, probabilities[:1], probabilities),
            torch.where(last, label[:1], label),
        )


class CoarseLogits(nn.Module):
    """Logits that went through bfloat16."""

    def forward(self, logits: Tensor, probabilities: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return logits.to(torch.bfloat16).to(torch.float32), probabilities, label


class WarmSoftmax(nn.Module):
    """A softmax at temperature 1.01."""

    def forward(self, logits: Tensor, probabilities: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return logits, torch.softmax(torch.log(probabilities) / 1.01, 1), label


class SmallestLogit(nn.Module):
    """argmin for argmax."""

    def forward(self, logits: Tensor, probabilities: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return logits, probabilities, logits.argmin(1).to(label.dtype)


def with_coarse_weights(module: nn.Module) -> nn.Module:
    """The module with weights that went through bfloat16."""
    return module.to(torch.bfloat16).to(torch.float32)


def with_larger_weights(module: nn.Module) -> nn.Module:
    """The module as it might be an epoch later."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1.001)
    return module


def with_classes_swapped(module: nn.Module) -> nn.Module:
    """The module with the output layer's first two rows in each other's place."""
    with torch.no_grad():
        for parameter in (module.network.output.weight, module.network.output.bias):  # type: ignore[union-attr]
            parameter[:2] = parameter[:2].flip(0)  # type: ignore[index]
    return module


def without_hidden_bias(module: nn.Module) -> nn.Module:
    """The module with a hidden bias of zeros."""
    with torch.no_grad():
        module.network.hidden.bias.zero_()  # type: ignore[union-attr, operator]
    return module


def with_sign_turned(module: nn.Module) -> nn.Module:
    """The module with the sign of the largest weight of the output layer turned: one bit."""
    with torch.no_grad():
        weight = module.network.output.weight.view(-1)  # type: ignore[union-attr, operator]
        weight[weight.abs().argmax()] *= -1
    return module


def with_buffer_scaled(module: nn.Module, name: str, by: float) -> nn.Module:
    """The module with one buffer of its preprocessing multiplied."""
    (buffer,) = (buffer for key, buffer in module.named_buffers() if key.endswith(name))
    buffer.mul_(by)
    return module
