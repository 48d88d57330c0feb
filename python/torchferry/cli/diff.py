"""`ferry diff`: two engines of one bundle, one engine against eager layer by layer, or two bundles."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from torchferry.bundle.reader import open_bundle
from torchferry.cli.options import (
    AllowNative,
    AllowOp,
    BundleFolder,
    Device,
    Json,
    RequireSignature,
    Threads,
    TrustPaths,
    show,
    trust_of,
)
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

LAYERS = "Layer by layer (--engine)"


def diff(
    bundle: BundleFolder,
    other: Annotated[
        str | None,
        typer.Argument(metavar="[OTHER]", help="A second bundle, to be compared with the first.", show_default=False),
    ] = None,
    engines: Annotated[str | None, typer.Option(help="Two engines, e.g. torchscript,aoti.", show_default=False)] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="The engine whose layers are compared; of two bundles, the only one compared.", show_default=False),
    ] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option("--input", help="Samples as for `ferry predict`; default: the bundle's goldens.", show_default=False),
    ] = None,
    batch: Annotated[int, typer.Option(help="Samples in one call.", min=1)] = 256,
    device: Device = "cpu",
    threads: Threads = 1,
    allow_native: AllowNative = False,
    allow_op: AllowOp = None,
    as_json: Json = False,
    language: Annotated[
        Literal["python", "cpp"], typer.Option(help="Which program runs the engine.", rich_help_panel=LAYERS)
    ] = "python",
    run: Annotated[
        str | None,
        typer.Option(
            help="The eager side: a recipe's name, a run folder, or package.module:factory; default: the torch.export program in the bundle.",
            rich_help_panel=LAYERS,
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="A state_dict for the factory's module.", rich_help_panel=LAYERS, show_default=False),
    ] = None,
    preprocess: Annotated[
        str | None,
        typer.Option(help="package.module:factory of the module put before it.", rich_help_panel=LAYERS, show_default=False),
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option(help="Folder of MNIST, for a run on it.", rich_help_panel=LAYERS, show_default=False)
    ] = None,
    ferry_run: Annotated[Path, typer.Option(help="The C++ program, built by `make build`.", rich_help_panel=LAYERS)] = Path(
        "build/bin/ferry-run"
    ),
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> int:
    """Say where two models differ and by how much; exit code 1 if they differ by more than their tolerances.

    ferry diff BUNDLE --engines A,B: may engine B stand for engine A? Outputs on the same inputs.

    ferry diff BUNDLE --engine X: the first layer whose output leaves its tolerance. The bundle's TorchScript or ONNX file is opened up
    into a probe that gives the values inside it too, and engine X runs it, in Python or in C++; they are held to what hooks see in
    the eager module. Without --run that is the torch.export program in the bundle, which shares whatever was wrong before the
    export. Not seen: functions without a module (only their effect, as `into LAYER`), layers that an exporter merged or dropped,
    layers inside an `if` or a loop that was kept, formats that are machine code, and what an engine fuses only without a probe.

    ferry diff BUNDLE OTHER [--engine X]: weights by their names, and outputs on the goldens of the first, for each format of the
    second. The outputs decide the exit code: ONNX keeps some weights merged, so that a name alone proves nothing.
    """
    _check_modes(other, input_, engines, engine, run)
    _check_layer_options(language, run, {"--weights": weights, "--preprocess": preprocess}, has_layers=engines is None)
    opened = open_bundle(bundle, trust=trust_of(trust, require_signature))
    where = Where(device, threads, allow_native, tuple(allow_op or ()), language, ferry_run)
    if other is not None:
        second = open_bundle(other, trust=trust_of(trust, require_signature))
        bundles = diff_two_bundles(opened, second, where, engine=engine)
        show(as_json, partial(bundle_diff_json, opened, second, bundles), partial(bundle_diff_lines, opened, second, bundles))
        return _code(bundles.is_same)
    if engine is not None:
        eager = _eager(run, weights, preprocess, data_root)
        layers = diff_layers(opened, engine, where, eager, samples=input_, batch=batch)
        show(as_json, partial(layers_json, opened, layers), partial(layers_lines, opened, layers))
        return _code(layers.found.first is None)
    engines_found = diff_two_engines(opened, *_two(engines or ""), where, samples=input_, batch=batch)
    show(as_json, partial(diff_json, opened, engines_found), partial(diff_lines, opened, engines_found))
    return _code(engines_found.is_same)


def _code(is_same: bool) -> int:
    return ExitCode.OK if is_same else ExitCode.MISMATCH


def _two(engines: str) -> tuple[str, str]:
    names = [name.strip() for name in engines.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise FerryError(ExitCode.USAGE, f"--engines: got {engines!r}, expected two different engines, e.g. torchscript,aoti")
    return names[0], names[1]


def _eager(run: str | None, weights: Path | None, preprocess: str | None, data_root: Path | None) -> Eager:
    """The eager side as the user named it; it is loaded when it is needed."""
    if run is None:
        return Eager()

    def load() -> tuple[nn.Module, nn.Module | None]:
        if ":" not in run:
            from torchferry.course.train import load_run

            return load_run(run, data_root).module, None
        from torchferry.intake.factory import build, load_module

        before = None if preprocess is None else build(preprocess, "--preprocess").eval()
        return load_module(run, weights), before

    return Eager(run, load)


def _check_modes(other: str | None, inputs: object, engines: str | None, engine: str | None, run: str | None) -> None:
    if engine == "":  # a script's unset variable
        raise FerryError(ExitCode.USAGE, "--engine: got nothing, expected a name")
    if other is not None and (engines is not None or run is not None or inputs):
        option = "--engines" if engines is not None else "--run" if run is not None else "--input"
        raise FerryError(ExitCode.USAGE, f"{option}: got it with two bundles, expected it with one; leave it out")
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
