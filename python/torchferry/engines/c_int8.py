"""Engine `c-int8`: generated C with int8 weights. To a session it is C as that of engine `c`; its tolerances are its own."""

from torchferry.engines.c import open_model

__all__ = ["open_model"]
