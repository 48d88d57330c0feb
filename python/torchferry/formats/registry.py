"""The formats: one row each. Everything that asks "which formats, which engines?" is derived from these rows.

What a row names is written as `package.module:attribute` and imported when it is needed, so that reading the rows imports no
runtime. Packages outside add rows by the entry points `torchferry.formats`, each of which names a `Format`:

    [project.entry-points."torchferry.formats"]
    perceptron = "ferry_perceptron:FORMAT"
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from torchferry.errors import ExitCode, FerryError

Io = Literal["float", "bytes", "int8"]
FROM_MODULE = "from-module"  # the scheme that keeps the scales that fake quantisation or convert_pt2e left in a module
ENTRY_POINTS = "torchferry.formats"
ALL = "all"  # after --to: every format that takes the module


@dataclass(frozen=True, kw_only=True)
class Format:
    """One format, and the engine that runs it.

    `bits` says which equal bits the engine promises: those of float32 `eager` with the same numerics, or its `own` on every
    processor, which its self-test compares. None: a bound only.
    """

    name: str  # in a manifest, and after --to
    engine: str
    exporter: str  # (ExportSource, Path) -> Written
    help: str = ""  # one line for `ferry export --help`; empty: not shown there
    opener: str | None = None  # (OpenRequest) -> Model; None: C++ only
    profiler: str | None = None  # (OpenRequest, inputs, calls) -> times of layers; None: its runtime measures none
    extra: str | None = None  # of torchferry, which brings what the opener needs
    in_cpp: bool = True  # has a plugin; False: Python only, which cmake/Engines.cmake tells ferry-run
    probe: str | None = None  # (ProbeRequest) -> Shown; None: its layers cannot be shown
    weights: str | None = None  # (Artifact, bytes, allow_ops) -> arrays by name; None: it hides them
    check: str | None = None  # (ExportSource) -> None, refuses what the exporter would, which writes bounds; None: it writes none
    own_bounds: str | None = None  # (ExportSource, cases, float32 bounds) -> bounds, where it computes in another way
    stand_in: str | None = None  # (ExportSource, engine) -> what is run in its place where it cannot be run, or None
    native_code: bool = False  # the engine runs machine code of the bundle, or what its source becomes
    bits: Literal["eager", "own"] | None = None
    largest_batch: int | None = None  # it needs one in the contract: this, where the user gives none
    sample_by_sample: bool = False  # it runs one sample after the other: a module that mixes samples is refused
    answers_by_libferry: bool = False  # for `predict`: its package for Python imports torch first, which takes two seconds
    limits_size: bool = False  # --max-bytes and --max-ram apply to it
    separates_weights: bool = False  # --separate-weights applies to it
    excludes: frozenset[str] = frozenset()  # formats whose files have the same names
    quantizes: tuple[str, ...] = ()  # (format, scheme, ...): what `--to FORMAT --quantize SCHEME` asks for
    is_program: bool = False  # the torch.export program, which every bundle has where torch.export takes the module
    is_default: bool = False  # exported where the user names no format


# In the order of preference: of several artifacts whose weights or layers can be read, the first is taken.
FORMATS: tuple[Format, ...] = (
    Format(
        name="torchscript",
        engine="torchscript",
        help="TorchScript, deprecated by PyTorch",
        exporter="torchferry.formats.torchscript:export",
        opener="torchferry.engines.torchscript:open_model",
        profiler="torchferry.engines.torchscript_profile:profile",
        extra="export",
        probe="torchferry.formats.torchscript_probe:probe_torchscript",
        weights="torchferry.formats.torchscript:weights",
        bits="eager",
        is_default=True,
    ),
    Format(
        name="onnx",
        engine="onnxruntime",
        help="ONNX",
        exporter="torchferry.formats.onnx:export",
        opener="torchferry.engines.onnxruntime:open_model",
        profiler="torchferry.engines.onnxruntime_profile:profile",
        extra="onnxruntime",
        probe="torchferry.formats.onnx_probe:probe_onnx",
        weights="torchferry.formats.onnx:weights",
        is_default=True,
    ),
    Format(
        name="aoti",
        engine="aoti",
        help="AOTInductor, compiled for one kind of machine",
        exporter="torchferry.formats.aoti:export",
        opener="torchferry.engines.aoti:open_model",
        probe="torchferry.formats.aoti_probe:probe_aoti",
        extra="export",
        native_code=True,
    ),
    Format(
        name="c",
        engine="c",
        help="C99 source without dependencies",
        exporter="torchferry.formats.c:export",
        check="torchferry.formats.c:require_expressible",
        opener="torchferry.engines.c:open_model",
        probe="torchferry.formats.c_probe:probe_c",
        stand_in="torchferry.formats.c:definition_without_compiler",
        native_code=True,
        bits="own",
        sample_by_sample=True,
        limits_size=True,
        separates_weights=True,
        excludes=frozenset({"c-int8"}),
    ),
    Format(
        name="c-int8",
        engine="c-int8",
        exporter="torchferry.formats.c:export_int8",
        check="torchferry.formats.c:require_expressible",
        opener="torchferry.engines.c:open_model",
        probe="torchferry.formats.c_probe:probe_c",
        own_bounds="torchferry.bounds.quantized:quantized_bounds",
        stand_in="torchferry.formats.c:definition_without_compiler",
        native_code=True,
        bits="own",
        sample_by_sample=True,
        limits_size=True,
        separates_weights=True,
        excludes=frozenset({"c"}),
        quantizes=("c", "int8", FROM_MODULE),
    ),
    Format(
        name="executorch",
        engine="executorch",
        help="ExecuTorch, for phones and small devices",
        exporter="torchferry.formats.executorch:export",
        opener="torchferry.engines.executorch:open_model",
        probe="torchferry.formats.executorch_probe:probe_executorch",
        extra="executorch",
        answers_by_libferry=True,
        largest_batch=1024,
    ),
    Format(
        name="export",
        engine="eager",
        exporter="torchferry.formats.program:export",
        opener="torchferry.engines.eager:open_model",
        profiler="torchferry.engines.eager_profile:profile",
        extra="export",
        in_cpp=False,
        weights="torchferry.formats.program:weights",
        bits="eager",
        is_program=True,
    ),
)


IOS: tuple[Io, ...] = ("float", "bytes", "int8")  # what the structs of C in int8 have for floats


def checked_io(io: str, names: Sequence[str], *, option: str) -> Io:
    """Return the word. Raises FerryError(USAGE), which begins with `option`, for another, and for bytes without a quantised format."""
    found = next((known for known in IOS if known == io), None)
    if found is None:
        raise FerryError(ExitCode.USAGE, f"{option}: got {io!r}, expected {', '.join(IOS[:-1])} or {IOS[-1]}")
    if found != "float" and not any(row.quantizes for row in chosen(names)):
        raise FerryError(
            ExitCode.USAGE, f"{option} {io} applies to C in int8 only (got --to {','.join(names)}); add --quantize int8"
        )
    return found


@dataclass(frozen=True)
class Asked:
    """The formats that a user asks for. `may_skip`: one that refuses the module is left out."""

    names: list[str]
    may_skip: bool


def formats() -> dict[str, Format]:
    """Return every format by its name: the project's own, then those of installed packages, sorted.

    Raises FerryError(UNAVAILABLE) for a package whose row cannot be loaded, or that takes a name which is taken.
    """
    found = {row.name: row for row in FORMATS}
    engines = {row.engine for row in FORMATS}
    for row in _installed():
        if row.name in found or row.engine in engines:
            raise FerryError(
                ExitCode.UNAVAILABLE,
                f"format {row.name}: got an installed package that adds format {row.name} with engine {row.engine}, expected names that "
                "are not taken; uninstall that package",
            )
        found[row.name] = row
        engines.add(row.engine)
    return found


def of_engine(engine: str) -> Format | None:
    """Return the row of an engine; None for an engine that no row names. Raises what `formats` raises."""
    own = next((row for row in FORMATS if row.engine == engine), None)
    return own or next((row for row in formats().values() if row.engine == engine), None)


def runs_in_cpp(engine: str) -> bool:
    """Say whether C++ may have a plugin of an engine: of one that no row names, it may."""
    row = of_engine(engine)
    return row is None or row.in_cpp


def of_format(name: str) -> Format | None:
    """Return the row of a format; None for a format that no row names. Raises what `formats` raises."""
    own = next((row for row in FORMATS if row.name == name), None)
    return own or formats().get(name)


def engines() -> list[str]:
    """Return the engines that Python can run, sorted by name."""
    return sorted(row.engine for row in formats().values() if row.opener is not None)


def default_formats() -> tuple[str, ...]:
    """Return the formats that are exported where the user names none."""
    return tuple(row.name for row in FORMATS if row.is_default)


def shown() -> list[str]:
    """Return the project's formats that `ferry export --help` lists."""
    return [row.name for row in FORMATS if row.help]


