"""The manifest: its models, how it is read and how it is written (FORMAT.md sections 2-7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import assert_never

from torchferry.bundle.contract import Contract, Number, Size, Strict, TensorName, TensorSpec, require_unique
from torchferry.bundle.problem import METADATA_TEXT, shown
from torchferry.compare.kinds import KindName, kind_of
from torchferry.limits import MAX_METADATA_BYTES, MAX_METADATA_ENTRIES, MAX_PATH_CHARACTERS

FORMAT_VERSION = 3  # what is written; a bundle of the version before is read too
OLDEST_VERSION = FORMAT_VERSION - 1
MANIFEST_NAME = "manifest.json"
NATIVE_FOLDER = "native/"  # what lies in it is machine code for one kind of machine, and may be missing

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Origin = Literal["given", "stress", "stream"]
PASSED = "passed"
NOT_RUN = "not run: "
Acceptance = Annotated[str, Field(pattern=rf"^({PASSED}|{NOT_RUN}[\s\S]+)$")]
Reference = Literal["float32", "float64"]
_COMPONENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"


def _bounded(text: str) -> str:
    if len(text.encode()) > MAX_METADATA_BYTES:
        raise ValueError(f"got {shown(text)}, expected {METADATA_TEXT}")
    return text


MetadataKey = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9._-]{0,63}$")]
MetadataValue = Annotated[str, Field(min_length=1, max_length=MAX_METADATA_BYTES), AfterValidator(_bounded)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=MAX_METADATA_ENTRIES)]


class FileEntry(Strict):
    """One file of the bundle: relative path, size in bytes and SHA-256."""

    path: Annotated[str, Field(max_length=MAX_PATH_CHARACTERS, pattern=rf"^{_COMPONENT}(/{_COMPONENT})*$")]
    bytes: Size
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @property
    def is_native(self) -> bool:
        """True if the file may be missing, because whoever needs it can build it again."""
        return self.path.startswith(NATIVE_FOLDER)


class Accepted(Strict):
    """Where an artifact ran before it was published: `passed`, or `not run: ` and why, for each language."""

    cpp: Acceptance = Field(alias="c++")
    python: Acceptance

    @classmethod
    def of(cls, *, cpp: str, python: str) -> Accepted:
        """Return what is said of both languages."""
        return cls.model_validate({"c++": cpp, "python": python})


class Artifact(Strict):
    """One exported file set of one format, and the engine that runs it."""

    format: Word
    engine: Word
    files: Annotated[tuple[FileEntry, ...], Field(min_length=1, strict=False)]
    producer: str
    requires: dict[str, str]
    accepted: Accepted


def is_step(origin: Origin) -> bool:
    """Say whether a golden case of this origin is a step of a stream."""
    match origin:
        case "given" | "stress":
            return False
        case "stream":
            return True
    assert_never(origin)


class GoldenCase(Strict):
    """Raw inputs with the float32 and float64 outputs that belong to them.

    `stress`: inputs that the exporter made. `stream`: a step, whose state is what the engine itself gave in the step before.
    """

    origin: Origin
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    inputs: dict[TensorName, FileEntry]
    float32: dict[TensorName, FileEntry]
    float64: dict[TensorName, FileEntry]

    @property
    def is_step(self) -> bool:
        """True for a step of a stream, which has no inputs for the state."""
        return is_step(self.origin)

    def files(self) -> Iterator[FileEntry]:
        """Yield every file of the case."""
        for group in (self.inputs, self.float32, self.float64):
            yield from group.values()


class Golden(Strict):
    """Golden cases, where they come from, and the numerics of the machine that made them."""

    source: Literal["real", "synthetic"]
    description: str
    numerics: str
    cases: Annotated[tuple[GoldenCase, ...], Field(min_length=1, strict=False)]

    @property
    def calls(self) -> tuple[GoldenCase, ...]:
        """The cases that are single calls, at least one; the others are steps of a stream."""
        return tuple(case for case in self.cases if not case.is_step)


class Tolerance(Strict):
    """What one output of one engine is held to, and why."""

    engine: Word
    device: Literal["cpu", "cuda"]
    output: TensorName
    numerics: Literal["golden", "any"]
    reference: Reference
    kind: KindName
    bound: Annotated[Number, Field(ge=0)]
    scores: TensorName | None
    reason: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Tolerance:
        if (problem := kind_of(self.kind).row_problem(self)) is not None:
            raise ValueError(problem)
        return self


class Training(Strict):
    """Where the weights come from."""

    recipe: str
    dataset: str
    seed: Size
    epochs: Size
    metrics: dict[str, Number]
    versions: dict[str, str]


class Manifest(Strict):
    """The whole manifest.json."""

    format_version: Annotated[int, Field(ge=OLDEST_VERSION, le=FORMAT_VERSION)]  # a Literal would take 1.0 and true
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    contract: Contract
    artifacts: Annotated[tuple[Artifact, ...], Field(min_length=1, strict=False)]
    golden: Golden
    tolerances: Annotated[tuple[Tolerance, ...], Field(strict=False)]
    training: Training | None
    metadata: Metadata

    @model_validator(mode="after")
    def _check(self) -> Manifest:
        formats = [artifact.format for artifact in self.artifacts]
        require_unique("artifacts[].format", formats)
        require_unique("artifacts[].engine", (artifact.engine for artifact in self.artifacts))
        for index, (before, after) in enumerate(pairwise(formats), 1):
            if after < before:
                raise ValueError(f"artifacts[{index}].format: got {after} after {before}, expected artifacts sorted by format")
        require_unique("path", (file.path for file in self.files()))
        if any(file.path == MANIFEST_NAME for file in self.files()):
            raise ValueError(f"path: got {MANIFEST_NAME}, expected other files than the manifest itself")
        self._check_native()
        self._check_golden()
        self._check_tolerances()
        return self

    def _check_native(self) -> None:
        """Refuse a file that may be missing where an engine opens it first, or as a golden."""
        needed = [artifact.files[0] for artifact in self.artifacts] + [
            file for case in self.golden.cases for file in case.files()
        ]
        for file in needed:
            if file.is_native:
                raise ValueError(f"path: got {file.path}, expected files of {NATIVE_FOLDER} only after an artifact's first file")

    def _check_golden(self) -> None:
        require_unique("golden.cases[].name", (case.name for case in self.golden.cases))
        self._check_steps()
        for index, case in enumerate(self.golden.cases):
            for key, files, specs in (
                ("inputs", case.inputs, self.contract.given_inputs if case.is_step else self.contract.inputs),
                ("float32", case.float32, self.contract.outputs),
                ("float64", case.float64, self.contract.outputs),
            ):
                _require_names(f"golden.cases[{index}].{key}", files, specs)

    def _check_steps(self) -> None:
        """Refuse steps that are no stream: of a contract without state, before other cases, or a single one."""
        cases = self.golden.cases
        steps = [index for index, case in enumerate(cases) if case.is_step]
        if not steps:
            return
        if not self.contract.state:
            raise ValueError(f"golden.cases[{steps[0]}].origin: got stream, expected given or stress: the contract has no state")
        for index in range(steps[0], len(cases)):
            if not cases[index].is_step:
                raise ValueError(f"golden.cases[{index}].origin: got {cases[index].origin} after stream, expected the steps last")
        if len(steps) in (1, len(cases)):
            raise ValueError(f"golden.cases[{steps[0]}].origin: got stream, expected two steps or more behind another case")

    def _check_tolerances(self) -> None:
        known: set[tuple[str, ...]] = set()
        outputs = {spec.name: spec for spec in self.contract.outputs}
        for index, row in enumerate(self.tolerances):
            where = f"tolerances[{index}]"
            if row.output not in outputs:
                raise ValueError(f"{where}.output: got {row.output}, expected an output of the contract")
            self._check_row(outputs, row, where)
            key = (row.engine, row.device, row.output, row.numerics)
            if key in known:
                raise ValueError(f"{where}: got a second row for its engine, device, output and numerics, expected one")
            known.add(key)
        for artifact in self.artifacts:
            for output in sorted(outputs):
                if (artifact.engine, "cpu", output, "any") not in known:
                    raise ValueError(
                        f"tolerances: got no row for engine {artifact.engine}, output {output} on cpu with numerics any, expected one"
                    )

    def _check_row(self, outputs: Mapping[str, TensorSpec], row: Tolerance, where: str) -> None:
        """Refuse a row that contradicts the contract or the other rows: it was changed by hand."""

        def bound_of(output: str) -> float | None:
            other = self.tolerance(engine=row.engine, device=row.device, output=output, numerics="")
            return None if other is None else other.bound

        problem = kind_of(row.kind).bundle_problem(row, outputs, bound_of)
        if problem is not None:
            raise ValueError(f"{where}.{problem}")

    def files(self) -> Iterator[FileEntry]:
        """Yield every listed file."""
        for artifact in self.artifacts:
            yield from artifact.files
        for case in self.golden.cases:
            yield from case.files()

    def tolerance(self, *, engine: str, device: str, output: str, numerics: str) -> Tolerance | None:
        """Return the row that holds for an output in a session with that numerics string; None if there is none.

        `device`: `cpu` or `cuda:N`. `numerics`: what the session says of its machine; empty where it is not known.
        """
        rows = {
            row.numerics: row
            for row in self.tolerances
            if (row.engine, row.device, row.output) == (engine, device.partition(":")[0], output)
        }
        if "golden" in rows and numerics and numerics == self.golden.numerics:
            return rows["golden"]
        return rows.get("any")


def _require_names(where: str, files: dict[str, FileEntry], specs: tuple[TensorSpec, ...]) -> None:
    names = {spec.name for spec in specs}
    for name in sorted(names - set(files)):
        raise ValueError(f"{where}.{name}: got no such key, expected the contract's names")
    for name in sorted(set(files) - names):
        raise ValueError(f"{where}.{name}: got a name that is not in the contract, expected the contract's names")


def licence_of(metadata: Mapping[str, str]) -> str:
    """Return the licence that metadata name, in either spelling; empty where they name none."""
    return metadata.get("licence") or metadata.get("license") or ""
