"""The whole crossing of a small model: trained, exported, run and verified in Python and in C++."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torchferry.bundle.contract import Array
from torchferry.bundle.reader import Bundle
from torchferry.compare.status import did_run
from torchferry.course.export import export_run
from torchferry.course.train import Run, train_recipe
from torchferry.engines.base import Session
from torchferry.errors import ExitCode
from torchferry.formats import registry
from torchferry.proof.ferry_run import call_ferry_run
from torchferry.proof.replay import engine_json, replay

HEADER = ("model", "accuracy", "engine", "language", "max diff", "max ulp", "held to", "labels", "verdict")


@dataclass(frozen=True)
class Crossing:
    """A trained model, its bundle, and its test set in files."""

    bundle: Bundle
    inputs: Path
    targets: Array
    labels: Array


def cross(recipe: str, ferry_run: Path, folder: Path, not_run: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """Train a recipe, export it, and yield a row of `HEADER` for each engine of each language; the last column is PASS or FAIL.

    An engine that C++ has and could not run gets no row: the reason goes into `not_run`, by engine.
    """
    crossing = _train_and_export(recipe, folder)
    for engine in sorted({artifact.engine for artifact in crossing.bundle.manifest.artifacts} & set(registry.engines())):
        session = Session(crossing.bundle, engine)
        verdict = engine_json(replay(crossing.bundle, session, engine=engine, device="cpu"))
        labels = session.run({crossing.bundle.contract.inputs[0].name: np.load(crossing.inputs)})["label"]
        yield _row(recipe, crossing, verdict, "Python", labels)
    for verdict in _verify(ferry_run, crossing.bundle):
        if did_run(verdict["status"]):
            labels = _predict_labels(ferry_run, crossing, verdict["engine"], folder / recipe / "predicted.jsonl")
            yield _row(recipe, crossing, verdict, "C++", labels)
        elif registry.runs_in_cpp(verdict["engine"]):
            not_run[verdict["engine"]] = verdict["reason"]


def _train_and_export(recipe: str, folder: Path) -> Crossing:
    run = train_recipe(recipe, out=folder / recipe / "run")
    bundle = export_run(run, name=recipe, formats=registry.default_formats(), out=folder / recipe / "bundle", force=True)
    return _with_test_set(bundle, run, folder / recipe / "test.npy")


def _with_test_set(bundle: Bundle, run: Run, path: Path) -> Crossing:
    """Write the raw test set for the programs, and ask the module itself for its labels."""
    np.save(path, run.dataset.test_inputs.numpy())
    with torch.inference_mode():
        labels = run.module(run.dataset.test_inputs).label.numpy()
    return Crossing(bundle, path, run.dataset.test_targets.numpy(), labels)


def _predict_labels(ferry_run: Path, crossing: Crossing, engine: str, output: Path) -> Array:
    options = ["--engine", engine, "--input", crossing.inputs, "--output", output]
    call_ferry_run(ferry_run, "predict", crossing.bundle.folder, *options)
    return np.array([json.loads(line)["label"] for line in output.read_text().splitlines()])


def _row(recipe: str, crossing: Crossing, engine: dict[str, Any], language: str, labels: Array) -> tuple[str, ...]:
    verdicts = engine["verdicts"]
    accuracy = float(np.mean(labels == crossing.targets))
    agree = int(np.count_nonzero(labels == crossing.labels))
    bits = all(verdict["kind"] == "bits" for verdict in verdicts)
    passed = engine["status"] == "passed" and agree == len(crossing.labels) == len(labels)
    return (
        recipe,
        f"{100 * accuracy:.2f} %",
        engine["engine"],
        language,
        f"{max(float(verdict['max_abs']) for verdict in verdicts):.3g}",
        f"{max(float(verdict['max_ulp']) for verdict in verdicts):.0f}",
        "equal bits" if bits else f"{max(verdict['bound'] for verdict in verdicts):.3g}",
        f"{agree}/{len(crossing.labels)}",
        "PASS" if passed else "FAIL",
    )


def _verify(ferry_run: Path, bundle: Bundle) -> list[dict[str, Any]]:
    printed = call_ferry_run(ferry_run, "verify", bundle.folder, "--json", allowed=(ExitCode.OK, ExitCode.MISMATCH))
    engines: list[dict[str, Any]] = json.loads(printed)["engines"]
    return engines
