"""What all models of the course have in common."""

from torch import Tensor, nn


class Model(nn.Module):
    """Raw input -> preprocess -> network -> named outputs.

    Training applies `preprocess` to the whole data set once and then trains `network`; the exported model is everything.
    """

    def __init__(self, preprocess: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.network = network

    def predict(self, scores: Tensor) -> Tensor:
        """Return the class of each sample, int64 [N], from the scores [N, ...] of the network."""
        raise NotImplementedError
