"""What a compiled package needs of a machine, and whether this one has it: asked before a loader sees the package."""

from __future__ import annotations

import platform
from collections.abc import Mapping

import torch

from torchferry.engines.machine import ISA_FLAGS, strongest_isa
from torchferry.errors import ExitCode, FerryError


def describe_machine() -> dict[str, str]:
    """Describe this machine in the words of an artifact's `requires`."""
    return {
        "cxx_abi": "cxx11" if torch.compiled_with_cxx11_abi() else "pre-cxx11",
        "isa": strongest_isa(),
        "machine": platform.machine(),
        "os": platform.system().lower(),
        "torch": torch.__version__.partition("+")[0],
    }


def check_requirements(requires: Mapping[str, str], device: str) -> None:
    """Check what the package needs. Raises FerryError: FORMAT where the manifest does not say it, UNAVAILABLE where this machine lacks it."""
    here = describe_machine()
    for key in ("devices", *here):
        if key not in requires:
            raise FerryError(
                ExitCode.FORMAT,
                f"aoti: requires.{key}: got none, expected what the package was compiled for; export the bundle again",
            )
    for key, value in here.items():
        if not _is_enough(key, value, requires[key]):
            raise FerryError(
                ExitCode.UNAVAILABLE,
                f"engine aoti: {key}: needs {requires[key]}, this {_HOLDER[key]} {value}; export the bundle on such a machine",
            )
    kind = device.partition(":")[0]
    if kind not in requires["devices"].split(","):
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"--device: got {device}, expected one of {requires['devices']}, for which the package was compiled; export it on a machine with {kind}",
        )


_HOLDER = {"cxx_abi": "torch has", "isa": "CPU has", "machine": "machine is", "os": "machine runs", "torch": "torch is"}


def _is_enough(key: str, here: str, needed: str) -> bool:
    if key != "isa":
        return here == needed
    levels = list(ISA_FLAGS)
    return needed in levels and levels.index(needed) <= levels.index(here)
