"""`ferry diff`: two engines of one bundle, one engine against eager layer by layer, or two bundles."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.cli import diff_options as of
from torchferry.cli.options import AllowOp, BundleFolder, Json, RequireSignature, TrustPaths, show, trust_of
from torchferry.cli.session_options import AllowNative, Device, Threads, where_of
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.diff_bundles import diff_two_bundles
from torchferry.proof.diff_engines import diff_two_engines
from torchferry.proof.diff_layers import Eager, diff_layers
from torchferry.proof.where import Where
from torchferry.report.bisect import layers_json, layers_lines
from torchferry.report.bundle_diff import bundle_diff_json, bundle_diff_lines
from torchferry.report.engine_diff import diff_json, diff_lines

if TYPE_CHECKING:
    from torch import nn

    from torchferry.intake.pictures import Part


def diff(
    bundle: BundleFolder,
    other: of.Other = None,
    engines: of.Engines = None,
    engine: of.LayersOf = None,
    input_: of.Samples = None,
    batch: of.Batch = 256,
    device: Device = "cpu",
    threads: Threads = 1,
    allow_native: AllowNative = False,
    allow_op: AllowOp = None,
    as_json: Json = False,
    language: of.Language = "python",
    run: of.Run = None,
    weights: of.Weights = None,
    preprocess: of.Preprocess = None,
    data_root: of.DataRoot = None,
    ferry_run: of.Program = None,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> int:
    """Say where two models differ and by how much; exit code 1: by more than their tolerances.

    ferry diff BUNDLE --engines A,B: may engine B stand for engine A? Outputs on the same inputs.

    ferry diff BUNDLE --engine X: the first layer (and step of a stream) that leaves its tolerance, held to what hooks see in eager;
    without --run that is the torch.export program in the bundle, which shares whatever was wrong before the export. Not seen: what
    is no module, what was merged or dropped, insides of an `if` or a loop. aoti and executorch are built again with their weights.

    ferry diff BUNDLE OTHER [--engine X]: weights by name, and outputs on the goldens of the first, which decide the exit code.
    """
    _check_modes(other, input_, engines, engine, run)
    _check_layer_options(language, run, {"--weights": weights, "--preprocess": preprocess}, has_layers=engines is None)
    opened = open_bundle(bundle, trust=(asked := trust_of(trust, require_signature)))
    where = replace(where_of(device, threads, allow_native, allow_op), language=language, ferry_run=ferry_run)
    if other is not None:
        return _two_bundles(opened, open_bundle(other, trust=asked), where, engine, as_json)
    if engine is None:
        return _two_engines(opened, _two(engines or ""), where, input_, batch, as_json)
    return _layers(opened, engine, where, _eager(run, weights, preprocess, data_root), input_, batch, as_json)


def _two_bundles(first: Bundle, second: Bundle, where: Where, engine: str | None, as_json: bool) -> int:
    found = diff_two_bundles(first, second, where, engine=engine)
    show(as_json, partial(bundle_diff_json, first, second, found), partial(bundle_diff_lines, first, second, found))
    return _code(found.is_same)


def _layers(bundle: Bundle, engine: str, where: Where, eager: Eager, samples: list[str] | None, batch: int, as_json: bool) -> int:
    layers = diff_layers(bundle, engine, where, eager, samples=samples, batch=batch)
    show(as_json, partial(layers_json, bundle, layers), partial(layers_lines, bundle, layers))
    return _code(layers.is_same)


def _two_engines(
    bundle: Bundle, engines: tuple[str, str], where: Where, samples: list[str] | None, batch: int, as_json: bool
) -> int:
    found = diff_two_engines(bundle, *engines, where, samples=samples, batch=batch)
    show(as_json, partial(diff_json, bundle, found), partial(diff_lines, bundle, found))
    return _code(found.is_same)


def _code(is_same: bool) -> int:
    return ExitCode.OK if is_same else ExitCode.MISMATCH


def _two(engines: str) -> tuple[str, str]:
    names = [name.strip() for name in engines.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise FerryError(ExitCode.USAGE, f"--engines: got {engines!r}, expected two different engines, e.g. torchscript,aoti")
    return names[0], names[1]


def _eager(run: str | None, weights: Path | None, preprocess: str | None, data_root: Path | None) -> Eager:
    """Return the eager side as the user named it. It is loaded when it is needed."""
    if run is None:
        return Eager()

    def load() -> tuple[nn.Module, Part | None]:
        if ":" not in run:
            from torchferry.course.train import load_run

            return load_run(run, data_root).module, None
        from torchferry.intake.factory import build_preprocess, load_module

        before = None if preprocess is None else build_preprocess(preprocess)
        return load_module(run, weights), before

    return Eager(run, load)


def _check_modes(other: str | None, inputs: object, engines: str | None, engine: str | None, run: str | None) -> None:
    if engine == "":  # a script's unset variable
        raise FerryError(ExitCode.USAGE, "--engine: got nothing, expected a name")
    if other is not None and (engines is not None or run is not None or inputs):
        option = "--engines" if engines is not None else "--run" if run is not None else "--input"
        raise FerryError(
            ExitCode.USAGE, f"{option}: got it with two bundles, expected one: it compares engines of one bundle; leave it out"
        )
    if other is None and (engines is None) == (engine is None):
        found = "neither" if engine is None else "both"
        raise FerryError(
            ExitCode.USAGE,
            f"ferry diff: got {found} of --engines and --engine, expected --engines A,B for two different engines, or --engine X for its layers",
        )


def _check_layer_options(language: str, run: str | None, of_factory: dict[str, object], *, has_layers: bool) -> None:
    for option, found in (("--run", run), ("--language", None if language == "python" else language)):
        if found is not None and not has_layers:
            raise FerryError(
                ExitCode.USAGE, f"{option}: got {found!r} without --engine, expected the engine whose layers are compared"
            )
    for option, value in of_factory.items():
        if value is not None and (run is None or ":" not in run):
            raise FerryError(ExitCode.USAGE, f"{option}: got it without a factory, expected it with --run package.module:factory")
