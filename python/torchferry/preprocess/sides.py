"""Height and width as users give them."""

from __future__ import annotations

from collections.abc import Sequence

from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_IMAGE_SIDE

Sides = int | Sequence[int]  # one number for both, or height and width


def sides(what: str, given: Sides) -> tuple[int, ...]:
    """Return one side or height and width, in pixels; `what` begins a refusal. Raises FerryError(USAGE)."""
    found = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
    if len(found) not in (1, 2) or not all(_is_side(side) for side in found):
        raise FerryError(
            ExitCode.USAGE, f"{what}: got {given!r}, expected 1 to {MAX_IMAGE_SIDE} pixels, e.g. 224 or (224, 320): height, width"
        )
    return found


def _is_side(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_IMAGE_SIDE