def quantized(names: Sequence[str], scheme: str | None, *, option: str, to: str = "--to") -> list[str]:
    """Return the formats, with the quantised one (`c-int8`) for the whole one (`c`).

    `option` and `to` are what the caller's user calls the scheme and the formats. Raises FerryError(USAGE).
    """
    if scheme is None:
        return list(names)
    rows = {(row.quantizes[0], known): row.name for row in formats().values() for known in row.quantizes[1:]}
    if scheme not in {known for _, known in rows}:
        raise FerryError(ExitCode.USAGE, f"{option}: got {scheme!r}, expected {' or '.join(sorted(known for _, known in rows))}")
    whole = [form for form, known in rows if known == scheme]
    if not set(whole) & set(names):
        raise FerryError(
            ExitCode.USAGE, f"{option}: got {scheme} with {to} {','.join(names)}, expected it with {' or '.join(whole)}"
        )
    return [rows.get((item, scheme), item) for item in names]


def asked(names: Sequence[str], scheme: str | None, *, option: str, to: str = "--to") -> Asked:
    """Return the formats that `--to NAMES --quantize SCHEME` asks for, where `all` stands for every format that `--help` lists.

    Raises FerryError(USAGE) for none, for an unknown one, for `all` beside others, and what `quantized` and `chosen` raise.
    """
    if not names:
        raise FerryError(ExitCode.USAGE, f"{to}: got no format, expected one or more of {','.join(shown())}, or {ALL}; name one")
    if ALL in names and len(names) > 1:
        raise FerryError(ExitCode.USAGE, f"{to}: got {','.join(names)}, expected {ALL} alone: it stands for every format")
    is_all = ALL in names
    wanted = quantized(shown() if is_all else names, scheme, option=option, to=to)
    if not is_all:
        chosen(wanted, to=to)
    return Asked(wanted, is_all)


