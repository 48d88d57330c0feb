"""What torch.export says of the sizes for which a module goes one way."""

from __future__ import annotations

import re

# `T = Dim('T', max=16)`, and `T = 2*_T`.
_LIMITS = re.compile(r"^\s*(\w+) = Dim\('\w+'(?:, min=(\d+))?(?:, max=(\d+))?\)", re.MULTILINE)
_MULTIPLE = re.compile(r"^\s*(\w+) = (\d+)\*_\w+", re.MULTILINE)


def said_limits(text: str) -> list[tuple[str, str, int]]:
    """Return symbol, `least` or `most`, and the size of each limit in what torch.export said."""
    ends = [(name, (("least", low), ("most", high))) for name, low, high in _LIMITS.findall(text)]
    return [(name, end, int(size)) for name, both in ends for end, size in both if size]


def said_multiples(text: str) -> list[str]:
    """Return the symbols of which only multiples of a number go that way."""
    return [name for name, _ in _MULTIPLE.findall(text)]
