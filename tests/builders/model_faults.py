"""The faults that a verdict must find: which bundle, and what is done to its module before it is exported again."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from builders import mutants

Fault = Callable[[nn.Module], nn.Module]


def weight(name: str, *, by: float = 1e-3) -> Fault:
    return lambda module: mutants.with_weight_changed(module, name, by)


def before(change: nn.Module) -> Fault:
    def apply(module: nn.Module) -> nn.Module:
        module.preprocess = nn.Sequential(change, module.preprocess)
        return module

    return apply


def after(change: nn.Module) -> Fault:
    return lambda module: mutants.After(module, change)


def without_scale(module: nn.Module) -> nn.Module:
    module.preprocess = nn.Sequential(nn.Flatten(), mutants.Unscaled())
    return module


FAULTS: dict[str, tuple[str, Fault]] = {
    # A corner pixel, dark in nearly every digit: less than 1 here stays below the certified bound of the engines that are not held to bits.
    "one weight of a corner pixel by 1": ("digits-mlp", weight("network.hidden.weight", by=1.0)),
    "one bias of the hidden layer by 1e-2": ("digits-mlp", weight("network.hidden.bias", by=1e-2)),
    "one weight of the output layer by 1e-3": ("digits-mlp", weight("network.output.weight")),
    "one bias by 1e-3": ("digits-mlp", weight("network.output.bias")),
    "one weight of the Adaline by 1e-3": ("iris-adaline", lambda module: mutants.with_weight_changed(module, "network.bias")),
    "two features swapped": ("iris-adaline", before(mutants.SwappedFeatures())),
    "rows of the image reversed": ("digits-mlp", before(mutants.SwappedFeatures())),
    "uint8 fed as float without the scale": ("digits-mlp", without_scale),
    "uint8 arithmetic that runs over": ("digits-mlp", before(mutants.GreyLevelsTimesSixteen())),
    "the label one too high": ("digits-mlp", after(mutants.NextLabel())),
    "one NaN": ("digits-mlp", after(mutants.OneNan())),
    "logits as float64": ("digits-mlp", after(mutants.WideLogits())),
    "the label as int32": ("digits-mlp", after(mutants.NarrowLabel())),
    "the label as a column": ("digits-mlp", after(mutants.ColumnLabel())),
    "logits and probabilities under each other's names": ("digits-mlp", after(mutants.SwappedOutputs())),
    "one sample of the batch answered only": ("digits-mlp", after(mutants.TruncatedBatch())),
    "the last sample answered as the first": ("digits-mlp", after(mutants.RepeatedFirst())),
    "logits of bfloat16": ("digits-mlp", after(mutants.CoarseLogits())),
    "weights of bfloat16": ("digits-mlp", mutants.with_coarse_weights),
    "every weight larger by a thousandth": ("digits-mlp", mutants.with_larger_weights),
    "two classes swapped": ("digits-mlp", mutants.with_classes_swapped),
    "the hidden bias left out": ("digits-mlp", mutants.without_hidden_bias),
    "a scale of 17 for 16": ("digits-mlp", lambda module: mutants.with_buffer_scaled(module, "maximum", 17 / 16)),
    "a mean of the standardization off by a hundredth": (
        "iris-adaline",
        lambda module: mutants.with_buffer_scaled(module, "mean", 1.01),
    ),
    "probabilities of a warmer softmax": ("digits-mlp", after(mutants.WarmSoftmax())),
    "the label of the smallest logit": ("digits-mlp", after(mutants.SmallestLogit())),
    "an infinite bias": ("digits-mlp", weight("network.output.bias", by=float("inf"))),
    "a sign of one weight": ("digits-mlp", mutants.with_sign_turned),
}
