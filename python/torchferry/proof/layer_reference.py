"""The module that a bundle is held to when its layers are compared: one that the user names, or the program inside the bundle."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from torchferry.bundle.contract import Array
from torchferry.bundle.reader import Bundle
from torchferry.engines.program_loader import load_program
from torchferry.engines.torch_device import last_line
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry
from torchferry.intake.framing import framed
from torchferry.intake.half_frame import find_narrow, with_picked_values
from torchferry.intake.outputs import run_module
from torchferry.intake.pictures import Part, as_modules
from torchferry.intake.quiet import quiet

PROGRAM_ENGINE = registry.program_format().engine


def program_reference(bundle: Bundle) -> torch.nn.Module:
    """Load the bundle's torch.export program as modules with their names. Raises FerryError(UNAVAILABLE or FORMAT)."""
    if all(artifact.engine != PROGRAM_ENGINE for artifact in bundle.manifest.artifacts):
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"{bundle.folder}: reference: got no torch.export program in the bundle, expected a module to compare with; name it with --run",
        )
    entry = bundle.artifact(PROGRAM_ENGINE).files[0]
    program = load_program(str(bundle.folder / entry.path), bundle.read(entry))
    try:
        with quiet():
            module = torch.export.unflatten(program)
    except Exception as error:  # damaged files fail in many ways
        raise FerryError(
            ExitCode.FORMAT,
            f"{bundle.folder}: reference: got a program that torch.export cannot unflatten ({last_line(error)}); name the module with --run",
        ) from None
    for part in module.modules():
        for node in getattr(getattr(part, "graph", None), "nodes", ()):
            node.meta = {}  # symbolic tensors, of which no copy can be made
    return module


def module_reference(
    module: torch.nn.Module, bundle: Bundle, preprocess: Part | None, inputs: Mapping[str, Array]
) -> torch.nn.Module:
    """Put a user's module with its preprocessing into the frame that an export puts around it.

    `inputs` are in the contract's shapes. Raises FerryError(BAD_INPUT or USAGE).
    """
    names = [spec.name for spec in bundle.contract.inputs]
    before = as_modules(preprocess, dict(zip(names, bundle.contract.inputs, strict=True)), bundle.contract.symbols)
    ordered = {name: inputs[name] for name in names}
    narrow = find_narrow(module, names, before, ordered)
    found = run_module(framed(module, names, before, None, narrow=narrow), ordered, what="the bundle's inputs")
    return with_picked_values(module, names, before, narrow, found, bundle.contract.inputs).eval()
