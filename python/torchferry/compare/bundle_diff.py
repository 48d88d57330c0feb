"""Two bundles of one model against each other: their files, weights and outputs."""

from __future__ import annotations

from dataclasses import dataclass

from torchferry.bundle.manifest import Artifact
from torchferry.bundle.reader import Bundle
from torchferry.compare.bisect import Bisection
from torchferry.compare.engine_diff import OutputDiff
from torchferry.compare.weight_diff import WeightsDiff
from torchferry.errors import ExitCode, FerryError


@dataclass(frozen=True)
class ArtifactDiff:
    """An artifact of the second bundle beside that of the first that it is held to: the same format's, else the first readable one."""

    first: Artifact
    second: Artifact
    weights: WeightsDiff | None  # None: at least one format hides them

    @property
    def has_same_bytes(self) -> bool:
        """Have the files one content?"""
        return [file.sha256 for file in self.first.files] == [file.sha256 for file in self.second.files]


@dataclass(frozen=True)
class EngineOutputs:
    """What an engine of the second bundle gives beside one of the first; `problem`: why it could not run here."""

    first: str
    second: str
    diffs: tuple[OutputDiff, ...]
    problem: str | None = None


@dataclass(frozen=True)
class BundleDiff:
    """Everything that was found."""

    artifacts: tuple[ArtifactDiff, ...]
    outputs: tuple[EngineOutputs, ...]
    layers: tuple[str, Bisection] | None = (
        None  # where outputs differ: an engine, and the second's layers against the first's program
    )

    @property
    def is_same(self) -> bool:
        """Every output that was compared is within its tolerance, and at least one was compared."""
        diffs = [diff for engine in self.outputs for diff in engine.diffs]
        return bool(diffs) and all(diff.passed for diff in diffs)


def require_one_contract(first: Bundle, second: Bundle) -> None:
    """Require one contract. Raises FerryError(BAD_INPUT) for bundles with other inputs or outputs, of which nothing can be compared."""
    for kind in ("inputs", "outputs"):
        ours, theirs = (
            [f"{spec.name}={spec.describe()}" for spec in getattr(bundle.contract, kind)] for bundle in (first, second)
        )
        if ours != theirs:
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"{second.folder}: contract.{kind}: got {', '.join(theirs)}, expected those of {first.folder}: {', '.join(ours)}; "
                "these bundles are of unrelated models",
            )
