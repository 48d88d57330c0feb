"""One engine against eager, layer by layer: the first value inside a model that leaves its tolerance."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from torchferry.bundle.call_checks import check_inputs
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle
from torchferry.compare.bisect import Bisection, bisection
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry
from torchferry.proof.ferry_run import call_ferry_run, require_ferry_run
from torchferry.proof.replay import compare_output, engine_json, replay
from torchferry.proof.where import Where
from torchferry.samples.source import open_samples

if TYPE_CHECKING:
    from torch import nn

    from torchferry.intake.pictures import Part
    from torchferry.proof.diff_stream import StreamDiff
    from torchferry.proof.probe import Probe


PROGRAM = "the torch.export program in the bundle"


@dataclass(frozen=True)
class Eager:
    """The module that layers are held to: `load` gives it and its preprocessing (None: none); by default the bundle's program."""

    name: str = PROGRAM
    load: Callable[[], tuple[nn.Module, Part | None]] | None = None

    def module(self, bundle: Bundle, inputs: Mapping[str, Array]) -> nn.Module:
        """Load the reference, with the modules that an export puts around it; `inputs` are in the contract's shapes. Raises FerryError."""
        from torchferry.proof.layer_reference import module_reference, program_reference

        if self.load is None:
            return program_reference(bundle)
        module, preprocess = self.load()
        return module_reference(module, bundle, preprocess, inputs)


@dataclass(frozen=True)
class LayersDiff:
    """The golden case (or batch) where a layer is off, else the last one; `cases`: all that were compared.

    `stream`: the steps of the bundle's stream, where every single call is right.
    """

    engine: str
    where: Where
    reference: str
    cases: tuple[str, ...]
    found: Bisection
    note: str | None
    stream: StreamDiff | None = None

    @property
    def is_same(self) -> bool:
        """No value, in no call and in no step, is out of its tolerance."""
        return self.found.first is None and (self.stream is None or self.stream.first is None)


def diff_layers(
    bundle: Bundle, engine: str, where: Where, eager: Eager, *, samples: list[str] | None = None, batch: int = 256
) -> LayersDiff:
    """Probe the engine's artifact on each golden case, or on the files `samples`, until a value is off; then in the steps of the stream.

    Raises FerryError: FORMAT for an artifact whose layers cannot be shown, UNAVAILABLE for an engine that cannot run here, BAD_INPUT
    for samples outside the contract or none at all.
    """
    cases = _samples(bundle, samples, batch) if samples else _goldens(bundle, batch)
    reference: nn.Module | None = None
    compared: list[str] = []
    for name, arrays in cases:
        compared.append(name)
        reference = reference or eager.module(bundle, arrays)
        found = bisect(bundle, engine, where, reference, name, arrays)
        if found.first is not None:
            break
    if reference is None:
        raise FerryError(ExitCode.BAD_INPUT, "inputs: got no samples, expected at least one; nothing is compared against nothing")
    note = None if samples else _golden_problem(bundle, engine, where, reference)
    stream = None if samples or found.first is not None else _stream(bundle, engine, where, reference)
    if stream is not None and stream.layers is not None and stream.layers.first is not None:
        found = stream.layers
    return LayersDiff(engine, where, eager.name, tuple(compared), found, note, stream)


def _stream(bundle: Bundle, engine: str, where: Where, reference: nn.Module) -> StreamDiff | None:
    from torchferry.proof.diff_stream import diff_stream

    return diff_stream(bundle, engine, where, reference)


def shows_layers(engine: str) -> bool:
    """Say whether the artifact of this engine can be opened up into a probe."""
    row = registry.of_engine(engine)
    return row is not None and row.probe is not None


