"""W3C Trace Context, https://www.w3.org/TR/trace-context: a request belongs to the trace that its caller names, else begins one."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

TRACEPARENT = "traceparent"
# version - trace id - id of the caller's span - flags; a later version may add fields.
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True)
class Trace:
    """Where one request stands in a trace; `parent_id` None: it is the first."""

    trace_id: str
    span_id: str
    parent_id: str | None
    flags: str

    @property
    def header(self) -> str:
        """The traceparent of this request, for who goes on from it."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def continue_trace(header: str | None) -> Trace:
    """Return a span of the trace that a `traceparent` names; of a new trace where there is none, or where it is malformed."""
    span_id = secrets.token_hex(8)
    found = _FORM.fullmatch(header or "")
    if found is None or not _is_valid(*found.groups()):
        return Trace(secrets.token_hex(16), span_id, None, "00")
    return Trace(found[2], span_id, found[3], found[4])


def _is_valid(version: str, trace_id: str, parent_id: str, _flags: str, more: str | None) -> bool:
    """Say whether the fields are such as the recommendation allows: no id is zero, version 00 has four fields, ff is none."""
    return version != "ff" and not (version == "00" and more) and int(trace_id, 16) != 0 and int(parent_id, 16) != 0
