"""The limits of both programs are one file: what CMake made of it is what Python holds."""

from __future__ import annotations

import re

from builders.programs import BUILD
from torchferry import limits

HEADER = BUILD / "generated" / "limits.hpp"


def test_the_generated_header_has_every_limit_and_no_other() -> None:
    written = dict(re.findall(r"constexpr std::int64_t (\w+) = (\d+);", HEADER.read_text()))
    held = {name.lower(): value for name, value in vars(limits).items() if name.isupper()}
    assert {name: int(value) for name, value in written.items()} == held
    assert len(held) >= 10


def test_every_limit_is_a_plain_positive_integer() -> None:
    for name, value in vars(limits).items():
        if not name.startswith("_"):
            assert type(value) is int, name
            assert value > 0, name
