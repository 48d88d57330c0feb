"""Taps: the values inside a model that a probe shows, named by the modules of the state_dict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from torchferry.bundle.contract import Contract
from torchferry.bundle.manifest import Artifact

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
        return self.dtype.startswith("float")


# From an artifact's bytes, the taps and the contract: its own outputs and then each tap that it shows, and those taps.
Writer = Callable[[Artifact, bytes, Sequence[Tap], Contract, Collection[str]], tuple[bytes, list[Tap]]]


def frame_of(taps: Sequence[Tap], paths: Collection[str]) -> str:
    """Return the module-path prefix under which most taps are found in the artifact."""
    return max(FRAMES, key=lambda frame: sum(frame + tap.path in paths for tap in taps))