def chosen(names: Iterable[str], *, to: str = "--to") -> list[Format]:
    """Return the rows of the formats that the user names; `to` is what he calls them.

    Raises FerryError(USAGE) for an unknown format, and for two whose files have the same names.
    """
    known = formats()
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in known:
            raise FerryError(ExitCode.USAGE, f"{to}: got {name!r}, expected one or more of {','.join(sorted(known))}, or {ALL}")
    for name in wanted:
        for other in sorted(known[name].excludes & set(wanted)):
            first, second = sorted((name, other))
            raise FerryError(
                ExitCode.USAGE,
                f"{to}: got {first} and {second}, expected one of them: their files have the same names; export two bundles",
            )
    return [known[name] for name in wanted]


def program_format() -> Format:
    """Return the row of the torch.export program."""
    return next(row for row in FORMATS if row.is_program)


def load(dotted: str) -> Any:
    """Import what a row names as `package.module:attribute`."""
    module, _, attribute = dotted.partition(":")
    return getattr(import_module(module), attribute)


def _installed() -> list[Format]:
    from importlib.metadata import entry_points  # reads the folders of every installed package

    return [_row(point.name, point.value, point.load) for point in sorted(entry_points(group=ENTRY_POINTS))]


def _row(name: str, value: str, load_row: Any) -> Format:
    try:
        row = load_row()
    except Exception as error:  # whatever a package raises while it is imported
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"format {name}: got {type(error).__name__} from the installed package ({value}): {error}; reinstall or uninstall that package",
        ) from None
    if not isinstance(row, Format):
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"format {name}: got {type(row).__name__} from the installed package ({value}), expected a torchferry Format; uninstall that package",
        )
    return row