def bisect(bundle: Bundle, engine: str, where: Where, reference: nn.Module, case: str, inputs: Mapping[str, Array]) -> Bisection:
    """Write the probe for inputs [N, ...], run it, and line its verdicts up with the layers."""
    from torchferry.intake.quiet import quiet
    from torchferry.proof.probe import build_probe

    with TemporaryDirectory(prefix="ferry-probe-") as name:
        with quiet():
            probe = build_probe(
                bundle, engine, reference, inputs, Path(name), allow_ops=where.allow_ops, allow_native=where.allow_native
            )
        verdicts = _run_named(probe, probe.bundle, engine, where)
        if probe.whole is not None:  # its outputs count: those of the probe are of a program that was built again
            verdicts += _run_named(probe, probe.whole, engine, where)
    layers = [(tap.name, tap.kind) for tap in probe.taps]
    names = [spec.name for spec in bundle.contract.outputs]
    return bisection(case, layers, probe.outputs, names, verdicts, built_again=probe.built_again)


def _run_named(probe: Probe, bundle: Bundle, engine: str, where: Where) -> list[dict[str, Any]]:
    """Return the verdicts; an error names the layer and not the probe's output."""
    names = {output: name for name, output in probe.outputs.items()}
    try:
        return verdicts_of(bundle, engine, where)
    except FerryError as error:
        raise FerryError(error.code, re.sub(r"_layer_\d+", lambda found: names.get(found[0], found[0]), str(error))) from None


def verdicts_of(bundle: Bundle, engine: str, where: Where) -> list[dict[str, Any]]:
    """Return the verdicts of every golden case, in the language that was asked for, as `verify --json` has them. Raises FerryError."""
    run = _run_cpp if where.language == "cpp" else _run_python
    return run(bundle, engine, where)


def _run_python(probe: Bundle, engine: str, where: Where) -> list[dict[str, Any]]:
    replayed = replay(probe, where.open(probe, engine), engine=engine, device=where.device)
    found: list[dict[str, Any]] = engine_json(replayed)["verdicts"]
    return found


def _run_cpp(probe: Bundle, engine: str, where: Where) -> list[dict[str, Any]]:
    options = ["--engine", engine, *where.options, "--json"]
    program = require_ferry_run(where.ferry_run, "--language cpp")
    printed = call_ferry_run(program, "verify", probe.folder, *options, allowed=(ExitCode.OK, ExitCode.MISMATCH))
    (result,) = json.loads(printed)["engines"]
    if not result["verdicts"]:
        raise FerryError(ExitCode.MISMATCH, f"ferry-run: {result['reason']}")
    verdicts: list[dict[str, Any]] = result["verdicts"]
    return verdicts


def _goldens(bundle: Bundle, batch: int) -> Iterator[tuple[str, dict[str, Array]]]:
    from torchferry.intake.golden_cases import first_samples

    for entry in bundle.manifest.golden.calls:
        case = read_case(bundle, entry)
        yield case.name, first_samples(bundle.contract, case.inputs, batch)


def _samples(bundle: Bundle, inputs: list[str], batch: int) -> Iterator[tuple[str, dict[str, Array]]]:
    with open_samples(bundle.contract, inputs, batch=batch) as source:
        for number, arrays in enumerate(source.batches, 1):
            check_inputs(bundle.contract, arrays)
            if any(array.size == 0 for array in arrays.values()):
                return
            yield f"batch {number} of {', '.join(inputs)}", arrays


def _golden_problem(bundle: Bundle, engine: str, where: Where, reference: nn.Module) -> str | None:
    """Return what to know where the reference is not the module that the bundle's goldens are of."""
    from torchferry.intake.quiet import quiet
    from torchferry.intake.reference import Reference

    case = read_case(bundle, bundle.manifest.golden.cases[0])
    with quiet():
        outputs = Reference(reference, bundle.contract).float32(case.inputs)
    for spec in bundle.contract.outputs:
        verdict = compare_output(bundle, case, outputs, spec.name, engine=engine, device=where.device, numerics="")
        if not verdict.passed:
            off = verdict.problem or f"{verdict.max_abs:.3g} away"
            return f"the eager side does not give the bundle's goldens either (output {spec.name}: {off}): it is not the module that was exported"
    return None
