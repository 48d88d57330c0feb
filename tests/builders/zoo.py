"""The models of the conformance suite, exported once a session to every format that there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from builders.contracts import contract, spec
from builders.models import Classifier, Mixed, Scorer
from builders.shared_folder import alone
from torchferry.bundle.contract import Array, Classes, Contract, SymbolRange
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.exporter import BundleRequest, GoldenInputs, export_bundle
from torchferry.formats import registry
from torchferry.intake.source import Quantization

ROWS = 64
STEPS = 6


@dataclass(frozen=True)
class Species:
    """A model with its contract; `inputs` gives that many samples. A format need express only what `is_common` says."""

    build: Callable[[], nn.Module]
    contract: Contract
    inputs: Callable[[int], dict[str, Array]]
    is_common: bool


def _images(rows: int) -> dict[str, Array]:
    return {"image": np.random.default_rng(1).integers(0, 256, (ROWS, 4, 4), np.uint8)[:rows]}


def _mixed(rows: int) -> dict[str, Array]:
    random = np.random.default_rng(2)
    samples: dict[str, Array] = {
        "x": random.normal(size=(ROWS, 3)).astype(np.float32),
        "wide": random.normal(size=ROWS),
        "count": random.integers(-(2**40), 2**40, (ROWS, 2)),
        "small": random.integers(-1000, 1000, ROWS, np.int32),
        "flag": random.integers(0, 2, ROWS).astype(bool),
        "level": random.integers(0, 256, (ROWS, 2, 3), np.uint8),
        "steps": random.normal(size=(ROWS, STEPS)).astype(np.float32),
    }
    fixed: dict[str, Array] = {"bias": np.array([0.5, -1.5, 3], np.float32), "scale": np.array(1.25, np.float32)}
    return {**{name: array[:rows] for name, array in samples.items()}, **fixed}


def _mixed_contract() -> Contract:
    inputs = (
        spec("x", shape=("N", 3)),
        spec("wide", "float64", ("N",)),
        spec("count", "int64", ("N", 2)),
        spec("small", "int32", ("N",)),
        spec("flag", "bool", ("N",)),
        spec("level", "uint8", ("N", 2, 3)),
        spec("steps", shape=("N", "T")),
        spec("bias", shape=(3,)),
        spec("scale", shape=()),
    )
    outputs = (
        spec("scaled", shape=("N", 3)),
        spec("wider", "float64", ("N",)),
        spec("next", "int64", ("N", 2)),
        spec("twice", "int32", ("N",)),
        spec("other", "bool", ("N",)),
        spec("turned", "uint8", ("N", 3, 2)),
        spec("doubled", shape=("N", "T")),
        spec("total", shape=("N",)),
        spec("shifted", shape=(3,)),
    )
    symbols = {"N": SymbolRange(min=0, max=None), "T": SymbolRange(min=1, max=16)}
    return Contract(inputs=inputs, outputs=outputs, symbols=symbols, classes=None, samples="independent")


def _scored(rows: int) -> dict[str, Array]:
    random = np.random.default_rng(5)
    samples: dict[str, Array] = {
        "level": random.integers(0, 256, (ROWS, 3), np.uint8),
        "x": random.normal(size=(ROWS, 2)).astype(np.float32),
        "offset": random.normal(size=ROWS).astype(np.float32),
    }
    return {name: array[:rows] for name, array in samples.items()}


_CLASSES = Classes(output="label", names=("ant", "bee", "cow", "dog", "elk"))
SPECIES = {
    "classifier": Species(
        Classifier,
        contract(
            (spec("image", "uint8", ("N", 4, 4)),),
            (spec("logits", shape=("N", 5)), spec("probabilities", shape=("N", 5)), spec("label", "int64", ("N",))),
            classes=_CLASSES,
        ),
        _images,
        is_common=True,
    ),
    "scorer": Species(
        Scorer,
        contract(
            (spec("level", "uint8", ("N", 3)), spec("x", shape=("N", 2)), spec("offset", shape=("N",))),
            (
                spec("twice", shape=("N",)),
                spec("positive", "bool", ("N",)),
                spec("scores", shape=("N", 2)),
                spec("label", "int64", ("N",)),
            ),
        ),
        _scored,
        is_common=False,
    ),
    "mixed": Species(Mixed, _mixed_contract(), _mixed, is_common=False),
}


@dataclass(frozen=True)
class Zoo:
    """Bundles of one model and one format each, in a folder that all test processes share."""

    folder: Path

    def bundle(self, name: str, engine: str) -> Path | None:
        """The bundle of that model for that engine; None where its format cannot express the model, or is not here."""
        row = registry.of_engine(engine)
        path = None if row is None else self._export(name, row.name)
        if path is None or all(artifact.engine != engine for artifact in open_bundle(path).manifest.artifacts):
            return None
        return path

    def _export(self, name: str, form: str) -> Path | None:
        out = self.folder / f"{name}-{form}"
        with alone(self.folder, out.name):
            if not out.exists() and not self._refusal(out).exists():
                self._write(name, form, out)
            return out if out.exists() else None

    def _refusal(self, out: Path) -> Path:
        return out.with_suffix(".refused")

    def _write(self, name: str, form: str, out: Path) -> None:
        species = SPECIES[name]
        golden = GoldenInputs(species.inputs(ROWS), "synthetic", "the conformance suite")
        try:
            export_bundle(
                BundleRequest(
                    species.build().eval(),
                    name=name,
                    contract=species.contract,
                    golden=golden,
                    formats=[form],
                    out=out,
                    quantization=Quantization(golden.arrays),
                )
            )
        except FerryError as error:
            if error.code == ExitCode.UNAVAILABLE or (error.code == ExitCode.FORMAT and not species.is_common):
                self._refusal(out).write_text(str(error))
                return
            raise
