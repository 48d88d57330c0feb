"""The one way by which text from a bundle or a file reaches a terminal, CSV or HTML. The C++ twin is `printable` of cpp/src/text.cpp."""

from __future__ import annotations

import json
import re

# Control characters; marks without width and those that turn the direction of writing; separators of lines and paragraphs;
# lone surrogates, which stand for bytes of a path that are not UTF-8; tags.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    """Return `text` as one line: what a terminal would act on becomes \\xNN, \\uNNNN or \\UNNNNNNNN."""
    return _UNSAFE.sub(_escaped, text)


def quoted(text: str) -> str:
    """Return a word of the user in quotes, for a message; `nothing` where it is empty."""
    return f"'{text}'" if text else "nothing"


def json_text(value: object, *, sort_keys: bool = False) -> str:
    """Return JSON on one line that reads back to the same value and holds nothing that a terminal would act on."""
    return _UNSAFE.sub(_json_escaped, json.dumps(value, ensure_ascii=False, sort_keys=sort_keys))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # the byte itself
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD800 + ((code - 0x10000) >> 10):04x}\\u{0xDC00 + ((code - 0x10000) & 0x3FF):04x}"
