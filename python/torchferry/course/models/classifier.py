"""A network that tells classes apart, with the three outputs that one asks of it."""

from typing import NamedTuple

from torch import Tensor, nn

from torchferry.course.models.model import Model


class ClassifierOutput(NamedTuple):
    """`logits` and `probabilities` float [N, classes]; `label` int64 [N]."""

    logits: Tensor
    probabilities: Tensor
    label: Tensor


class Classifier(Model):
    """`activation` turns logits into probabilities: softmax (they sum to one) or sigmoid (each class for itself)."""

    def __init__(self, preprocess: nn.Module, network: nn.Module, activation: nn.Module) -> None:
        super().__init__(preprocess, network)
        self.activation = activation

    def forward(self, image: Tensor) -> ClassifierOutput:
        """Compute logits [N, classes], probabilities [N, classes] and label [N] of images [N, height, width]."""
        logits = self.network(self.preprocess(image))
        return ClassifierOutput(logits, self.activation(logits), self.predict(logits))

    def predict(self, scores: Tensor) -> Tensor:
        """Return the class with the largest of the logits [N, classes], int64 [N]."""
        return scores.argmax(dim=1)
