"""`ferry diff BUNDLE --engine X`: the first layer whose output leaves its tolerance."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from torchferry.bundle.contract import Array, check_inputs
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle
from torchferry.cli.console import say, say_json
from torchferry.cli.ferry_run import call_ferry_run
from torchferry.compare.bisect import Bisection, bisection
from torchferry.compare.replay import compare_output, engine_json, replay
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.report.bisect import bisect_json, bisect_lines
from torchferry.samples.source import open_samples

if TYPE_CHECKING:
    from torch import nn

    from torchferry.export.probe.build import Probe


@dataclass(frozen=True)
class Side:
    """Where the probe runs."""

    engine: str
    language: str
    device: str
    threads: int
    ferry_run: Path


@dataclass(frozen=True)
class Eager:
    """How the user named the eager side; `run` None: the program in the bundle."""

    run: str | None
    weights: Path | None
    preprocess: str | None
    data_root: Path | None


def diff_layers(bundle: Bundle, side: Side, eager: Eager, *, inputs: list[str] | None, batch: int, as_json: bool) -> int:
    """Probe the engine's artifact on each golden case, or on the samples given, until a value is off."""
    cases = _samples(bundle, inputs, batch) if inputs else _goldens(bundle, batch)
    reference: nn.Module | None = None
    compared: list[str] = []
    for name, arrays in cases:
        compared.append(name)
        reference = reference or _reference(bundle, eager, arrays)
        found = bisect(bundle, side, reference, name, arrays)
        if found.first is not None:
            break
    if reference is None:
        raise FerryError(ExitCode.BAD_INPUT, "inputs: got no samples, expected at least one; nothing is compared against nothing")
    problem = None if inputs else _golden_problem(bundle, side, reference)
    named = eager.run or "the torch.export program in the bundle"
    head = {
        "bundle": str(bundle.folder),
        "engine": side.engine,
        "language": side.language,
        "device": side.device,
        "cases": compared,
    }
    if as_json:
        say_json(bisect_json({**head, "reference": named, "note": problem}, found))
    else:
        title = f"{bundle.manifest.name}: {side.engine} in {side.language} on {side.device} against {named}, cases compared: {'; '.join(compared)}"
        for line in [*bisect_lines(title, found), *([] if problem is None else [f"NOTE {problem}"])]:
            say(line)
    return ExitCode.OK if found.first is None else ExitCode.MISMATCH


def bisect(bundle: Bundle, side: Side, reference: nn.Module, case: str, inputs: Mapping[str, Array]) -> Bisection:
    """Write the probe, run it, and line its verdicts up with the layers."""
    from torchferry.export.probe.build import build_probe
    from torchferry.export.quiet import quiet

    with TemporaryDirectory(prefix="ferry-probe-") as name:
        with quiet():
            probe = build_probe(bundle, side.engine, reference, inputs, Path(name))
        verdicts = _run_named(probe, side)
    layers = [(tap.name, tap.kind) for tap in probe.taps]
    return bisection(case, layers, probe.outputs, [spec.name for spec in bundle.contract.outputs], verdicts)


def _run_named(probe: Probe, side: Side) -> list[dict[str, Any]]:
    """The verdicts; an error names the layer and not the probe's output."""
    names = {output: name for name, output in probe.outputs.items()}
    try:
        return _run_cpp(probe.bundle, side) if side.language == "cpp" else _run_python(probe.bundle, side)
    except FerryError as error:
        raise FerryError(error.code, re.sub(r"_layer_\d+", lambda found: names.get(found[0], found[0]), str(error))) from None


def _run_python(probe: Bundle, side: Side) -> list[dict[str, Any]]:
    session = Session(probe, side.engine, device=side.device, threads=side.threads)
    found: list[dict[str, Any]] = engine_json(replay(probe, session, engine=side.engine, device=side.device))["verdicts"]
    return found


def _run_cpp(probe: Bundle, side: Side) -> list[dict[str, Any]]:
    options = ["--engine", side.engine, "--device", side.device, "--threads", side.threads, "--json"]
    printed = call_ferry_run(side.ferry_run, "verify", probe.folder, *options, allowed=(ExitCode.OK, ExitCode.MISMATCH))
    (engine,) = json.loads(printed)["engines"]
    if not engine["verdicts"]:
        raise FerryError(ExitCode.MISMATCH, f"ferry-run: {engine['reason']}")
    verdicts: list[dict[str, Any]] = engine["verdicts"]
    return verdicts


def _goldens(bundle: Bundle, batch: int) -> Iterator[tuple[str, dict[str, Array]]]:
    from torchferry.export.golden_cases import first_samples

    for entry in bundle.manifest.golden.cases:
        case = read_case(bundle, entry)
        yield case.name, first_samples(bundle.contract, case.inputs, batch)


def _samples(bundle: Bundle, inputs: list[str], batch: int) -> Iterator[tuple[str, dict[str, Array]]]:
    with open_samples(bundle.contract, inputs, batch=batch) as source:
        for number, arrays in enumerate(source.batches, 1):
            check_inputs(bundle.contract, arrays)
            if any(array.size == 0 for array in arrays.values()):
                return
            yield f"batch {number} of {', '.join(inputs)}", arrays


def _reference(bundle: Bundle, eager: Eager, inputs: Mapping[str, Array]) -> nn.Module:
    from torchferry.export.probe.reference import module_reference, program_reference

    if eager.run is None:
        return program_reference(bundle)
    if ":" not in eager.run:
        from torchferry.train import load_run

        return module_reference(load_run(eager.run, eager.data_root).module, bundle, None, inputs)
    from torchferry.export.factory import build, load_module

    preprocess = None if eager.preprocess is None else build(eager.preprocess, "--preprocess").eval()
    return module_reference(load_module(eager.run, eager.weights), bundle, preprocess, inputs)


def _golden_problem(bundle: Bundle, side: Side, reference: nn.Module) -> str | None:
    """What to know where the reference is not the module that the bundle's goldens are of."""
    from torchferry.export.quiet import quiet
    from torchferry.export.reference import Reference

    case = read_case(bundle, bundle.manifest.golden.cases[0])
    with quiet():
        outputs = Reference(reference, bundle.contract).float32(case.inputs)
    for spec in bundle.contract.outputs:
        verdict = compare_output(bundle, case, outputs, spec.name, engine=side.engine, device=side.device, numerics="")
        if not verdict.passed:
            off = verdict.problem or f"{verdict.max_abs:.3g} away"
            return f"the eager side does not give the bundle's goldens either (output {spec.name}: {off}): it is not the module that was exported"
    return None
