"""What generated C must give, run where there is no C compiler: the graph in NumPy, as a session would run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torchferry.bundle.contract import Array
from torchferry.cgen import float_graph, int8_graph, reference
from torchferry.cgen.ir import Graph
from torchferry.formats import registry
from torchferry.intake.source import ExportSource


@dataclass(frozen=True)
class Definition:
    """The definition of engine `c` or `c-int8`."""

    engine: str
    graph: Graph
    outputs: tuple[str, ...]
    numerics: str = ""

    @classmethod
    def of(cls, source: ExportSource, engine: str) -> Definition:
        """Return the definition of what engine `c` or `c-int8` computes; for int8 the source must have calibration data."""
        program, contract, quantization = source.functional_program, source.contract, source.quantization
        outputs = tuple(spec.name for spec in contract.outputs)
        row = registry.of_engine(engine)
        if row is not None and row.quantizes and quantization is not None:
            graph = int8_graph(program, contract, quantization.calibration, quantization.headroom, quantization.io)
            return cls(engine, graph, outputs)
        return cls(engine, float_graph(program, contract), outputs)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run one batch: arrays [N, ...] by input name to arrays [N, ...] by output name."""
        return dict(zip(self.outputs, reference.run(self.graph, inputs), strict=True))
