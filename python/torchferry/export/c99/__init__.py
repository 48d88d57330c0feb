"""Format `c`: a torch.export program as dependency-free C99 with the same bits on every processor."""

from torchferry.export.c99.generate import Generated, generate, generate_int8

__all__ = ["Generated", "generate", "generate_int8"]
