"""Files that people have and `predict` does not read, refused by name with the way out. The C++ twin is in cpp/cli/input.cpp."""

from __future__ import annotations

import re

from torchferry.errors import ExitCode, FerryError

HEAD_BYTES = 64  # of the file, by which such a file is told
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FIRST_ENTRY = re.compile(rb"PK\x03\x04.{26}(?:\[Content_Types\]|_rels/|docProps/|xl/|mimetype)", re.DOTALL)
_PICTURES = {
    "a GIF": re.compile(rb"GIF8[79]a"),
    "a TIFF": re.compile(rb"II\*\0|MM\0\*"),
    "a WebP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "an AVIF or HEIC": re.compile(rb".{4}ftyp(?:avif|heic|mif1)", re.DOTALL),
    "a JPEG 2000": re.compile(rb"\0\0\0\x0cjP  "),
    "a PDF": re.compile(rb"%PDF-"),
}


def refuse_foreign(head: bytes, where: str) -> None:
    """Raise FerryError(BAD_INPUT) for a file that begins as a workbook, or as a picture of a kind that is not read."""
    if head.startswith(_OLD_EXCEL) or _FIRST_ENTRY.match(head):
        raise FerryError(
            ExitCode.BAD_INPUT, f"{where}: got a workbook (Excel, LibreOffice), expected CSV; save its sheet as CSV in UTF-8"
        )
    for name, begin in _PICTURES.items():
        if begin.match(head):
            raise FerryError(ExitCode.BAD_INPUT, f"{where}: got {name}, expected PNG, JPEG, BMP, PGM or PPM; save it as PNG")
