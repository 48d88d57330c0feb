"""Workbooks of Excel and LibreOffice, which are refused by name: one holds several sheets, formulas and dates."""

from __future__ import annotations

import re

from torchferry.errors import ExitCode, FerryError

HEAD_BYTES = 64  # of the file, by which a workbook is told
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FIRST_ENTRY = re.compile(rb"PK\x03\x04.{26}(?:\[Content_Types\]|_rels/|docProps/|xl/|mimetype)", re.DOTALL)


def refuse_workbook(head: bytes, where: str) -> None:
    """Raise FerryError(BAD_INPUT) for a file that begins as .xlsx, .xls and .ods do."""
    if head.startswith(_OLD_EXCEL) or _FIRST_ENTRY.match(head):
        raise FerryError(
            ExitCode.BAD_INPUT, f"{where}: got a workbook (Excel, LibreOffice), expected CSV; save its sheet as CSV in UTF-8"
        )
