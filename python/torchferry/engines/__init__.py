"""Engines: something that runs one kind of artifact. Each module has `open_model(OpenRequest) -> Model`."""

from torchferry.engines.base import ENGINES, Session

__all__ = ["ENGINES", "Session"]
