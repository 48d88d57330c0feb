"""The sanitiser: nothing that a terminal would act on, and nothing lost that can be read back."""

from __future__ import annotations

import json
import os
import unicodedata

import pytest

from torchferry.bundle.printable import json_text, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"), ("a\nb\r\tc", r"a\x0ab\x0d\x09c"), ("\x7f\x85\x9b", r"\x7f\x85\x9b"), ("\u202eabc\u2066", r"\u202eabc\u2066"),
        ("\u200b\u2028\ufeff", r"\u200b\u2028\ufeff"), ("\U000e0041", r"\U000e0041"), (os.fsdecode(b"\xff"), r"\xff"),
    ],
)  # fmt: skip
def test_what_a_terminal_would_act_on_is_shown_as_its_number(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_text_in_every_language_stays_as_it_is() -> None:
    text = "Größe 尺 \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 😀 naïve"
    assert printable(text) == text


def test_no_control_and_no_mark_of_direction_passes() -> None:
    """Held against the Unicode database, which knows what is a control character and what turns the direction."""
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN"}
    for code in range(0x110000):
        character = chr(code)
        acts = unicodedata.category(character) in ("Cc", "Zl", "Zp") or unicodedata.bidirectional(character) in turning
        soft = code == 0xAD or 0x1BCA0 <= code <= 0x1BCA3 or 0x1D173 <= code <= 0x1D17A or code in (0x180E,)  # without direction
        if acts and not soft and not 0xFDD0 <= code <= 0xFDEF and code & 0xFFFE != 0xFFFE and not 0xE0080 <= code <= 0xE0FFF:
            assert printable(character) != character, hex(code)


def test_json_reads_back_and_is_as_harmless() -> None:
    value = {"a\x1b": "\u202e\n\U000e0041\x7f", "b": [1.5, None, "ä"]}
    text = json_text(value)
    assert json.loads(text) == value
    assert printable(text) == text
