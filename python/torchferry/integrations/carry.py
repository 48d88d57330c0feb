"""A module exported, carried and proven in one call, for tools that have a module and some inputs at hand."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from torchferry.bundle.reader import Bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.api import export
from torchferry.formats import registry
from torchferry.proof.matrix import all_cells_passed
from torchferry.proof.run_matrix import run_matrix
from torchferry.proof.where import Where
from torchferry.report.matrix import closing, evidence

Inputs = torch.Tensor | Mapping[str, torch.Tensor | np.ndarray[Any, Any]]


def carry(
    module: nn.Module,
    inputs: Inputs,
    out: Path,
    *,
    to: Sequence[str] = registry.default_formats(),
    force: bool = False,
    allow_native: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> Bundle:
    """Export a copy of the module in eval mode to the bundle `out`, and verify it on every engine and in both languages that are here.

    inputs: batches [N, ...] of two samples or more, which become the goldens, by name; one tensor is forward's first argument.
    to: formats. force: replace `out`. allow_native: run machine code of the formats c and aoti. metadata: texts of the manifest.
    Raises FerryError: what torchferry.export raises, and MISMATCH with the first line that failed.
    """
    arrays = _arrays(module, inputs)
    still = copy.deepcopy(module).eval().cpu()
    bundle = export(still, inputs=arrays, golden=arrays, to=to, out=out, force=force, metadata=metadata or {})
    runs = run_matrix(bundle, None, None, Where(allow_native=allow_native))
    if not all_cells_passed(bundle, runs):
        first = next((line for run in runs for line in evidence(bundle, run)), "")
        raise FerryError(ExitCode.MISMATCH, f"{bundle.manifest.name}: {closing(bundle, runs)}; {first}")
    return bundle


class Carrier:
    """What the callbacks of training tools share: they carry the trained module when the training ends.

    inputs: batches [N, ...] of two samples or more, by name, which become the goldens. module: from the tool's model to the module to
    carry; default: itself. options: those of `carry`. `bundle` is what was written.
    """

    def __init__(
        self, inputs: Inputs, out: str | Path, *, module: Callable[[Any], nn.Module] | None = None, **options: Any
    ) -> None:
        self._inputs = inputs
        self._out = Path(out)
        self._module = module
        self._options = options
        self.bundle: Bundle | None = None

    def _carry(self, model: Any) -> None:
        """Carry what the tool trained. Raises FerryError as carry does: a training whose model does not cross ends with its line."""
        chosen = model if self._module is None else self._module(model)
        self.bundle = carry(chosen, self._inputs, self._out, **self._options)


def _arrays(module: nn.Module, inputs: Inputs) -> dict[str, np.ndarray[Any, Any]]:
    if isinstance(inputs, torch.Tensor):
        inputs = {next(iter(inspect.signature(module.forward).parameters), "input"): inputs}
    return {name: value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value for name, value in inputs.items()}
