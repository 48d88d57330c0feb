"""`ferry export`: from a trained run, or from any module that a factory builds, to a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from torchferry.bundle.reader import Bundle
from torchferry.cli.console import say
from torchferry.cli.options import AllowOp
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry

EXPORTED = Path("exported")
FACTORY = "Options of package.module:factory"


def export(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="A recipe's name (then runs/NAME), a run folder, or package.module:factory.", show_default=False
        ),
    ],
    to: Annotated[str, typer.Option(help=f"Formats, separated by commas: {', '.join(registry.shown())}.")] = ",".join(
        registry.default_formats()
    ),
    out: Annotated[Path | None, typer.Option(help="Folder of the bundle; default: exported/NAME.", show_default=False)] = None,
    data_root: Annotated[
        Path | None, typer.Option(help="Folder of MNIST; default: where the training read it.", show_default=False)
    ] = None,
    max_batch: Annotated[
        int | None,
        typer.Option(help="Largest batch in the contract; executorch needs one, 1024 if not given.", show_default=False),
    ] = None,
    max_bytes: Annotated[
        int | None, typer.Option(help="Largest size of the tables of format c; 64 MiB if not given.", show_default=False)
    ] = None,
    quantize: Annotated[
        str | None,
        typer.Option(
            metavar="int8", help="Format c with int8 weights, calibrated on training data (or --golden).", show_default=False
        ),
    ] = None,
    allow_op: AllowOp = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="A text that the manifest carries, e.g. licence=MIT; may be repeated.", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing bundle.")] = False,
    weights: Annotated[
        Path | None,
        typer.Option(help="A state_dict; default: what the factory gives.", rich_help_panel=FACTORY, show_default=False),
    ] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            help='NAME=DTYPE[DIM,...], e.g. "image=uint8[N,3,32,32]", or with a range, "tokens=int64[N,T]:0..999".',
            rich_help_panel=FACTORY,
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME, or NAME=DTYPE[DIM,...]; default: the names that the module gives.",
            rich_help_panel=FACTORY,
            show_default=False,
        ),
    ] = None,
    golden: Annotated[
        Path | None,
        typer.Option(
            help="Real inputs, .npz or .npy; default: random ones, called synthetic.", rich_help_panel=FACTORY, show_default=False
        ),
    ] = None,
    preprocess: Annotated[
        str | None,
        typer.Option(help="package.module:factory of a module put before it.", rich_help_panel=FACTORY, show_default=False),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="Class names of the output label, separated by commas.", rich_help_panel=FACTORY, show_default=False),
    ] = None,
    symbol: Annotated[
        list[str] | None, typer.Option(help="Limits of a free dim: T=1..512.", rich_help_panel=FACTORY, show_default=False)
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The bundle's name; default: the factory's.", rich_help_panel=FACTORY, show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of random goldens.", rich_help_panel=FACTORY)] = 0,
) -> None:
    """Export a trained run, or any module, to a bundle, which is written only if every artifact agrees with eager."""
    formats = _quantized([part.strip() for part in to.split(",") if part.strip()], quantize)
    texts = _named("--metadata", metadata or [])
    if ":" in run:
        bundle = export_factory(
            run,
            formats=formats,
            out=out,
            force=force,
            weights=weights,
            inputs=input_ or [],
            outputs=output,
            golden=golden,
            preprocess=preprocess,
            classes=classes,
            symbols=[*(symbol or []), *([] if max_batch is None else [f"N=0..{max_batch}"])],
            name=name,
            seed=seed,
            max_bytes=max_bytes,
            allow_ops=allow_op or [],
            metadata=texts,
        )
    else:
        factory_options = {
            "--weights": weights,
            "--input": input_,
            "--output": output,
            "--golden": golden,
            "--preprocess": preprocess,
        }
        _refuse_options(
            run, {**factory_options, "--classes": classes, "--symbol": symbol, "--name": name, "--allow-op": allow_op}
        )
        bundle = _export_run_folder(
            run,
            formats=formats,
            out=out,
            data_root=data_root,
            max_batch=max_batch,
            force=force,
            max_bytes=max_bytes,
            metadata=texts,
        )
    sizes = ", ".join(
        f"{artifact.format} {sum(file.bytes for file in artifact.files)} bytes" for artifact in bundle.manifest.artifacts
    )
    source = "" if bundle.manifest.golden.source == "real" else " on synthetic inputs"
    say(f"wrote {bundle.folder}: {sizes}; every artifact agrees with eager{source}")


def _quantized(formats: list[str], quantize: str | None) -> list[str]:
    """The formats with the quantised one (`c-int8`) for the whole one (`c`). Raises FerryError(USAGE)."""
    if not formats:
        raise FerryError(ExitCode.USAGE, f"--to: got no format, expected one or more of {','.join(registry.shown())}")
    if quantize is None:
        return formats
    schemes = {row.quantizes: row.name for row in registry.formats().values() if row.quantizes}
    if quantize not in {scheme for _, scheme in schemes}:
        raise FerryError(ExitCode.USAGE, f"--quantize: got {quantize!r}, expected {' or '.join(sorted(s for _, s in schemes))}")
    whole = [form for form, scheme in schemes if scheme == quantize]
    if not set(whole) & set(formats):
        expected = " or ".join(whole)
        raise FerryError(ExitCode.USAGE, f"--quantize: got {quantize} with --to {','.join(formats)}, expected it with {expected}")
    return [schemes.get((item, quantize), item) for item in formats]


def export_factory(
    reference: str,
    *,
    formats: Sequence[str],
    out: Path | None,
    force: bool,
    weights: Path | None,
    inputs: Sequence[str],
    outputs: Sequence[str] | None,
    golden: Path | None,
    preprocess: str | None,
    classes: str | None,
    symbols: Sequence[str],
    name: str | None,
    seed: int,
    max_bytes: int | None,
    allow_ops: Sequence[str],
    metadata: Mapping[str, str],
) -> Bundle:
    """Export what a factory builds. Raises what torchferry.export raises."""
    from torchferry.bundle.writer import check_target
    from torchferry.exporter.api import bundle_name
    from torchferry.exporter.api import export as export_module
    from torchferry.intake.factory import build, load_module, read_goldens
    from torchferry.intake.specs import parse_input

    specs = _named("--input", inputs)
    module = load_module(reference, weights)
    named = bundle_name(name or reference.rpartition(":")[2])
    target = EXPORTED / named if out is None else out
    check_target(target, force=force)
    return export_module(
        module,
        inputs=specs,
        outputs=None
        if not outputs
        else [parse_input(*_pair("--output", item), kind="output") if "=" in item else item for item in outputs],
        to=formats,
        out=target,
        golden=None if golden is None else read_goldens(golden),
        description=None if golden is None else f"{golden.name}, given to ferry export",
        preprocess=None if preprocess is None else build(preprocess, "--preprocess").eval(),
        classes=None if classes is None else [part.strip() for part in classes.split(",")],
        symbols=_named("--symbol", symbols),
        name=named,
        force=force,
        seed=seed,
        max_bytes=max_bytes,
        allow_ops=allow_ops,
        metadata=metadata,
    )


def _named(option: str, items: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` items as a dictionary. Raises FerryError(USAGE)."""
    named: dict[str, str] = {}
    for item in items:
        key, value = _pair(option, item)
        if key in named:
            raise FerryError(ExitCode.USAGE, f"{option}: got {key!r} twice, expected each name once")
        named[key] = value
    return named


