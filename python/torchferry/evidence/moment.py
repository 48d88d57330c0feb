"""The time that documents are dated with: SOURCE_DATE_EPOCH, as https://reproducible-builds.org/specs/source-date-epoch/ has it."""

from __future__ import annotations

import datetime
import os
import re

from torchferry.errors import ExitCode, FerryError

VARIABLE = "SOURCE_DATE_EPOCH"
_LAST = 253_402_300_799  # the end of the year 9999


def moment_of_build() -> datetime.datetime | None:
    """Return the time that SOURCE_DATE_EPOCH has in seconds since 1970; None where it is not set. Raises FerryError(USAGE)."""
    text = os.environ.get(VARIABLE)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,12}", text) or int(text) > _LAST:
        raise FerryError(
            ExitCode.USAGE, f"{VARIABLE}: got {text[:40]!r}, expected whole seconds since 1970; unset it or name a time"
        )
    return datetime.datetime.fromtimestamp(int(text), datetime.timezone.utc)
