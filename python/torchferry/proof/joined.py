"""May the samples of several callers go into one call, and does each caller still get the bits of a call of its own?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from torchferry.bundle.contract import BATCH, Array, Contract
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry
from torchferry.proof.bench import tiled

_MOST_PROBED = 64  # samples that are run alone and together


def why_never_joined(contract: Contract) -> str | None:
    """Return why calls of a contract cannot be joined at all; None: they can, within the bound."""
    if contract.samples != "independent":
        return f"got a contract with samples: {contract.samples}, whose answers change with the other samples of a call"
    apart = [spec.name for spec in (*contract.inputs, *contract.outputs) if not spec.is_batched]
    return f"got {apart[0]} without a batch {BATCH}, which is one for a whole call" if apart else None


def why_bits_change(engine: str) -> str | None:
    """Return why an engine's bits for a sample may depend on the size of its call; None: it computes one sample after the other.

    Matrix products choose their kernels, and with them the order of a sum, by the number of rows.
    """
    row = registry.of_engine(engine)
    if row is not None and row.sample_by_sample:
        return None
    return f"got engine {engine}, whose bits for a sample may change with the size of a call"


def require_same_bits(bundle: Bundle, session: Session, most: int) -> None:
    """Require that samples of the goldens have the same bits alone and in a call of up to `most`. Raises FerryError(MISMATCH)."""
    golden = read_case(bundle, bundle.manifest.golden.cases[0]).inputs
    count = min(most, _MOST_PROBED)
    together = tiled(bundle.contract, golden, count)
    joined = session.run(together)
    for index in range(count):
        alone = session.run(one_of(together, index))
        for name, array in alone.items():
            if array.tobytes() != np.ascontiguousarray(joined[name][index : index + 1]).tobytes():
                raise FerryError(
                    ExitCode.MISMATCH,
                    f"{bundle.folder}: engine {session.engine}: output {name}: sample {index} of {count} got other bits alone than joined, "
                    "expected the same; serve it without --join",
                )


def one_of(inputs: Mapping[str, Array], index: int) -> dict[str, Array]:
    """Return one sample [1, ...] of inputs [N, ...]."""
    return {name: array[index : index + 1] for name, array in inputs.items()}