def _pair(option: str, item: str) -> tuple[str, str]:
    key, mark, value = item.partition("=")
    if not mark or not key.strip() or not value.strip():
        example = {"--symbol": "T=1..512", "--metadata": "licence=MIT"}.get(option, "image=uint8[N,3,32,32]")
        raise FerryError(ExitCode.USAGE, f"{option}: got {item!r}, expected NAME=VALUE, e.g. {example}")
    return key.strip(), value.strip()


def _refuse_options(run: str, options: dict[str, object]) -> None:
    for option, value in options.items():
        if value:
            raise FerryError(
                ExitCode.USAGE,
                f"{option}: got it with the run {run!r}, expected it with package.module:factory only; a run knows its inputs and weights",
            )


def _export_run_folder(
    run: str,
    *,
    formats: Sequence[str],
    out: Path | None,
    data_root: Path | None,
    max_batch: int | None,
    force: bool,
    max_bytes: int | None,
    metadata: Mapping[str, str],
) -> Bundle:
    from torchferry.bundle.writer import check_target
    from torchferry.course.export import export_run
    from torchferry.course.train import load_run

    name = Path(run).name
    target = EXPORTED / name if out is None else out
    check_target(target, force=force)
    return export_run(
        load_run(run, data_root),
        name=name,
        formats=formats,
        out=target,
        force=force,
        max_batch=max_batch,
        max_bytes=max_bytes,
        metadata=metadata,
    )
