"""How much more than the calibrated ranges the bytes of int8 must hold, measured on samples that gave no range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch.export import ExportedProgram

from torchferry.bundle.contract import Contract
from torchferry.cgen import reference
from torchferry.cgen.generate import quantized_graph, unjoined_graph
from torchferry.cgen.passes.calibrate import calibrate
from torchferry.cgen.values import Array
from torchferry.errors import FerryError

CANDIDATES = (1.0, 1.125, 1.25, 1.5, 2.0)
UNKNOWN = 1.25  # where the calibration is too small to be halved
SAMPLES = 128  # that are measured
WITHIN = 1.05  # of the least error the least headroom is taken: it keeps finer steps for all the samples in between


def measured_headroom(program: ExportedProgram, contract: Contract, calibration: Mapping[str, Array]) -> float:
    """Return the headroom with which one half of the calibration data [N, ...] is nearest to float32, when the other half gives the ranges.

    Raises what `generate` raises for the program.
    """
    graph = unjoined_graph(program, contract)
    seen, fresh = ({name: array[start::2] for name, array in calibration.items()} for start in (0, 1))
    fresh = {name: array[:SAMPLES] for name, array in fresh.items()}
    try:
        ranges = calibrate(graph, contract, seen)
        calibrate(graph, contract, fresh)
    except FerryError:
        return UNKNOWN
    expected = reference.run(graph, fresh)
    errors = {
        headroom: _largest_error(reference.run(quantized_graph(graph, ranges, headroom), fresh), expected)
        for headroom in CANDIDATES
    }
    return next(headroom for headroom, error in errors.items() if error <= WITHIN * min(errors.values()))


def _largest_error(actual: Sequence[Array], expected: Sequence[Array]) -> float:
    """Return the largest difference of any output, relative to how far that output reaches."""
    found = [0.0]
    for a, b in zip(actual, expected, strict=True):
        reach = float(np.abs(b.astype(np.float64)).max(initial=0.0))
        found.append(float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0.0)) / (reach or 1.0))
    return max(found)
