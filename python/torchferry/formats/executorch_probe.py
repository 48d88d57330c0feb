"""A probe of a .pte, which names no layer: lowered again from the reference, with the weights that the file has.

Weights have no names in a .pte either. The reference is lowered twice, as it is and with its taps. Where the first differs from the
file, in a weight at the same place, the second is given the file's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from torchferry.engines.pte_weights import weights_in_order
from torchferry.formats.built_again import source_of, told
from torchferry.formats.executorch import FILE, export
from torchferry.formats.taps import ProbeRequest, Shown, Tap

_MERGED = "BatchNorm"  # of a layer before it XNNPACK takes the weights into its own


def probe_executorch(request: ProbeRequest) -> Shown:
    """Return a program of the reference with all taps but those that would keep weights apart which the artifact has merged.

    Raises FerryError(UNAVAILABLE or FORMAT).
    """
    path, file = request.main_path, request.main_file
    own = weights_in_order(path, bytearray(_lowered(request, [])))
    theirs = weights_in_order(path, bytearray(file))
    taps = _apart(request.taps)
    data = bytearray(_lowered(request, taps))
    carried = _carry(theirs, own, weights_in_order(path, data))
    return Shown({path: bytes(data)}, taps, built_again=told(f"{carried} taken from {path}"))


def _lowered(request: ProbeRequest, taps: Sequence[Tap]) -> bytes:
    with TemporaryDirectory(prefix="ferry-probe-") as name:
        export(source_of(request, taps), Path(name))
        return (Path(name) / FILE).read_bytes()


def _apart(taps: Sequence[Tap]) -> list[Tap]:
    """Return the taps but those right before a batch norm."""
    followers = [*(tap.kind for tap in taps[1:]), ""]
    return [tap for tap, after in zip(taps, followers, strict=True) if not after.startswith(_MERGED)]


def _carry(theirs: Sequence[memoryview], own: Sequence[memoryview], made: Sequence[memoryview]) -> str:
    """Put the artifact's weights in the place of the reference's in a program, and say how many were."""
    if [len(view) for view in theirs] != [len(view) for view in own]:
        return "none of the weights"
    changed = [(bytes(view), bytes(right)) for view, right in zip(theirs, own, strict=True) if view != right]
    places = {right: [view for view in made if view == right] for _, right in changed}
    carried = 0
    for wrong, right in changed:
        for view in places[right]:
            view[:] = wrong
        carried += bool(places[right])
    return f"{len(own) - len(changed) + carried} of the {len(own)} weights"
