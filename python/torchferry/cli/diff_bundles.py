"""`ferry diff BUNDLE OTHER`: a model that was exported again, or moved to another format, against the one that was there."""

from __future__ import annotations

from dataclasses import replace

from torchferry.bundle.manifest import Artifact
from torchferry.bundle.reader import Bundle
from torchferry.cli.console import say, say_json
from torchferry.cli.diff_engines import golden_inputs, run_both
from torchferry.cli.diff_layers import Side, bisect
from torchferry.compare.bisect import Bisection
from torchferry.compare.bundle_diff import ArtifactDiff, BundleDiff, EngineOutputs, require_one_contract
from torchferry.compare.engine_diff import Pair, diff_engines
from torchferry.compare.weight_diff import WeightsDiff, diff_weights
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.report.bundle_diff import bundle_diff_json, bundle_diff_lines


def diff_two_bundles(first: Bundle, second: Bundle, side: Side, *, engine: str | None, allow_native: bool, as_json: bool) -> int:
    """Weights wherever both formats show them, then outputs on the goldens of the first, which decide, and the first layer that is off."""
    require_one_contract(first, second)
    pairs = [(_counterpart(first, artifact), artifact) for artifact in _chosen(second, engine)]
    artifacts = tuple(ArtifactDiff(ours, theirs, _weights(first, ours, second, theirs)) for ours, theirs in pairs)
    outputs = tuple(
        _outputs(first, ours.engine, second, theirs.engine, side=side, allow_native=allow_native) for ours, theirs in pairs
    )
    if all(entry.problem for entry in outputs):
        raise FerryError(ExitCode.UNAVAILABLE, f"{second.folder}: no engine can run here: {outputs[0].problem}")
    found = BundleDiff(artifacts, outputs, _layers(first, second, outputs, side))
    if as_json:
        say_json(bundle_diff_json(first, second, found))
    else:
        for line in bundle_diff_lines(first, second, found):
            say(line)
    return ExitCode.OK if found.is_same else ExitCode.MISMATCH


def _chosen(bundle: Bundle, engine: str | None) -> list[Artifact]:
    return list(bundle.manifest.artifacts) if engine is None else [bundle.artifact(engine)]


def _counterpart(bundle: Bundle, artifact: Artifact) -> Artifact:
    """The same format's; for a format that is new, TorchScript or whatever stands first."""
    ours = {entry.format: entry for entry in bundle.manifest.artifacts}
    return ours.get(artifact.format) or ours.get("torchscript") or bundle.manifest.artifacts[0]


def _weights(first: Bundle, ours: Artifact, second: Bundle, theirs: Artifact) -> WeightsDiff | None:
    from torchferry.export.quiet import quiet
    from torchferry.export.weights import read_weights

    with quiet():
        before, after = read_weights(first, ours), read_weights(second, theirs)
    return None if before is None or after is None else diff_weights(before, after)


def _layers(first: Bundle, second: Bundle, outputs: tuple[EngineOutputs, ...], side: Side) -> tuple[str, Bisection] | None:
    """For the first engine whose outputs differ and whose layers can be shown."""
    from torchferry.export.probe.build import WRITERS
    from torchferry.export.probe.reference import PROGRAM_ENGINE, program_reference

    engines = [entry.second for entry in outputs if entry.second in WRITERS and not all(diff.passed for diff in entry.diffs)]
    if not engines or all(artifact.engine != PROGRAM_ENGINE for artifact in first.manifest.artifacts):
        return None
    case = first.manifest.golden.cases[0].name
    chosen = replace(side, engine=engines[0])
    return engines[0], bisect(second, chosen, program_reference(first), case, next(golden_inputs(first)))


def _outputs(first: Bundle, ours: str, second: Bundle, theirs: str, *, side: Side, allow_native: bool) -> EngineOutputs:
    from torchferry.export.quiet import quiet

    try:
        with quiet():
            one, two = (
                Session(bundle, engine, device=side.device, threads=side.threads, allow_native=allow_native)
                for bundle, engine in ((first, ours), (second, theirs))
            )
    except FerryError as error:
        if error.code != ExitCode.UNAVAILABLE:
            raise
        return EngineOutputs(ours, theirs, (), str(error))
    batches = run_both(one, two, golden_inputs(first))
    return EngineOutputs(ours, theirs, tuple(diff_engines(first, Pair(ours, theirs, side.device), batches, other=second)))
