"""`ferry export`: from a trained run, or from any module that a factory builds, to a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from torchferry.bundle.manifest import PASSED
from torchferry.bundle.reader import Bundle
from torchferry.cli import export_options as of
from torchferry.cli.console import say
from torchferry.cli.options import AllowOp
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.request import Factory, Target, name_of
from torchferry.formats import registry
from torchferry.packages.write import check_package, package_beside, write_package

_Value = TypeVar("_Value")
DEFAULT_FORMATS = ",".join(registry.default_formats())
_PLACES = ("separate", "built-in")

# The options that a trained run, which knows its inputs and weights, does not take.
_OF_A_MODULE = (
    *("--weights", "--input", "--output", "--golden", "--calibration", "--preprocess"),
    *("--classes", "--symbol", "--state", "--name", "--allow-op"),
)


def export(
    run: of.Run,
    to: of.Formats = DEFAULT_FORMATS,
    out: of.Out = None,
    data_root: of.DataRoot = None,
    max_batch: of.MaxBatch = None,
    max_bytes: of.MaxBytes = None,
    max_ram: of.MaxRam = None,
    separate_weights: of.SeparateWeights = False,
    quantize: of.Quantize = None,
    io: of.Io = "float",
    allow_op: AllowOp = None,
    metadata: of.MetadataTexts = None,
    package: of.Package = None,
    force: of.Force = False,
    stress: of.Stress = True,
    weights: of.Weights = None,
    input_: of.Inputs = None,
    output: of.OutputNames = None,
    golden: of.Golden = None,
    calibration: of.Calibration = None,
    preprocess: of.Preprocess = None,
    classes: of.ClassNames = None,
    symbol: of.Symbols = None,
    state: of.StatePairs = None,
    name: of.Name = None,
    seed: of.Seed = 0,
) -> None:
    """Export a trained run, or any module, to a bundle, which is written only if every artifact agrees with eager."""
    limits, texts = (max_bytes, max_ram, separate_weights, allow_op or []), _named("--metadata", metadata or [])
    target = Target(_formats(to), quantize, out, force, *limits, texts, stress, io)
    _check(target, package, run, name, weights)
    if ":" in run:
        inputs, outputs, pairs = _named("--input", input_ or []), _outputs(output or []), _named("--state", state or [])
        rest = (None if classes is None else _parts(classes), _limits(symbol or [], max_batch), name, seed, pairs)
        bundle = _export_factory(Factory(run, weights, inputs, outputs, golden or [], calibration, preprocess, *rest), target)
    else:
        given = (weights, input_, output, golden, calibration, preprocess, classes, symbol, state, name, allow_op)
        bundle = _export_run(run, given, target, data_root, max_batch)
    _tell(bundle, package)


def _check(target: Target, package: str | None, run: str, name: str | None, weights: Path | None) -> None:
    """Refuse formats, a package of them, and weights, before torch is imported. Raises FerryError(USAGE, UNAVAILABLE or IO)."""
    asked = registry.asked(target.formats, target.quantize, option="--quantize")
    registry.checked_io(target.io, asked.names, option="--io")
    if package is not None:
        out, separate = target.folder(name_of(run, name)), target.separate_weights
        check_package(package, asked.names, out, separate=separate, with_bytes=target.io != "float")
    _check_weights(weights)


def _check_weights(weights: Path | None) -> None:
    """Refuse the words of other tools for where the C has its weights. Raises FerryError(USAGE)."""
    if weights is not None and str(weights) in _PLACES and not weights.exists():
        raise FerryError(
            ExitCode.USAGE,
            f"--weights: got {weights}, expected the file of a state_dict; the weights of the C are in its code, and with "
            "--separate-weights in model.weights.bin",
        )


def _limits(symbol: Sequence[str], max_batch: int | None) -> dict[str, str]:
    return _named("--symbol", [*symbol, *([] if max_batch is None else [f"N=0..{max_batch}"])])


def _tell(bundle: Bundle, package: str | None) -> None:
    say(_written(bundle))
    if package is not None:
        folder = package_beside(bundle.folder, package)
        for note in write_package([bundle], package, folder):
            say(f"note: {note}", err=True)
        say(f"wrote {folder}: {package}, {bundle.manifest.name}")


def _export_run(run: str, given: Sequence[object], target: Target, data_root: Path | None, max_batch: int | None) -> Bundle:
    _refuse_options(run, dict(zip(_OF_A_MODULE, given, strict=True)))
    from torchferry.course.export import export_run_folder  # imports torch

    return export_run_folder(run, target, data_root=data_root, max_batch=max_batch)


def _export_factory(asked: Factory, target: Target) -> Bundle:
    from torchferry.exporter.factory import export_factory  # imports torch

    return export_factory(asked, target)


def _written(bundle: Bundle) -> str:
    artifacts = bundle.manifest.artifacts
    sizes = ", ".join(f"{artifact.format} {sum(file.bytes for file in artifact.files)} bytes" for artifact in artifacts)
    source = "" if bundle.manifest.golden.source == "real" else " on synthetic inputs"
    missing = [row.engine for row in artifacts if row.accepted.cpp != PASSED and registry.runs_in_cpp(row.engine)]
    alone = f"; C++ could not run {', '.join(missing)}" if missing else ""
    return f"wrote {bundle.folder}: {sizes}; every artifact agrees with eager{source}{alone}"


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _formats(to: str) -> list[str]:
    """Return the formats. Raises FerryError(USAGE)."""
    formats = [part for part in _parts(to) if part]
    if not formats:
        raise FerryError(
            ExitCode.USAGE, f"--to: got no format, expected one or more of {','.join(registry.shown())}, or {registry.ALL}"
        )
    return formats


def _outputs(items: Sequence[str]) -> dict[str, str | None]:
    """Return dtype and shape by the output's name; None where only the name was given. Raises FerryError(USAGE)."""
    named = [_pair("--output", item) if "=" in item else (item, None) for item in items]
    return _unique("--output", named)


def _named(option: str, items: Sequence[str]) -> dict[str, str]:
    """Return `NAME=VALUE` items as a dictionary. Raises FerryError(USAGE)."""
    return _unique(option, [_pair(option, item) for item in items])


def _unique(option: str, pairs: Sequence[tuple[str, _Value]]) -> dict[str, _Value]:
    named: dict[str, _Value] = {}
    for key, value in pairs:
        if key in named:
            raise FerryError(ExitCode.USAGE, f"{option}: got {key!r} twice, expected each name once")
        named[key] = value
    return named


def _pair(option: str, item: str) -> tuple[str, str]:
    key, mark, value = item.partition("=")
    if not mark or not key.strip() or not value.strip():
        example = {"--symbol": "T=1..512", "--state": "h=h_out", "--metadata": "licence=MIT"}.get(
            option, "image=uint8[N,3,32,32]"
        )
        raise FerryError(ExitCode.USAGE, f"{option}: got {item!r}, expected NAME=VALUE, e.g. {example}")
    return key.strip(), value.strip()


def _refuse_options(run: str, options: Mapping[str, object]) -> None:
    for option, value in options.items():
        if value:
            raise FerryError(
                ExitCode.USAGE,
                f"{option}: got it with the run {run!r}, expected it with package.module:factory only; a run knows its inputs and weights",
            )
