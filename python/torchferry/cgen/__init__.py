"""Format `c`: a torch.export program as dependency-free C99 with the same bits on every processor."""

from torchferry.cgen.generate import Generated, float_graph, generate, generate_int8, int8_graph
from torchferry.cgen.headroom import measured_headroom

__all__ = ["Generated", "float_graph", "generate", "generate_int8", "int8_graph", "measured_headroom"]
