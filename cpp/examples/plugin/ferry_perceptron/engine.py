"""Runs the format in NumPy, as perceptron.cpp runs it in C++."""

from collections.abc import Mapping

import numpy as np

from torchferry.bundle.contract import Array
from torchferry.engines.base import OpenRequest
from torchferry.errors import ExitCode, FerryError


class Perceptron:
    """An opened model: uint8 values [N, ...] to logits [N, classes], probabilities [N, classes] and label [N]."""

    runtime = "ferry-perceptron 1"
    numerics = ""  # no bits are promised

    def __init__(self, request: OpenRequest, scale: float, layers: list[tuple[Array, Array]]) -> None:
        self._contract = request.contract
        self._scale = scale
        self._layers = layers

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run one batch; sums in float64, values between layers in float32."""
        (values,) = inputs.values()
        scaled = (values.reshape(len(values), -1) / self._scale).astype(np.float32)
        hidden = (1 / (1 + np.exp(-self._affine(0, scaled)))).astype(np.float32)
        logits = self._affine(1, hidden)
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        outputs = (logits, probabilities, logits.argmax(axis=1))
        return {spec.name: value.astype(spec.dtype) for spec, value in zip(self._contract.outputs, outputs, strict=True)}

    def _affine(self, layer: int, values: Array) -> Array:
        weight, bias = self._layers[layer]
        result: Array = (values.astype(np.float64) @ weight.T + bias).astype(np.float32)
        return result


def open_model(request: OpenRequest) -> Perceptron:
    """Read the text of an artifact. Raises FerryError: UNAVAILABLE for another device than the CPU, FORMAT for another text."""
    if request.device != "cpu":
        raise FerryError(ExitCode.UNAVAILABLE, f"device: got {request.device}, expected cpu")
    words = request.main_file.decode("ascii", "replace").split()
    if words[:2] != ["perceptron", "1"]:
        raise FerryError(ExitCode.FORMAT, "header: got another file, expected `perceptron 1`; export it again")
    try:
        inputs, hidden, classes = map(int, words[3:6])
        scale, numbers = float(words[2]), np.array(words[6:], dtype=np.float64)
        parts = np.split(numbers, np.cumsum([hidden * inputs, hidden, classes * hidden]))
        layers = [(parts[0].reshape(hidden, inputs), parts[1]), (parts[2].reshape(classes, hidden), parts[3].reshape(classes))]
    except ValueError:
        raise FerryError(ExitCode.FORMAT, "weights: got other numbers than those of the layers; export it again") from None
    return Perceptron(request, scale, layers)
