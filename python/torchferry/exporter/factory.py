"""An export of what `package.module:factory` builds."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from torchferry.bundle.reader import Bundle
from torchferry.bundle.writer import check_target
from torchferry.exporter.api import export
from torchferry.exporter.request import Factory, Target, name_of
from torchferry.intake.factory import build_preprocess, load_module, read_goldens
from torchferry.intake.specs import parse_input

_export: Callable[..., Bundle] = inspect.unwrap(export)  # whose refusals name the options of the command line


def export_factory(asked: Factory, target: Target) -> Bundle:
    """Build the module, and export it. Raises what torchferry.export raises."""
    name = name_of(asked.reference, asked.name)
    out = target.folder(name)
    check_target(out, force=target.force)
    module = load_module(asked.reference, asked.weights)
    outputs = [item if text is None else parse_input(item, text, kind="output") for item, text in asked.outputs.items()]
    return _export(
        module,
        inputs=asked.inputs,
        outputs=outputs or None,
        to=target.formats,
        quantize=target.quantize,
        io=target.io,
        out=out,
        golden=[read_goldens(path) for path in asked.golden] or None,
        calibration=None if asked.calibration is None else read_goldens(asked.calibration),
        description=f"{', '.join(path.name for path in asked.golden)}, given to ferry export" if asked.golden else None,
        preprocess=None if asked.preprocess is None else build_preprocess(asked.preprocess),
        classes=asked.classes,
        symbols=asked.symbols,
        state=asked.state,
        name=asked.name or name,
        force=target.force,
        seed=asked.seed,
        max_bytes=target.max_bytes,
        max_ram=target.max_ram,
        separate_weights=target.separate_weights,
        allow_ops=target.allow_ops,
        metadata=target.metadata,
        stress=target.stress,
    )
