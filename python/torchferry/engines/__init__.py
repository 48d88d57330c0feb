"""Engines: something that runs one kind of artifact. Each module has `open_model(OpenRequest) -> Model`."""

from torchferry.engines.base import Session

__all__ = ["Session"]
