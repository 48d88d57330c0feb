"""`ferry demo`: the whole crossing on two small models, from training to C++, with a table of verdicts at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from torchferry.bundle.contract import Array
from torchferry.bundle.reader import Bundle
from torchferry.cli.console import say
from torchferry.cli.export import export_run
from torchferry.cli.ferry_run import call_ferry_run
from torchferry.compare.replay import engine_json, replay
from torchferry.engines.base import ENGINES, Session
from torchferry.errors import ExitCode, FerryError
from torchferry.report.text import aligned

if TYPE_CHECKING:
    from torchferry.train import Run

RECIPES = ("iris-adaline", "digits-mlp")
HEADER = ("model", "accuracy", "engine", "language", "max diff", "max ulp", "held to", "labels", "verdict")


@dataclass(frozen=True)
class Crossing:
    """A trained model, its bundle, and its test set in files."""

    bundle: Bundle
    inputs: Path
    targets: Array
    labels: Array


def demo(
    ferry_run: Annotated[Path, typer.Option(help="The C++ program, built by `make build`.")] = Path("build/bin/ferry-run"),
    folder: Annotated[Path, typer.Option(help="Where runs and bundles are written.")] = Path("runs/demo"),
) -> int:
    """Train, export, run in C++ and verify an Adaline on Iris and an MLP on digits; exit code 0 only if all pass."""
    if not ferry_run.is_file():
        raise FerryError(ExitCode.UNAVAILABLE, f"--ferry-run: got {ferry_run}, expected the C++ program; run `make build`")
    rows = [row for recipe in RECIPES for row in _cross(recipe, ferry_run, folder)]
    say("")
    for line in aligned([HEADER, *rows]):
        say(line)
    return ExitCode.OK if all(row[-1] == "PASS" for row in rows) else ExitCode.MISMATCH


def _cross(recipe: str, ferry_run: Path, folder: Path) -> Iterator[tuple[str, ...]]:
    crossing = _train_and_export(recipe, folder)
    for engine in sorted({artifact.engine for artifact in crossing.bundle.manifest.artifacts} & set(ENGINES)):
        session = Session(crossing.bundle, engine)
        verdict = engine_json(replay(crossing.bundle, session, engine=engine, device="cpu"))
        labels = session.run({crossing.bundle.contract.inputs[0].name: np.load(crossing.inputs)})["label"]
        yield _row(recipe, crossing, verdict, "Python", labels)
    for verdict in _verify(ferry_run, crossing.bundle):
        if verdict["status"] != "unavailable":
            labels = _predict_labels(ferry_run, crossing, verdict["engine"], folder / recipe / "predicted.jsonl")
            yield _row(recipe, crossing, verdict, "C++", labels)


def _train_and_export(recipe: str, folder: Path) -> Crossing:
    from torchferry.train import train_recipe

    say(f"{recipe}: training and exporting to {folder / recipe}")
    run = train_recipe(recipe, out=folder / recipe / "run")
    bundle = export_run(run, name=recipe, formats=("torchscript", "onnx"), out=folder / recipe / "bundle", force=True)
    return _with_test_set(bundle, run, folder / recipe / "test.npy")


def _with_test_set(bundle: Bundle, run: Run, path: Path) -> Crossing:
    """Write the raw test set for the programs, and ask the module itself for its labels."""
    import torch

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
