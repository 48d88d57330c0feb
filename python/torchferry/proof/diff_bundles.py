"""Two bundles: a model that was exported again, or moved to another format, against the one that was there."""

from __future__ import annotations

from torchferry.bundle.manifest import Artifact
from torchferry.bundle.reader import Bundle
from torchferry.compare.bisect import Bisection
from torchferry.compare.bundle_diff import ArtifactDiff, BundleDiff, EngineOutputs, require_one_contract
from torchferry.compare.engine_diff import Pair, diff_engines
from torchferry.compare.weight_diff import WeightsDiff, diff_weights
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry
from torchferry.proof.diff_engines import golden_inputs, run_both
from torchferry.proof.diff_layers import bisect, shows_layers
from torchferry.proof.where import Where


def diff_two_bundles(first: Bundle, second: Bundle, where: Where, *, engine: str | None = None) -> BundleDiff:
    """Compare weights wherever both formats show them, outputs on the goldens of the first, and the first layer that is off.

    `engine`: of the second bundle, the only one compared. Raises FerryError: BAD_INPUT for bundles of two contracts, UNAVAILABLE
    where no engine can run here.
    """
    require_one_contract(first, second)
    pairs = [(_counterpart(first, artifact), artifact) for artifact in _chosen(second, engine)]
    artifacts = tuple(ArtifactDiff(ours, theirs, _weights((first, ours), (second, theirs), where)) for ours, theirs in pairs)
    outputs = tuple(_outputs(first, ours.engine, second, theirs.engine, where) for ours, theirs in pairs)
    if all(entry.problem for entry in outputs):
        raise FerryError(ExitCode.UNAVAILABLE, f"{second.folder}: no engine can run here: {outputs[0].problem}")
    return BundleDiff(artifacts, outputs, _layers(first, second, outputs, where))


def _chosen(bundle: Bundle, engine: str | None) -> list[Artifact]:
    return list(bundle.manifest.artifacts) if engine is None else [bundle.artifact(engine)]


def _counterpart(bundle: Bundle, artifact: Artifact) -> Artifact:
    """Return the same format's; for a format that is new, the first one whose weights can be read, else whatever stands first."""
    ours = {entry.format: entry for entry in bundle.manifest.artifacts}
    readable = [row.name for row in registry.formats().values() if row.weights is not None and row.name in ours]
    return ours.get(artifact.format) or (ours[readable[0]] if readable else bundle.manifest.artifacts[0])


def _weights(first: tuple[Bundle, Artifact], second: tuple[Bundle, Artifact], where: Where) -> WeightsDiff | None:
    from torchferry.formats.weights import read_weights
    from torchferry.intake.quiet import quiet

    with quiet():
        before, after = (read_weights(bundle, artifact, allow_ops=where.allow_ops) for bundle, artifact in (first, second))
    return None if before is None or after is None else diff_weights(before, after)


def _layers(first: Bundle, second: Bundle, outputs: tuple[EngineOutputs, ...], where: Where) -> tuple[str, Bisection] | None:
    """For the first engine whose outputs differ and whose layers can be shown."""
    from torchferry.proof.layer_reference import PROGRAM_ENGINE, program_reference

    engines = [entry.second for entry in outputs if shows_layers(entry.second) and not all(diff.passed for diff in entry.diffs)]
    if not engines or all(artifact.engine != PROGRAM_ENGINE for artifact in first.manifest.artifacts):
        return None
    case = first.manifest.golden.cases[0].name
    return engines[0], bisect(second, engines[0], where, program_reference(first), case, next(golden_inputs(first)))


def _outputs(first: Bundle, ours: str, second: Bundle, theirs: str, where: Where) -> EngineOutputs:
    from torchferry.intake.quiet import quiet

    try:
        with quiet():
            one, two = where.open(first, ours), where.open(second, theirs)
    except FerryError as error:
        if error.code != ExitCode.UNAVAILABLE:
            raise
        return EngineOutputs(ours, theirs, (), str(error))
    saturates = any(row is not None and row.quantizes for row in map(registry.of_engine, (ours, theirs)))
    batches = run_both(one, two, golden_inputs(first, stress=not saturates))
    return EngineOutputs(ours, theirs, tuple(diff_engines(first, Pair(ours, theirs, where.device), batches, other=second)))
