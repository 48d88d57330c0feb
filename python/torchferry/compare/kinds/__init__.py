"""The kinds of tolerances, one file each: a closed set (FORMAT.md section 6)."""

from __future__ import annotations

from typing import Literal

from typing_extensions import assert_never

from torchferry.compare.kinds.absolute import Absolute
from torchferry.compare.kinds.bits import Bits
from torchferry.compare.kinds.kind import Kind
from torchferry.compare.kinds.label import Label

KindName = Literal["bits", "absolute", "label"]


def kind_of(name: KindName) -> Kind:
    """Return the rules and words of a kind. Every decision that depends on the kind is one of its methods."""
    match name:
        case "bits":
            return Bits()
        case "absolute":
            return Absolute()
        case "label":
            return Label()
    assert_never(name)
