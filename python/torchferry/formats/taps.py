"""Taps: the values inside a model that a probe shows, named by the modules of the state_dict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.dtype import family, find_dtype
from torchferry.bundle.manifest import Artifact

if TYPE_CHECKING:
    import torch

PROBED = "_layer_{}"  # the name of a tap's output in a probe
FRAMES = ("", "module.", "module.module.")  # what intake/framing.py and intake/source.py put before a module's own names


@dataclass(frozen=True)
class Tap:
    """What call number `call` of the module at `path` returned, or (`into`) was given first; the module ran `calls` times.

    `recorded` is the name under which the reference has it, `name` the same without a frame around the whole module.
    """

    name: str
    recorded: str
    kind: str
    path: str
    call: int
    calls: int
    into: bool
    dtype: str
    shape: tuple[int, ...]

    @property
    def is_float(self) -> bool:
        """Has the value a float dtype?"""
        dtype = find_dtype(self.dtype)
        return dtype is not None and family(dtype) == "float"


@dataclass(frozen=True)
class ProbeRequest:
    """What is opened up: an artifact with its checked `files`, the first of which is the one to open, of a bundle's contract.

    `layered`: the reference as a module that gives the contract's outputs and then some taps, for `inputs` [N, ...] of one batch by name.
    """

    artifact: Artifact
    files: Mapping[str, bytes]
    taps: Sequence[Tap]
    contract: Contract
    allow_ops: Collection[str]
    layered: Callable[[Sequence[Tap]], torch.nn.Module]
    inputs: Mapping[str, Array]

    @property
    def main_path(self) -> str:
        """The path of the artifact's first file."""
        return self.artifact.files[0].path

    @property
    def main_file(self) -> bytes:
        """The bytes of the artifact's first file."""
        return self.files[self.main_path]


@dataclass(frozen=True)
class Shown:
    """A probe's files: an artifact with its own outputs and then each of `taps`, as `_layer_0`, `_layer_1` and so on.

    `losses`: how far a tap may be off besides rounding, by its name. `built_again`: the artifact hides its values, and this one was
    built again from the reference; the text says what was taken from the artifact.
    """

    files: Mapping[str, bytes]
    taps: list[Tap]
    losses: Mapping[str, float] = field(default_factory=dict)
    built_again: str | None = None


Writer = Callable[[ProbeRequest], Shown]


def frame_of(taps: Sequence[Tap], paths: Collection[str]) -> str:
    """Return the module-path prefix under which most taps are found in the artifact."""
    return max(FRAMES, key=lambda frame: sum(frame + tap.path in paths for tap in taps))
