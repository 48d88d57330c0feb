"""The line of JSON that a request leaves, and the W3C trace that it belongs to."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from torchferry.errors import ExitCode, FerryError
from torchferry.serve.log import RequestLog
from torchferry.serve.trace import continue_trace

# The example of https://www.w3.org/TR/trace-context/#examples-of-http-traceparent-headers
W3C = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_request_goes_on_in_the_trace_of_its_caller() -> None:
    found = continue_trace(W3C)
    assert (found.trace_id, found.parent_id, found.flags) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "01")
    assert found.header.startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    assert found.span_id not in (found.parent_id, continue_trace(W3C).span_id)
    assert continue_trace("01" + W3C[2:] + "-what comes later").trace_id == found.trace_id


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "ff" + W3C[2:],
        W3C + "-more",
        W3C.upper(),
        W3C[:-1],
        W3C + "\n",
        "00-" + "0" * 32 + W3C[35:],
        W3C[:36] + "0" * 16 + W3C[52:],
    ],
)
def test_a_malformed_trace_is_begun_anew(header: str | None) -> None:
    found = continue_trace(header)
    assert found.parent_id is None
    assert (len(found.trace_id), len(found.span_id)) == (32, 16)
    assert int(found.trace_id, 16)
    assert found.trace_id not in W3C


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_one_line_is_written_for_each_request(tmp_path: Path) -> None:
    log = RequestLog(str(tmp_path / "log"))
    with log.entry("http", "infer", {"traceparent": W3C, "x-request-id": "q-1"}, {"name": "iris", "version": "2"}) as entry:
        log.note(rows=3)
        entry.status = 200
    with pytest.raises(ZeroDivisionError), log.entry("grpc", "infer", {}, {"name": "iris"}):
        raise ZeroDivisionError
    log.note(rows=9)  # of nobody
    first, second = read(tmp_path / "log")
    assert (first["request_id"], first["model"], first["version"], first["rows"], first["status"]) == ("q-1", "iris", "2", 3, 200)
    assert (first["trace_id"], first["parent_id"]) == (W3C[3:35], W3C[36:52])
    assert (second["status"], second["parent_id"], "rows" in second) == (500, None, False)
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


@pytest.mark.parametrize("given", ["", "a\nb", "a b", "x" * 129, "é"])
def test_an_id_that_no_header_holds_is_replaced(tmp_path: Path, given: str) -> None:
    log = RequestLog(str(tmp_path / "log"))
    with log.entry("http", "infer", {"x-request-id": given}, {"name": 'a"\n' + "b" * 999}) as entry:
        assert entry.request_id != given
    (line,) = read(tmp_path / "log")
    assert str(line["model"]).startswith('a"\nb')
    assert len(str(line["model"])) == 200


def test_a_full_disk_costs_no_answer() -> None:
    lost: list[int] = []
    log = RequestLog("/dev/full", lost=lambda: lost.append(1))
    with log.entry("http", "infer", {}, {}):
        pass
    assert lost == [1]


def test_a_log_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FerryError, match=r"--log: .*: got No such file or directory, expected a file") as caught:
        RequestLog(str(tmp_path / "nowhere" / "log"))
    assert caught.value.code == ExitCode.IO
