"""The log of requests: one line of JSON each, with the id and the trace by which it is found again."""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from torchferry.errors import ExitCode, FerryError
from torchferry.serve.trace import TRACEPARENT, Trace, continue_trace

REQUEST_ID = "x-request-id"
_ID = re.compile(r"[!-~]{1,128}")  # printable: an id comes back in a header
_MOST = 200  # characters of a name that a client chose


@dataclass
class Entry:
    """One request: what is known of it so far. `status`: of HTTP, also where it came over gRPC."""

    request_id: str
    trace: Trace
    fields: dict[str, Any] = field(default_factory=dict)
    status: int = 500


_CURRENT: ContextVar[Entry | None] = ContextVar("entry", default=None)


class RequestLog:
    """Appends to a file; without one, ids and traces are still given."""

    def __init__(self, path: str | None, *, lost: Callable[[], None] = lambda: None) -> None:
        """`lost` is called for a line that could not be written: a full disk costs no answer. Raises FerryError(IO)."""
        self._file, self._lost = None if path is None else open_log(path), lost

    @contextmanager
    def entry(self, protocol: str, verb: str, headers: Mapping[str, str], names: Mapping[str, str]) -> Iterator[Entry]:
        """Note one request, and write its line at the end; `names`: the model's, and the version's where the client gave one."""
        given = headers.get(REQUEST_ID) or ""
        entry = Entry(given if _ID.fullmatch(given) else secrets.token_hex(16), continue_trace(headers.get(TRACEPARENT)))
        entry.fields = {"protocol": protocol, "verb": verb, "model": names.get("name", "")[:_MOST]}
        if names.get("version"):
            entry.fields["version"] = names["version"][:_MOST]
        token, started = _CURRENT.set(entry), time.perf_counter()
        try:
            yield entry
        finally:
            _CURRENT.reset(token)
            self._write(entry, time.perf_counter() - started)

    def note(self, **fields: Any) -> None:
        """Add fields to the line of the request that is being answered."""
        entry = _CURRENT.get()
        if entry is not None:
            entry.fields.update(fields)

    def _write(self, entry: Entry, seconds: float) -> None:
        if self._file is None:
            return
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        trace = {"trace_id": entry.trace.trace_id, "span_id": entry.trace.span_id, "parent_id": entry.trace.parent_id}
        line = {"time": now, "request_id": entry.request_id, **trace, **entry.fields}
        line |= {"status": int(entry.status), "seconds": round(seconds, 6)}
        data = json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n"
        try:
            if os.write(self._file, data) != len(data):
                self._lost()
        except OSError:
            self._lost()


def open_log(path: str) -> int:
    """Return a descriptor that appends to a file, which only its owner may read. Raises FerryError(IO)."""
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"--log: {path}: got {error.strerror}, expected a file to append to; choose another"
        ) from None
